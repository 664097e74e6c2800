"""Decides where a study is kept, and how its trials change hands there: each is taken once, and closed once."""

import copy
import logging
import re
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import optuna
from optuna.exceptions import StorageInternalError, UpdateFinishedTrialError
from optuna.pruners import BasePruner
from optuna.samplers import BaseSampler
from optuna.storages import BaseStorage, JournalStorage, RDBStorage, get_storage
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import NullPool, create_engine, make_url
from sqlalchemy.exc import IntegrityError, ProgrammingError, SQLAlchemyError

from hydra_plugins.champion_sweeper import _alive
from hydra_plugins.champion_sweeper._address import database, shown, taken
from hydra_plugins.champion_sweeper._errors import SweepError
from hydra_plugins.champion_sweeper._journal import Journal, lock, own_faults
from hydra_plugins.champion_sweeper._rivals import Trial

LOST = "lost"  # of a trial whose worker died; it doesn't count
WORKER = "worker"  # the process that runs it, and after an @ the command that started that
CLAIMS = 3  # trials that a worker tries to take before it looks again: others have been quicker by then
VERSION = re.compile(r"v\d+\.\d+\.\d+\.\w")  # of Optuna's tables, as Alembic notes it
REFUSALS = (SQLAlchemyError, StorageInternalError)  # of a database or a disk, in the middle of a study
FEW = {"pool_size": 1, "max_overflow": 2, "pool_pre_ping": True}  # connections of a process to a database server


@dataclass(frozen=True)
class Store:
    """Where a study is kept, and its name there: all that a process needs to open it.

    `grace_period` are the seconds without a heartbeat after which a worker is taken for dead, in a database server.
    """

    url: str
    name: str
    grace_period: int = 60

    @property
    def storage(self) -> BaseStorage:
        """The storage, opened once in a process."""
        return _open(self.url, self.grace_period)

    @property
    def study_id(self) -> int:
        """The study's number in the storage."""
        return _study(self)._study_id

    @property
    def locks(self) -> Path | None:
        """The folder where workers hold their locks: beside the study's file; None for a server."""
        file = _file(self.url)
        return Path(file).parent / _alive.LOCKS if file else None

    def alive(self) -> AbstractContextManager[str]:
        """Show that this process lives, where a lock shows it; yield the name under which trials know it."""
        _ = self.storage  # or it is said that it can't be opened
        return _alive.alive(self.locks)

    def study(self, *, sampler: BaseSampler | None = None, pruner: BasePruner | None = None) -> optuna.Study:
        """Open the study, to read it or to run a trial of it."""
        study = copy.copy(_study(self))
        study.sampler, study.pruner = sampler or study.sampler, pruner or study.pruner
        return study

    def trials(self, *states: TrialState) -> list[FrozenTrial]:
        """Return the trials in these states, or all of them, as they are now."""
        return self.storage.get_all_trials(self.study_id, deepcopy=False, states=states or None)

    def counted(self) -> list[FrozenTrial]:
        """Return the trials that count towards the total: all but those lost with their worker."""
        return [trial for trial in self.trials() if LOST not in trial.user_attrs]

    def note(self, trial: FrozenTrial, key: str, value: Any) -> None:
        """Keep something about a trial that hasn't finished."""
        self.storage.set_trial_user_attr(self._id(trial), key, value)

    def take(self, waiting: Sequence[FrozenTrial], worker: str) -> FrozenTrial | None:
        """Make one of these trials this worker's own, or return None where others were quicker.

        The first is tried first; where another worker is quicker, they look in different places next, a few times.
        """
        away = zlib.crc32(worker.encode()) % max(1, len(waiting))
        for trial in [*waiting[:1], *waiting[1:][away:], *waiting[1:][:away]][:CLAIMS]:
            with suppress(UpdateFinishedTrialError), own_faults(), self._alone():
                if self._claim(trial, worker):
                    self.note(trial, WORKER, worker)  # another one may have been here, too
                    return trial
        return None

    def _claim(self, trial: FrozenTrial, worker: str) -> bool:
        """Begin the trial; who does so is known before, as there may be no moment in which nobody knows."""
        if self.locks:
            self.note(trial, WORKER, worker)
        else:
            self._beat(trial)
        return self.storage.set_trial_state_values(self._id(trial), TrialState.RUNNING)

    def beating(self, trial: FrozenTrial) -> AbstractContextManager[None]:
        """Keep the running trial's heart beating, where that is how it lives."""
        if self.locks:
            return nullcontext()
        return _alive.beating(lambda: self._beat(trial), every=self.grace_period / 6)

    def _beat(self, trial: FrozenTrial) -> None:
        self.storage.record_heartbeat(self._id(trial))  # type: ignore[attr-defined]  # all but files have it

    def is_lost(self, trial: FrozenTrial) -> bool:
        """Tell whether a running trial's worker is dead."""
        if self.locks is None:
            return self._id(trial) in self.storage._get_stale_trial_ids(self.study_id)  # type: ignore[attr-defined]
        if worker := trial.user_attrs.get(WORKER):
            return _alive.is_dead(self.locks, worker.partition("@")[0])
        started = trial.datetime_start
        return started is not None and (datetime.now() - started).total_seconds() > 10  # Optuna's times are local

    def end(self, trial: FrozenTrial, key: str, reason: str) -> bool:
        """Close a running trial as failed, with its reason under `key`; tell whether nobody else was quicker."""
        try:
            self.note(trial, key, reason)
            return self.storage.set_trial_state_values(self._id(trial), TrialState.FAIL)
        except UpdateFinishedTrialError:
            return False

    def start(self, trial: FrozenTrial, **options: Any) -> Trial:
        """Return the trial as one that suggests values; `options` are those of `study`."""
        return Trial(self.study(**options), self._id(trial))

    def together(self) -> AbstractContextManager[None]:
        """Let a file keep at once, at its end, what changes in here: nobody is to ask for it before."""
        backend = getattr(self.storage, "_backend", None)
        return backend.together() if isinstance(backend, Journal) else nullcontext()

    def _alone(self) -> AbstractContextManager[Any]:
        """Let one process at a time take a trial from SQLite, which can't lock a row, as other databases do."""
        file = _file(self.url)
        return lock(file) if file and file != self.url else nullcontext()

    def _id(self, trial: FrozenTrial) -> int:
        return self.storage.get_trial_id_from_study_id_trial_number(self.study_id, trial.number)


