"""An Optuna study behind Hydra's -m. A job may tell it how far it is; outside a sweep that does nothing."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hydra_plugins.champion_sweeper._address import database
from hydra_plugins.champion_sweeper._current import (
    AGAIN,
    CHOICE,
    LAST_JOB,
    NOT_RANKED,
    REPEATED,
    WAITS,
    current_trial,
    expect_last_job,
    repeated,
    report,
    running,
    unfinished,
    waits,
)
from hydra_plugins.champion_sweeper._errors import Outage
from hydra_plugins.champion_sweeper._forks import ForkServer, fork_server, is_sendable, load_beside, start_fork_server
from hydra_plugins.champion_sweeper._idle import idle_cores
from hydra_plugins.champion_sweeper._output import goes_on_unheard
from hydra_plugins.champion_sweeper._stop import stops_on_sigterm
from hydra_plugins.champion_sweeper._watch import watching

if TYPE_CHECKING:
    from hydra_plugins.champion_sweeper._halving import FoldHalvingPruner


def __getattr__(name: str) -> Any:
    """Import what needs Optuna when it is asked for: every command of Hydra's imports this module."""
    if name != "FoldHalvingPruner":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from hydra_plugins.champion_sweeper._halving import FoldHalvingPruner

    return FoldHalvingPruner


def as_typed(key: str, value: object, overrides: Sequence[str]) -> str:
    """Return the text that was typed for a key, where Hydra has read a number: 2024.10 is no 2024.1 in a name.

    A value that comes from a file is written as it is there.
    """
    said = [text for name, _, text in (one.partition("=") for one in overrides) if name.lstrip("+") == key]
    return said[-1].strip() if said else str(value)
