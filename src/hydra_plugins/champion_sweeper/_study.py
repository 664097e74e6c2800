"""Decides what a study is: what it was made with, which of its trials are lost, and who prepares and ends it."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence

import optuna
from optuna.exceptions import DuplicatedStudyError
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from hydra_plugins.champion_sweeper import _alive
from hydra_plugins.champion_sweeper._errors import SweepError
from hydra_plugins.champion_sweeper._store import LOST, WORKER, Store

RETRY = "retry_of"  # the number of the lost trial that this one repeats
REASON = "reason"  # why a trial failed
TWIN = "same_as"  # the number of the trial whose parameters these are, too
DIED = "its worker died"
MADE_WITH = "made_with"  # of a study: the configuration beside its space, and the space
PREPARING = "preparing"  # of a study: the command that has made it, until its queue is filled
OTHERS = 30  # seconds that another command may take for that


def create(store: Store, *, directions: Sequence[str], made_with: Mapping[str, str], command: str) -> optuna.Study:
    """Create the study, which `command` then prepares, or go on with the one of this name when it is ready.

    Raises SweepError where that one was made with something else than `made_with`.
    """
    try:
        better = [StudyDirection[direction.upper()] for direction in directions]
        study = optuna.create_study(study_name=store.name, storage=store.storage, directions=better)
    except DuplicatedStudyError:
        study = store.study()
        _wait(lambda: MADE_WITH in study.user_attrs, seconds=10)
    else:
        study.set_user_attr(PREPARING, command)
    if MADE_WITH not in study.user_attrs:  # or who created it was killed
        study.set_user_attr(MADE_WITH, dict(made_with))
    _check(study, made_with)
    _wait(lambda: not _is_prepared_by_other(store, command), seconds=OTHERS)
    return study


def _is_prepared_by_other(store: Store, command: str) -> bool:
    maker = store.study().user_attrs.get(PREPARING)
    return maker not in (None, command) and not (store.locks and _alive.is_dead(store.locks, maker))


def ready(store: Store, command: str) -> None:
    """Let other commands go on with the study that this one has prepared."""
    study = store.study()
    if study.user_attrs.get(PREPARING) == command:
        study.set_user_attr(PREPARING, None)


def _wait(is_done: Callable[[], bool], *, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not is_done() and time.monotonic() < deadline:
        time.sleep(0.1)


def _check(study: optuna.Study, made_with: Mapping[str, str]) -> None:
    before = study.user_attrs[MADE_WITH]
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


def close_lost(store: Store, *, command: str, ended: bool = False, blame: bool = False) -> None:
    """Close the running trials of dead workers, and queue each of them again.

    All workers of `command` are dead if it has `ended`. With `blame`, a trial that was lost before may have killed its
    workers: it counts as failed, and isn't run again.
    """
    for trial in store.trials(TrialState.RUNNING):
        own = ended and _command(trial) == command
        if own or store.is_lost(trial):
            if blame and RETRY in trial.user_attrs:
                store.end(trial, REASON, DIED)
            else:
                put_back(store, trial, why=DIED, retry=trial.number)


def put_back(store: Store, trial: FrozenTrial, *, why: str, retry: int | None = None) -> None:
    """Close a running trial as lost, and queue its parameters again, in `retry` of the trial of this number."""
    if store.end(trial, LOST, why):
        queued = trial.system_attrs.get("fixed_params", {})  # it may not have come to choosing its values
        store.study().enqueue_trial({**queued, **trial.params}, user_attrs={} if retry is None else {RETRY: retry})


def is_last(store: Store, command: str, *, before: Collection[int]) -> bool:
    """Tell whether this of the commands that share a study is to end it: the one whose worker finished the last trial.

    All see the same, whatever their clocks say. Where that trial was among those `before` this command, it is alone.
    """
    done = [trial for trial in store.counted() if trial.datetime_complete and trial.user_attrs.get(REASON) != DIED]
    last = max(done, key=lambda trial: (trial.datetime_complete, trial.number))
    return last.number in before or _command(last) == command


def _command(trial: FrozenTrial) -> str:
    return str(trial.user_attrs.get(WORKER, "")).rpartition("@")[2]
