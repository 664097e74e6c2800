"""Decides how things are called where people read them: quantities, classes, many names, the one that was meant."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import TypeAlias

Label: TypeAlias = str | int | bool  # of a class


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """Return " Did you mean 'price'?" for the choice nearest to `word`, or nothing where none is near."""
    near = get_close_matches(word, [str(choice) for choice in choices], n=1)
    return f" Did you mean '{near[0]}'?" if near else ""


def shorten(names: Iterable[object], *, limit: int = 20) -> str:
    """Return the names with commas between them, cut after `limit` of them."""
    listed = [str(name) for name in names]
    more = f", … ({len(listed)} in all)" if len(listed) > limit else ""
    return ", ".join(listed[:limit]) + more


def key(label: Label) -> str:
    """Return what a class is called where only text will do, as in the names of columns and the keys of JSON."""
    return str(label).lower() if isinstance(label, bool) else str(label)


def amount(value: float) -> str:
    """Return a quantity in the target's unit with four digits or more, as in 48,963 or 0.1234."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:,.4g}"


def trial_name(number: int) -> str:
    """Return what the run of the trial of this number is called."""
    return f"trial_{number}"
