"""Decides which trials wait in a study's queue, and which one a worker takes next.

The queue is the budget: workers take the next waiting trial until none is left, on any number of machines.
"""

import time

from optuna.trial import FrozenTrial, TrialState

from hydra_plugins.champion_sweeper._limits import Limits
from hydra_plugins.champion_sweeper._space import Space
from hydra_plugins.champion_sweeper._store import Store

LENGTH = 30  # trials that wait at once, at most: each look at the study reads them all
TRIES = 5  # looks at an empty queue before a worker gives up


def fill(store: Store, space: Space, *, n_trials: int | None) -> int | None:
    """Queue what is missing, and return how many trials there are to be in all (None: no end).

    A small discrete space is queued whole. Of another one, the configured values come first; what follows is chosen
    by the sampler when a worker takes it.
    """
    study, grid = store.study(), space.grid(n_trials)
    total = n_trials if grid is None else len(grid)
    for params in space.first() if grid is None else grid:
        if grid is not None or total is None or len(store.counted()) < total:
            study.enqueue_trial(params, skip_if_exists=True)
    top_up(store, total)
    return total


def top_up(store: Store, total: int | None, *, after: int | None = None) -> None:
    """Let as many trials follow the one of number `after`, or those that have begun, as the queue holds.

    Within the total, that is; without one, workers add theirs. Trials are taken in about the order of their numbers,
    so where the worker of each few-th does this, there is always one who does.
    """
    while total is not None:
        known = store.counted()
        waiting = [trial.state is TrialState.WAITING if after is None else trial.number > after for trial in known]
        if len(known) >= total or sum(waiting) >= LENGTH:
            break
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
            if taken.number % (LENGTH // 2) == 0:  # so that it is one worker who fills the queue
                top_up(store, total, after=taken.number)
            return taken, seen
        if total is not None:
            time.sleep(1)  # many have come at once, and it is about to be filled
            tries += 1
        elif not waiting:
            store.study().enqueue_trial({})
    return None
