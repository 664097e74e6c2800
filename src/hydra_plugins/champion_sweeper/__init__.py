"""An Optuna study behind Hydra's -m. A job may tell it how far it is; outside a sweep that does nothing."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from optuna import Trial

_running: "Trial | None" = None


def current_trial() -> "Trial | None":
    """Return the trial that this process is running, or None outside a sweep."""
    return _running


def report(value: float, step: int) -> None:
    """Tell the study an intermediate value, such as the score of fold `step`.

    Raises optuna.TrialPruned where the study's pruner sees no use in going on. A study with several objectives
    can't be pruned, and hears nothing.
    """
    trial = _running
    if trial is None or len(trial.study.directions) > 1:
        return
    trial.report(value, step)
    if trial.should_prune():
        from optuna import TrialPruned

        raise TrialPruned(f"No use in going on after step {step}: {value:.6g}.")


@contextmanager
def running(trial: "Trial") -> Iterator[None]:
    """Make `trial` the current one of this process; for workers."""
    global _running
    _running = trial
    try:
        yield
    finally:
        _running = None
