"""What ends work in a sweep: each message is one line that says rule, value and remedy.

Hydra executes modules a second time when it scans for plugins, and would make other classes of these; it leaves out
those whose names begin as this one's.
"""

from collections.abc import Iterable
from difflib import get_close_matches

from hydra.errors import CompactHydraException


class SweepError(CompactHydraException):
    """Hydra shows it without a traceback, and exits with status 1."""


class Outage(Exception):  # noqa: N818, it is no error of the trial's
    """What a job needs is away: the trial waits in the queue again, and the search stops until it is told to go on."""


class OutputError(CompactHydraException):
    """What was to be printed couldn't be, though the work is done."""


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """Return " Did you mean 'n_trials'?" for the choice nearest to `word`, or nothing where none is near."""
    near = get_close_matches(word, list(choices), n=1)
    return f" Did you mean '{near[0]}'?" if near else ""
