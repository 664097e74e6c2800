"""Decides what a study is: where it is kept, what it was made with, and which trials wait in its queue.

The queue is the budget: a worker takes the next waiting trial until none is left, on any number of machines.
"""

import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import optuna
from filelock import FileLock
from optuna.exceptions import DuplicatedStudyError, UpdateFinishedTrialError
from optuna.pruners import BasePruner
from optuna.samplers import BaseSampler
from optuna.storages import BaseStorage, JournalStorage, get_storage
from optuna.storages.journal import JournalFileBackend
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState, create_trial
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from hydra_plugins.champion_sweeper import _alive
from hydra_plugins.champion_sweeper._errors import SweepError
from hydra_plugins.champion_sweeper._space import Space

LOST = "lost"  # a trial whose worker died; it doesn't count
RETRY = "retry_of"  # the number of the lost trial that this one repeats
REASON = "reason"  # why a trial failed
TWIN = "same_as"  # the number of the trial whose parameters these are, too
WORKER = "worker"  # who runs it
MADE_WITH = "made_with"
QUEUE = 1000  # trials queued at once, at most


@dataclass(frozen=True)
class Store:
    """Where a study is kept, and its name there: all that a process needs to open it."""

    url: str
    name: str

    @property
    def storage(self) -> BaseStorage:
        """The storage, opened once in a process."""
        return _open(self.url)

    @property
    def study_id(self) -> int:
        """The study's number in the storage."""
        return self.storage.get_study_id_from_name(self.name)

    def study(self, *, sampler: BaseSampler | None = None, pruner: BasePruner | None = None) -> optuna.Study:
        """Open the study, to read it or to run a trial of it."""
        return optuna.load_study(study_name=self.name, storage=self.storage, sampler=sampler, pruner=pruner)

    def trials(self, *states: TrialState) -> list[FrozenTrial]:
        """Return the trials in these states, or all of them, as they are now."""
        return self.storage.get_all_trials(self.study_id, deepcopy=False, states=states or None)

    def note(self, trial: FrozenTrial, key: str, value: Any) -> None:
        """Keep something about a trial that hasn't finished."""
        self.storage.set_trial_user_attr(self._id(trial), key, value)

    def take(self, worker: str) -> FrozenTrial | None:
        """Make the next waiting trial this worker's own, or return None where none is waiting.

        The worker's name comes first, so that there is no moment in which a trial runs and nobody knows by whom.
        """
        with self._alone():
            for trial in self.trials(TrialState.WAITING):
                with suppress(UpdateFinishedTrialError):
                    self.note(trial, WORKER, worker)
                    if self.storage.set_trial_state_values(self._id(trial), TrialState.RUNNING):
                        self.note(trial, WORKER, worker)  # another one may have been here, too
                        return trial
        return None

    def begin(self, worker: str) -> FrozenTrial:
        """Add a trial to the queue's end as this worker's own."""
        running = create_trial(state=TrialState.RUNNING, user_attrs={WORKER: worker})
        return self.storage.get_trial(self.storage.create_new_trial(self.study_id, template_trial=running))

    def start(self, trial: FrozenTrial, **options: Any) -> optuna.Trial:
        """Return the trial as one that suggests values; `options` are those of `study`."""
        return optuna.Trial(self.study(**options), self._id(trial))

    def _alone(self) -> AbstractContextManager[Any]:
        """Let one process at a time take a trial from SQLite, which can't lock a row, as other databases do."""
        file = make_url(self.url).database if self.url.startswith("sqlite:") else None
        return FileLock(f"{file}.lock") if file else nullcontext()

    def _id(self, trial: FrozenTrial) -> int:
        return self.storage.get_trial_id_from_study_id_trial_number(self.study_id, trial.number)


@cache
def _open(url: str) -> BaseStorage:
    """Open a database's URL, or a journal file at a path."""
    try:
        if "://" in url:
            return get_storage(url)
        Path(url).parent.mkdir(parents=True, exist_ok=True)
        return JournalStorage(JournalFileBackend(url))
    except (SQLAlchemyError, OSError, ImportError, ValueError) as error:
        reason = str(error).strip().partition("\n")[0].replace(url, shown(url))
        raise SweepError(f"hydra.sweeper.storage '{shown(url)}' can't be opened: {reason}") from error


