"""Decides what a job and its study tell each other while the job runs; outside a sweep they tell nothing.

Hydra executes modules again whose names have no underscore: a job's `report` would be another one then, and what is
sent to another process a copy that knows of no trial.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from optuna import Trial

NOT_RANKED = "not_ranked"  # of a study: why its trials can't be ranked, for people
LAST_JOB = "last_job"  # of a trial: what the last job takes of it, in seconds, should it have a part in that
CHOICE = "choice"  # of a study: the number of the trial that is chosen, who may be as good, and more, as `Found` has it
AGAIN = "again"  # of a study that runs trials of another one again: the name of that one
REPEATED = "trial"  # in it: the parameter that says which
WAITS = "waits"  # of a trial: what it waits for, since when, and until when at most

_running: "Trial | None" = None
_is_over: Callable[[float], bool]  # of the trial that is running


def current_trial() -> "Trial | None":
    """Return the trial that this process is running, or None outside a sweep."""
    return _running


def repeated() -> int | None:
    """Return the number of the trial that the current one repeats, or None where it is a trial of its own."""
    return _running.params[REPEATED] if _running is not None and AGAIN in _running.study.user_attrs else None


def unfinished() -> int:
    """Return how many trials of the study run or wait, the one of this process included; none outside a sweep."""
    from optuna.trial import TrialState

    open_ = (TrialState.RUNNING, TrialState.WAITING)
    return 0 if _running is None else len(_running.study.get_trials(deepcopy=False, states=open_))


def report(value: float, step: int, *, to_come: float | None = None) -> None:
    """Tell the study an intermediate value, such as the score of fold `step`.

    `to_come` are the seconds that the trial still takes, if that is known: none after its last step, when it is as good
    as complete. Raises optuna.TrialPruned where the study's pruner sees no use in going on, or there isn't that much
    time. A study with several objectives can't be pruned, and hears nothing.
    """
    trial = _running
    if trial is None or len(trial.study.directions) > 1:
        return
    trial.report(value, step)
    if to_come == 0:
        return
    late = _is_over(to_come or 0.0)
    if late or trial.should_prune():
        from optuna import TrialPruned

        raise TrialPruned(f"{'The time is over' if late else 'No use in going on'} after step {step}: {value:.6g}.")


def expect_last_job(own: float, *, rest: float = 0.0, trials: int = 1) -> None:
    """Tell the study how long the last job takes, so that the search leaves it that much of the timeout.

    Those are seconds: `rest`, and for each of the `trials` that it may be made of, the best one or several, its `own`.
    """
    if _running is not None:
        _running.set_user_attr(LAST_JOB, {"own": own, "rest": rest, "trials": trials})


def waits(why: str | None, *, until: float = 0.0) -> None:
    """Tell the study that the trial waits, until so many seconds since the epoch at most, or with None: no more."""
    if _running is not None:
        _running.set_user_attr(WAITS, why and {"why": why, "since": time.time(), "until": until})


@contextmanager
def running(trial: "Trial", *, is_over: Callable[[float], bool] = lambda _: False) -> Iterator[None]:
    """Make `trial` the current one of this process, for workers.

    `is_over` tells whether there is no time left for so many seconds that it still needs.
    """
    global _running, _is_over
    _running, _is_over = trial, is_over
    try:
        yield
    finally:
        _running = None
