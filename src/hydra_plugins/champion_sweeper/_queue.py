"""Decides which trials wait in a study's queue, and which one a worker takes next.

The queue is the budget: workers take the next waiting trial until none is left, on any number of machines.
"""

import time

from optuna.trial import FrozenTrial, TrialState

from hydra_plugins.champion_sweeper._limits import Limits
from hydra_plugins.champion_sweeper._space import Searched
from hydra_plugins.champion_sweeper._store import Store

LENGTH = 30  # trials that wait at first: each look at the study reads all that wait, so they are few
REFILL = 15  # trials that are added at a time, by the worker that takes each so many-th one
TRIES = 5  # looks at an empty queue before a worker gives up


def fill(store: Store, space: Searched, *, n_trials: int | None) -> int | None:
    """Queue what is missing, and return how many trials there are to be in all (None: no end).

    A small discrete space is queued whole. Of another one, the configured values come first; what follows is chosen
    by the sampler when a worker takes it.
    """
    study, grid = store.study(), space.grid(n_trials)
    total = n_trials if grid is None else len(grid)
    for params in space.first() if grid is None else grid:
        if grid is not None or total is None or len(store.counted()) < total:
            study.enqueue_trial(params, skip_if_exists=True)
    if not (store.trials(TrialState.RUNNING) and store.trials(TrialState.WAITING)):  # or other workers are filling it
        top_up(store, total)
    return total


def top_up(store: Store, total: int | None) -> None:
    """Queue what is missing to the total and no worker will add; without a total, they add all."""
    if total is not None:
        begun = {trial.number for trial in store.trials() if trial.state is not TrialState.WAITING}
        coming = sum(_refill(number, total) for number in range(0, total, REFILL) if number not in begun)
        _add(store, total - len(store.counted()) - coming)


def _refill(number: int, total: int) -> int:
    """Return how many trials the worker adds that takes the trial of this number: each is taken by one, once."""
    return 0 if number % REFILL else max(0, min(REFILL, total - number - LENGTH))


def _add(store: Store, count: int) -> None:
    for _ in range(count):
        store.study().enqueue_trial({})


def take(store: Store, worker: str, limits: Limits) -> tuple[FrozenTrial, list[FrozenTrial]] | None:
    """Take a trial for this worker; return it and all that count, as they were seen for that.

    None, where a limit is reached or the queue stays empty. What is within the total is counted by the trials' numbers,
    so that no race for the last one makes it one more. A search without an end adds one where none waits.
    """
    total, tries = limits.n_trials, 0
    while tries < TRIES:
        seen = store.counted()
        if limits.reached(seen):
            break
        waiting = [trial for trial in seen[:total] if trial.state is TrialState.WAITING]
        if taken := store.take(waiting, worker):
            if total is not None:
                _add(store, min(_refill(taken.number, total), total - len(seen)))
            return taken, seen
        if total is not None:
            time.sleep(1)  # many have come at once; if it is empty, it is about to be filled
            tries += not waiting
        elif not waiting:
            _add(store, 1)
    return None
