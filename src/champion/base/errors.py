"""What a user can cause: each message is one line that says rule, value and remedy."""


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
