"""What a user can cause: each message is one line that says rule, value and remedy."""

from collections.abc import Iterable
from difflib import get_close_matches


class ChampionError(Exception):
    """An answer to the user rather than a bug: shown as one line, without a traceback."""


class ConfigError(ChampionError):
    """A value of the config breaks a rule; the message names its key."""


class DataError(ChampionError):
    """The table can't be read, or can't be learned from."""


class TrackingError(ChampionError):
    """MLflow can't be reached, or refuses."""


class ModelError(ChampionError):
    """A model can't be built, saved or loaded, or there is none to serve."""


class RequestError(ChampionError):
    """A request to the server breaks a rule; the message never holds the caller's data."""

    def __init__(self, message: str, *, column: str | None = None, status: int = 400) -> None:
        super().__init__(message)
        self.column = column
        self.status = status


class CellError(RequestError):
    """A cell breaks the rule of its column; `row` counts from 0, and `breaks` says which rule, and how."""

    def __init__(self, column: str, row: int, *, rule: str, found: str) -> None:
        super().__init__(
            f"Column '{column}' must hold {rule} in every row, but row {row + 1} holds {found}.", column=column
        )
        self.row = row
        self.breaks = f"column '{column}' must hold {rule}, but holds {found}"


class OverloadError(RequestError):
    """The server has more to do than it can; the same request may be answered a second later."""

    def __init__(self, message: str) -> None:
        super().__init__(message, status=503)


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """Return " Did you mean 'price'?" for the choice nearest to `word`, or nothing where none is near."""
    near = get_close_matches(word, [str(choice) for choice in choices], n=1)
    return f" Did you mean '{near[0]}'?" if near else ""


def shorten(names: Iterable[object], *, limit: int = 20) -> str:
    """Return the names with commas between them, cut after `limit` of them."""
    listed = [str(name) for name in names]
    more = f", … ({len(listed)} in all)" if len(listed) > limit else ""
    return ", ".join(listed[:limit]) + more