def _file(url: str) -> str | None:
    """Return the file that a study is kept in, or None where a server keeps it."""
    if "://" not in url:
        return url
    known = make_url(url)
    return known.database if known.get_backend_name() == "sqlite" else None


@cache
def _study(store: Store) -> optuna.Study:
    return optuna.load_study(study_name=store.name, storage=store.storage)


@cache
def _open(url: str, grace_period: int) -> BaseStorage:
    """Open a database's URL, or a journal file at a path."""
    try:
        if "://" not in url:
            return JournalStorage(Journal(url))
        _check_owner(url)
        return get_storage(url if _file(url) else _server(url, grace_period))
    except (*REFUSALS, OSError, ValueError, RuntimeError) as error:  # the last: tables of another Optuna
        raise SweepError(f"hydra.sweeper.storage '{shown(url)}' can't be opened: {_reason(error, url)}") from error


def _check_owner(url: str) -> None:
    """Raise SweepError, before anything is written, where a database's tables are something else's, such as MLflow's.

    Optuna would add its own to them, and then take their Alembic version for its own.
    """
    logging.getLogger("alembic").setLevel(logging.WARNING)  # it names each of its plugins
    from alembic.runtime.migration import MigrationContext

    with create_engine(database(url), poolclass=NullPool).connect() as connection:
        heads = MigrationContext.configure(connection).get_current_heads()
    if not all(VERSION.fullmatch(head) for head in heads):
        raise taken(url)


def _server(url: str, grace_period: int) -> RDBStorage:
    own: dict[str, Any] = {"engine_kwargs": FEW, "heartbeat_interval": 1, "grace_period": grace_period}
    for _ in range(5):
        with suppress(IntegrityError, ProgrammingError):  # another process makes the tables, too
            return RDBStorage(url, **own)
        time.sleep(1)
    return RDBStorage(url, **own)


@contextmanager
def refusals(store: Store) -> Iterator[None]:
    """Turn what refuses to keep a study while it goes on into a SweepError: a server that is gone, or a full disk."""
    try:
        yield
    except REFUSALS as error:
        raise SweepError(
            f"hydra.sweeper.storage '{shown(store.url)}' fails: {_reason(error, store.url)}. What has finished is kept;"
            f" the same command with hydra.sweeper.study_name={store.name} goes on."
        ) from error


def _reason(error: Exception, url: str) -> str:
    told = error.__cause__ if isinstance(error.__cause__, SQLAlchemyError) else error
    return str(told).strip().partition("\n")[0].replace(url, shown(url)).removesuffix(".")
