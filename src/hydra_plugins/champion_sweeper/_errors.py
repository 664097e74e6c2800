"""What a user can cause in a sweep: each message is one line that says rule, value and remedy."""

from collections.abc import Iterable
from difflib import get_close_matches

from hydra.errors import CompactHydraException


class SweepError(CompactHydraException):
    """Hydra shows it without a traceback, and exits with status 1."""


class OutputError(CompactHydraException):
    """What was to be printed couldn't be, though the work is done."""


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """Return " Did you mean 'n_trials'?" for the choice nearest to `word`, or nothing where none is near."""
    near = get_close_matches(word, list(choices), n=1)
    return f" Did you mean '{near[0]}'?" if near else ""
