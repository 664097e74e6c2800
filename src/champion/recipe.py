"""Decides what is no recipe: a file whose values would land below its group, where nothing reads them."""

from collections.abc import Mapping
from typing import Any

from champion.errors import ConfigError

GROUP = "experiment"


def check(landed: Mapping[str, Any] | None, chosen: str | None) -> None:
    """Raise ConfigError where values of the recipe that is `chosen` (None: several) have `landed` below the group."""
    if landed is not None:
        raise ConfigError(unpackaged(chosen or "*"))


def unpackaged(name: str) -> str:
    """Return what to say of a recipe of this name that lacks its first line."""
    return (
        f"{GROUP} '{name}' must begin with the line `# @package _global_`, or nothing reads what it says."
        f" Add it as the first line of {GROUP}/{name}.yaml."
    )
