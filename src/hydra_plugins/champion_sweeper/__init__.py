"""An Optuna study behind Hydra's -m. A job may tell it how far it is; outside a sweep that does nothing."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from optuna import Trial

LAST_JOB = "last_job_seconds"  # of a trial: how long the last job will take, should this be the best one

_running: "Trial | None" = None
_is_over: Callable[[], bool] = bool


def current_trial() -> "Trial | None":
    """Return the trial that this process is running, or None outside a sweep."""
    return _running


def report(value: float, step: int, *, last: bool = False) -> None:
    """Tell the study an intermediate value, such as the score of fold `step`, the `last` one or not.

    Raises optuna.TrialPruned where the study's pruner sees no use in going on, or its time is over. A study with
    several objectives can't be pruned, and hears nothing.
    """
    trial = _running
    if trial is None or len(trial.study.directions) > 1:
        return
    trial.report(value, step)
    late = not last and _is_over()
    if late or trial.should_prune():
        from optuna import TrialPruned

        raise TrialPruned(f"{'The time is over' if late else 'No use in going on'} after step {step}: {value:.6g}.")


def expect_last_job(seconds: float) -> None:
    """Tell the study how long the last job will take, so that the search leaves it that much of the timeout."""
    if _running is not None:
        _running.set_user_attr(LAST_JOB, seconds)


@contextmanager
def running(trial: "Trial", *, is_over: Callable[[], bool] = bool) -> Iterator[None]:
    """Make `trial` the current one of this process, until `is_over` tells that there is no more time; for workers."""
    global _running, _is_over
    _running, _is_over = trial, is_over
    try:
        yield
    finally:
        _running, _is_over = None, bool
