"""How runs are remembered in MLflow: where they are kept, what one holds, and how it ends whatever happens."""

from champion.tracking.connection import connect, ui_command
from champion.tracking.run import Run, start_run, start_sweep

__all__ = ["Run", "connect", "start_run", "start_sweep", "ui_command"]
