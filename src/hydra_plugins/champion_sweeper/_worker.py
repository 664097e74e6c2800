"""Decides how trials are run: take one that waits, compose its job, run it, tell the study, until none is left."""

import gc
import math
import os
import time
import warnings
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import optuna
from hydra.types import HydraContext, TaskFunction
from hydra.utils import instantiate
from omegaconf import DictConfig
from optuna.exceptions import ExperimentalWarning, UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState

from hydra_plugins.champion_sweeper import LAST_JOB, _job, _study, running
from hydra_plugins.champion_sweeper._space import Space
from hydra_plugins.champion_sweeper._store import Store
from hydra_plugins.champion_sweeper._study import QUEUE, REASON, TWIN

TRIES = 5  # looks at an empty queue before a worker gives up
STOPPED = (130, 143)  # exit statuses of a process told to stop by SIGINT or SIGTERM


@dataclass(frozen=True)
class Limits:
    """When workers stop: after so many trials, at a share of failed ones, in time for the last job.

    `deadline` is when the command is to have ended, in seconds since the epoch; `last_job` whether there is such a job.
    """

    n_trials: int | None
    deadline: float | None
    failure_rate: float
    last_job: bool = False

    def reached(self, store: Store) -> bool:
        """Tell whether no further trial may begin."""
        begun = _begun(store)
        return self._ended(begun) or (self.n_trials is not None and len(begun) >= self.n_trials)

    def ended(self, store: Store) -> bool:
        """Tell whether no further trial may begin even if one is lost that runs elsewhere."""
        return self._ended(_begun(store))

    def _ended(self, begun: Sequence[FrozenTrial]) -> bool:
        complete = [trial for trial in begun if trial.state is TrialState.COMPLETE]
        shortest = min(_seconds(complete), default=0.0)
        late = self.deadline is not None and self._left(complete, self.deadline) <= shortest
        return late or self.too_many_failed(begun)

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
        return failed > self.failure_rate * (self.n_trials or max(len(trials), 10))


def _begun(store: Store) -> list[FrozenTrial]:
    return [trial for trial in store.counted() if trial.state is not TrialState.WAITING]


def _seconds(trials: Sequence[FrozenTrial]) -> list[float]:
    return [trial.duration.total_seconds() for trial in trials if trial.duration is not None]


@dataclass(frozen=True)
class Worker:
    """A task function for any launcher: works the study off, in one process, with nobody to wait for.

    It can be sent to another process; `parent` is the one whose end ends it too, `command` the name of the command that
    it works for.
    """

    task: TaskFunction
    hydra_context: HydraContext
    config: DictConfig
    space: Space
    store: Store
    limits: Limits
    command: str
    parent: int | None = None

    def __call__(self, _: DictConfig | None = None) -> None:
        """Run trials until the limits are reached or the queue is empty."""
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        warnings.simplefilter("ignore", ExperimentalWarning)
        gc.freeze()  # to look through all that is imported for garbage costs half of a trial's overhead
        first = True
        with self.store.alive() as name:
            while self.parent in (None, os.getppid()) and not self.limits.reached(self.store):
                taken = self._take(name)
                if taken is None:
                    return
                with self.store.beating(taken), suppress(UpdateFinishedTrialError):  # it was taken for dead
                    self._run(taken)
                if first:
                    gc.freeze()  # what the first job has imported is there to stay, too
                first = False

    def _take(self, name: str) -> FrozenTrial | None:
        """Take the next trial. A search without an end adds one first; another's queue is filled now and then."""
        total, worker = self.limits.n_trials, f"{name}@{self.command}"
        for _ in range(TRIES):
            if total is None:
                _study.add_one(self.store)
            if taken := self.store.take(worker, total=total):
                if taken.number % (QUEUE // 2) == 0:  # so that it is one worker who fills it
                    _study.top_up(self.store, total, after=taken.number)
                return taken
            if self.limits.reached(self.store):
                break
            if total is not None:
                time.sleep(1)  # many have come at once, and it is about to be filled
        return None

    def _run(self, taken: FrozenTrial) -> None:
        settings = self.config.hydra.sweeper
        sampler, pruner = _sampler(settings.sampler, taken.number), _pruner(settings.pruner)
        trial = self.store.start(taken, sampler=sampler, pruner=pruner)
        try:
            params = self.space.suggest(trial)
            if twin := self._twin(trial):
                self._copy(trial, twin)
                return
            config, context = self.space.compose(params), self.hydra_context
            with running(trial, is_over=partial(self.limits.is_over, self.store)):
                returned = _job.run(self.task, config, number=trial.number, hydra_context=context, quiet=True)
            self._tell(trial, returned)
        except optuna.TrialPruned:
            trial.study.tell(trial, state=TrialState.PRUNED, skip_if_finished=True)
        except Exception as error:
            self._fail(trial, f"{type(error).__name__}: {error}")
        except SystemExit as stop:
            if stop.code in STOPPED:
                raise
            self._fail(trial, f"the job exits: {stop.code}")

    def _tell(self, trial: optuna.Trial, returned: Any) -> None:
        directions = trial.study.directions
        values = list(returned) if isinstance(returned, Sequence) and not isinstance(returned, str) else [returned]
        try:
            numbers = [float(value) for value in values]
        except (TypeError, ValueError):
            numbers = []
        if len(numbers) != len(directions) or any(math.isnan(number) for number in numbers):
            wanted = "a number" if len(directions) == 1 else f"{len(directions)} numbers"
            self._fail(trial, f"the job returned {returned!r:.100}, but a sweep needs {wanted} to compare.")
        else:
            trial.study.tell(trial, numbers, skip_if_finished=True)

    def _fail(self, trial: optuna.Trial, reason: str) -> None:
        trial.set_user_attr(REASON, " ".join(reason.split())[:2000])
        trial.study.tell(trial, state=TrialState.FAIL, skip_if_finished=True)

    def _twin(self, trial: optuna.Trial) -> FrozenTrial | None:
        """Return a finished trial with the same parameters."""
        finished = self.store.trials(TrialState.COMPLETE, TrialState.PRUNED)
        return next((one for one in finished if one.params == trial.params), None)

    def _copy(self, trial: optuna.Trial, twin: FrozenTrial) -> None:
        trial.set_user_attr(TWIN, twin.number)
        for step, value in twin.intermediate_values.items():
            trial.report(value, step)
        complete = twin.state is TrialState.COMPLETE
        trial.study.tell(trial, twin.values if complete else None, state=twin.state)


def _sampler(settings: DictConfig | None, number: int) -> optuna.samplers.BaseSampler | None:
    """Make the sampler of one trial: its seed follows from the seed of the study and the number of the trial.

    So no two workers propose the same point, and a study that goes on doesn't begin again.
    """
    if settings is None:
        return None
    own = {}
    if settings.get("seed") is not None:
        own["seed"] = int(np.random.SeedSequence([settings.seed, number]).generate_state(1)[0])
    sampler: optuna.samplers.BaseSampler = instantiate(settings, **own)
    return sampler


def _pruner(settings: DictConfig | None) -> optuna.pruners.BasePruner:
    pruner: optuna.pruners.BasePruner = optuna.pruners.NopPruner() if settings is None else instantiate(settings)
    return pruner
