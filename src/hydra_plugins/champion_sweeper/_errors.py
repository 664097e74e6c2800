"""What a user can cause in a sweep: each message is one line that says rule, value and remedy."""

from hydra.errors import CompactHydraException


class SweepError(CompactHydraException):
    """Hydra shows it without a traceback, and exits with status 1."""


class OutputError(CompactHydraException):
    """What was to be printed couldn't be, though the work is done."""