def shown(url: str) -> str:
    """Return a storage's address without its password."""
    return make_url(url).render_as_string(hide_password=True) if "://" in url else url


def create(store: Store, *, directions: Sequence[str], made_with: Mapping[str, str]) -> optuna.Study:
    """Create the study, or go on with the one of this name.

    Raises SweepError where that one was made with something else than `made_with`.
    """
    for direction in directions:
        if direction not in ("minimize", "maximize"):
            raise SweepError(f"hydra.sweeper.direction must be minimize or maximize, but got {direction!r}.")
    try:
        study = optuna.create_study(
            study_name=store.name,
            storage=store.storage,
            directions=[StudyDirection[direction.upper()] for direction in directions],
        )
    except DuplicatedStudyError:
        study = store.study()
    else:
        study.set_user_attr(MADE_WITH, dict(made_with))
    _check(study, made_with)
    return study


def _check(study: optuna.Study, made_with: Mapping[str, str]) -> None:
    deadline = time.monotonic() + 10
    while (before := study.user_attrs.get(MADE_WITH)) is None and time.monotonic() < deadline:
        time.sleep(0.1)  # another process has just created it
    if before is None:  # that process was killed
        study.set_user_attr(MADE_WITH, dict(made_with))
        return
    differ = [key for key in dict.fromkeys([*before, *made_with]) if before.get(key) != made_with.get(key)]
    if differ:
        told = "; ".join(
            f"{key} was {before.get(key, 'not there')}, but is {made_with.get(key, 'not there')} now"
            for key in differ[:3]
        )
        more = f" (and {len(differ) - 3} more)" if len(differ) > 3 else ""
        raise SweepError(
            f"Study '{study.study_name}' can't go on: {told}{more}."
            " Give what it was made with, or another hydra.sweeper.study_name."
        )


def fill(store: Store, space: Space, *, n_trials: int | None) -> int | None:
    """Queue what is missing, and return how many trials there are to be in all (None: no end).

    A small discrete space is queued whole. Of another one, the configured values come first; what follows is chosen
    by the sampler when a worker takes it.
    """
    study, grid = store.study(), space.grid(n_trials)
    total = n_trials if grid is None else len(grid)
    for params in space.first() if grid is None else grid:
        if grid is not None or total is None or len(counted(store)) < total:
            study.enqueue_trial(params, skip_if_exists=True)
    if grid is None and total is not None:
        for _ in range(min(total - len(counted(store)), QUEUE)):
            study.enqueue_trial({})
    return total


def counted(store: Store) -> list[FrozenTrial]:
    """Return the trials that count towards the total: all but those lost with their worker."""
    return [trial for trial in store.trials() if LOST not in trial.user_attrs]


def close_lost(store: Store, folder: Path, *, blame: bool = False) -> None:
    """Close the running trials of dead workers, and queue each of them again.

    With `blame`, a trial that was lost before may have killed its workers: it counts as failed, and isn't run again.
    """
    study = store.study()
    for trial in store.trials(TrialState.RUNNING):
        if _is_lost(trial, folder):
            again = not (blame and RETRY in trial.user_attrs)
            try:
                store.note(trial, LOST if again else REASON, "its worker died")
            except UpdateFinishedTrialError:
                continue  # it had just finished, and its worker was out of work
            study.tell(trial.number, state=TrialState.FAIL, skip_if_finished=True)
            if again:
                queued = trial.system_attrs.get("fixed_params", {})  # it may not have come to choosing its values
                study.enqueue_trial({**queued, **trial.params}, user_attrs={RETRY: trial.number})


def _is_lost(trial: FrozenTrial, folder: Path) -> bool:
    if worker := trial.user_attrs.get(WORKER):
        return _alive.is_dead(folder, worker)
    started = trial.datetime_start
    return started is not None and (datetime.now() - started).total_seconds() > 10  # Optuna's times are local
