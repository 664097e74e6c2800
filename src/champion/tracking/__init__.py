"""How runs are remembered in MLflow: where they are kept, what one holds, and how it ends whatever happens."""

from typing import TYPE_CHECKING, Any

from champion.tracking.connection import connect, connect_chosen, refusals_in_one_line, ui_command
from champion.tracking.run import Run, check_name, fetch, start_run, start_sweep

if TYPE_CHECKING:
    from champion.tracking.model import log_model

__all__ = [
    "Run",
    "check_name",
    "connect",
    "connect_chosen",
    "fetch",
    "log_model",
    "refusals_in_one_line",
    "start_run",
    "start_sweep",
    "ui_command",
]


def __getattr__(name: str) -> Any:
    """Import what saves models when it is asked for: it takes a second, which most commands spare."""
    if name != "log_model":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from champion.tracking.model import log_model

    return log_model
