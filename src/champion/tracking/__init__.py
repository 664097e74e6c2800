"""How runs are remembered in MLflow: where they are kept, what one holds, and how it ends whatever happens."""

from champion.tracking.connection import connect, connect_chosen, refusals_in_one_line, ui_command
from champion.tracking.model import log_model
from champion.tracking.run import Run, check_name, fetch, start_run, start_sweep

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
