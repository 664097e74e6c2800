"""How a file is scored without a server: its rows are read, checked, predicted and written some thousands at a time."""

from champion.scoring.output import check_output
from champion.scoring.scored import Scored, open_table, score

__all__ = ["Scored", "check_output", "open_table", "score"]
