"""Decides how a study is worked off: workers are launched until the limits are reached, and what they lose goes on."""

import time
from collections.abc import Callable
from dataclasses import replace

from optuna.trial import TrialState

from hydra_plugins.champion_sweeper import _console, _launch, _progress, _queue, _study
from hydra_plugins.champion_sweeper._errors import SweepError
from hydra_plugins.champion_sweeper._limits import Limits, begun
from hydra_plugins.champion_sweeper._store import Store
from hydra_plugins.champion_sweeper._study import REASON
from hydra_plugins.champion_sweeper._worker import Worker


def search(worker: Worker, *, opening: Callable[[int | None], None], word: str = "trial") -> str | None:
    """Queue trials and launch workers until the limits are reached; what a dead worker ran is run again.

    `opening` says what begins, knowing how many trials there are to be in all; `word` is what one is called. Return why
    it has ended, or None where another command that shares the study is to say so. Raises SweepError when too many
    trials fail, or none succeeds.
    """
    store, n_workers = worker.store, worker.config.hydra.sweeper.workers
    before = {trial.number for trial in store.trials() if trial.state.is_finished()}
    _study.close_lost(store, command=worker.command)
    total = _queue.fill(store, worker.space, n_trials=worker.limits.n_trials)
    _study.ready(store, worker.command)
    worker = replace(worker, limits=replace(worker.limits, n_trials=total))
    opening(total)
    with _progress.progress(store, worker.limits, word=word):
        _work(worker, n_workers)
    if running := store.trials(TrialState.RUNNING):
        _console.elsewhere(len(running))
        return None
    _judge(store, worker.limits)
    if not _study.is_last(store, worker.command, before=before):
        _console.elsewhere(0)
        return None
    return worker.limits.ended(store.counted()) or "all trials are done"


def _work(worker: Worker, n_workers: int) -> None:
    """Launch workers while there is work, then wait for what other commands run, and take over what they lose."""
    store, limits, told = worker.store, worker.limits, False
    while not limits.ended(trials := store.counted()):
        if not limits.reached(trials):
            before = begun(store.trials())
            died = _launch.launch(worker, n_workers)
            _study.close_lost(store, command=worker.command, ended=died is None, blame=True)
            _queue.top_up(store, limits.n_trials)
            if begun(store.trials()) == before and not limits.reached(store.counted()):
                why = f"The launcher says: {died}" if died else "hydra.sweeper.workers=1 may show why."
                raise SweepError(f"The workers ended before they ran a trial. {why}")
        elif running := store.trials(TrialState.RUNNING):
            if not told:
                _console.waiting(len(running))
            told = True
            time.sleep(1)
            _study.close_lost(store, command=worker.command)
        else:
            return


def _judge(store: Store, limits: Limits) -> None:
    trials = store.counted()
    failed = [trial for trial in trials if trial.state is TrialState.FAIL]
    complete = sum(trial.state is TrialState.COMPLETE for trial in trials)
    reason = f"The first, trial {failed[0].number}: {failed[0].user_attrs.get(REASON, '?')}" if failed else ""
    if failed and not complete:
        raise SweepError(f"All {len(failed)} trials failed. {reason}")
    if limits.too_many_failed(trials):
        allowed = f"hydra.sweeper.max_failure_rate={limits.failure_rate} allows"
        raise SweepError(f"{len(failed)} of {len(failed) + complete} trials failed, more than {allowed}. {reason}")
    if not complete:
        pruner = f"hydra.sweeper.pruner ended all {len(trials)}; null lets them go on"
        remedy = "Give hydra.sweeper.timeout more seconds" if limits.ended(trials) else pruner
        raise SweepError(f"No trial was finished. {remedy}.")
