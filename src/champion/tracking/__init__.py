"""How runs are remembered in MLflow: where they are kept, what one holds, and how it ends whatever happens."""

from champion.tracking.artifacts import fetch
from champion.tracking.connection import connect, connect_chosen, refusals_in_one_line, ui_command
from champion.tracking.experiment import check_name
from champion.tracking.run import ALONE, Point, Run, Whole, start_run, start_sweep
from champion.tracking.sweeps import Sweep, sweep
