"""Decides when a search is over, and says why: trials, time, patience, or too many of the trials that fail."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from optuna.trial import FrozenTrial, TrialState

from hydra_plugins.champion_sweeper import LAST_JOB
from hydra_plugins.champion_sweeper._patience import Patience
from hydra_plugins.champion_sweeper._store import Store


@dataclass(frozen=True)
class Limits:
    """When workers stop: after so many trials, at a share of failed ones, without a gain, in time for the last job.

    `deadline` is when search and last job are to have ended, in seconds since the epoch; `last_job` whether there is
    such a job, and `kept` the seconds that are left then for what is run again.
    """

    n_trials: int | None
    deadline: float | None
    failure_rate: float
    last_job: bool = False
    patience: Patience | None = None
    kept: float = 0.0

    def without_last_job(self, trials: Sequence[FrozenTrial]) -> "Limits":
        """Return limits of what comes after these trials: without a number, and ended in time for the last job."""
        complete = [trial for trial in trials if trial.state is TrialState.COMPLETE]
        deadline = None if self.deadline is None else time.time() + self._left(complete, self.deadline + self.kept)
        return Limits(None, deadline, self.failure_rate)

    def reached(self, trials: Sequence[FrozenTrial]) -> bool:
        """Tell whether no further trial may begin, given those that count."""
        return bool(self.ended(trials)) or (self.n_trials is not None and begun(trials) >= self.n_trials)

    def ended(self, trials: Sequence[FrozenTrial]) -> str:
        """Return why no further trial may begin even if one is lost that runs elsewhere, or nothing."""
        complete = [trial for trial in trials if trial.state is TrialState.COMPLETE]
        shortest = min(_seconds(complete), default=0.0)
        if self.deadline is not None and self._left(complete, self.deadline) <= shortest:
            return "hydra.sweeper.timeout: no time for another trial"
        if self.too_many_failed(trials):
            return "hydra.sweeper.max_failure_rate: too many trials failed"
        if self.patience and (lost := self.patience.lost(trials)):
            return f"hydra.sweeper.patience: {lost}"
        return ""

    def is_over(self, store: Store, needed: float = 0.0) -> bool:
        """Tell whether a running trial has no time for the seconds that it needs; where none is complete, it has."""
        if self.deadline is None:
            return False
        complete = store.trials(TrialState.COMPLETE)
        return bool(complete) and self._left(complete, self.deadline) <= needed

    def _left(self, complete: Sequence[FrozenTrial], deadline: float) -> float:
        """Return the seconds until the last job must begin: it takes as long as trials say, or as the longest one."""
        told = [trial.user_attrs[LAST_JOB] for trial in complete if LAST_JOB in trial.user_attrs]
        if not self.last_job:
            last_job = 0.0
        elif not told:
            last_job = max(_seconds(complete), default=0.0)
        else:
            slowest = sorted((one["own"] for one in told), reverse=True)
            last_job = max(one["rest"] for one in told) + sum(slowest[: max(one["trials"] for one in told)])
        return deadline - time.time() - last_job

    def too_many_failed(self, trials: Sequence[FrozenTrial]) -> bool:
        """Tell whether more trials have failed than the whole study may have; without a total, ten count as many."""
        failed = sum(trial.state is TrialState.FAIL for trial in trials)
        return failed > self.failure_rate * (self.n_trials or max(begun(trials), 10))


def begun(trials: Sequence[FrozenTrial]) -> int:
    """Count the trials that don't wait any more."""
    return sum(trial.state is not TrialState.WAITING for trial in trials)


def _seconds(trials: Sequence[FrozenTrial]) -> list[float]:
    return [trial.duration.total_seconds() for trial in trials if trial.duration is not None]
