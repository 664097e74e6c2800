"""Decides how trials are run: take one that waits, compose its job, run it, tell the study, until none is left."""

import errno
import gc
import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import optuna
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig
from optuna.exceptions import ExperimentalWarning, StorageInternalError, UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState

from hydra_plugins.champion_sweeper import _job, _queue, _sampling, _study, running
from hydra_plugins.champion_sweeper._errors import Outage
from hydra_plugins.champion_sweeper._limits import Limits
from hydra_plugins.champion_sweeper._parameter import chosen
from hydra_plugins.champion_sweeper._space import Searched
from hydra_plugins.champion_sweeper._store import Store, refusals
from hydra_plugins.champion_sweeper._study import REASON, RETRY, TWIN

STOPPED = (129, 130, 143)  # exit statuses of a process told to stop by SIGHUP, SIGINT or SIGTERM
FULL = (errno.ENOSPC, errno.EDQUOT)  # what every trial would meet, whatever it tries


@dataclass(frozen=True)
class Worker:
    """A task function for any launcher: works the study off, in one process, with nobody to wait for.

    It can be sent to another process; `command` is the name of the command that it works for.
    """

    task: TaskFunction
    hydra_context: HydraContext
    config: DictConfig
    space: Searched
    store: Store
    limits: Limits
    command: str

    def __call__(self, _: DictConfig | None = None) -> None:
        """Run trials until the limits are reached or the queue is empty."""
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        warnings.simplefilter("ignore", ExperimentalWarning)
        gc.freeze()  # to look through all that is imported for garbage costs half of a trial's overhead
        first = True
        with refusals(self.store), self.store.alive() as name:
            worker = f"{name}@{self.command}"
            while found := _queue.take(self.store, worker, self.limits):
                with self.store.beating(found[0]), suppress(UpdateFinishedTrialError):  # it was taken for dead
                    self._run(*found)
                if first:
                    gc.freeze()  # what the first job has imported is there to stay, too
                first = False

    def _run(self, taken: FrozenTrial, seen: Sequence[FrozenTrial]) -> None:
        settings = self.config.hydra.sweeper
        sampler, pruner = _sampling.sampler(settings.sampler, taken.number), _sampling.pruner(settings.pruner)
        trial = self.store.start(taken, sampler=sampler, pruner=pruner)
        try:
            with self.store.together():
                params = self.space.suggest(trial, queued=taken.system_attrs.get("fixed_params", {}))
            if twin := _twin(trial, seen):
                self._copy(trial, twin)
                return
            config, context = self.space.compose(params), self.hydra_context
            with running(trial, is_over=partial(self.limits.is_over, self.store)), _room():
                returned = _job.run(self.task, config, number=trial.number, hydra_context=context, quiet=True)
            self._tell(trial, returned)
        except Outage as outage:
            [now] = [one for one in self.store.trials(TrialState.RUNNING) if one.number == trial.number]
            _study.put_back(self.store, now, why=str(outage).rstrip("."), retry=taken.user_attrs.get(RETRY))
            raise
        except optuna.TrialPruned:
            trial.study.tell(trial, state=TrialState.PRUNED, skip_if_finished=True)
        except StorageInternalError:  # no fault of the trial, which is run again when the study goes on
            raise
        except Exception as error:  # whatever a job raises, its trial fails alone
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

    def _copy(self, trial: optuna.Trial, twin: FrozenTrial) -> None:
        trial.set_user_attr(TWIN, twin.number)
        for step, value in twin.intermediate_values.items():
            trial.report(value, step)
        complete = twin.state is TrialState.COMPLETE
        trial.study.tell(trial, twin.values if complete else None, state=twin.state)


@contextmanager
def _room() -> Iterator[None]:
    """Let a full disk be an outage, whatever a job writes there."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise Outage(f"The disk is full: {error}.") from error
        raise


def _twin(trial: optuna.Trial, seen: Sequence[FrozenTrial]) -> FrozenTrial | None:
    """Return a finished trial with the same parameters."""
    finished = [one for one in seen if one.state in (TrialState.COMPLETE, TrialState.PRUNED)]
    own = chosen(trial)
    return next((one for one in finished if chosen(one) == own), None)
