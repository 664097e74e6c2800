"""Decides how cores are shared: folds of a small table are fitted side by side, and threads have idle cores only."""

from collections.abc import Callable, Generator, Iterable, Sequence
from functools import partial
from typing import Any, TypeAlias

import psutil
from joblib import cpu_count

from champion.errors import ConfigError
from hydra_plugins.champion_sweeper import ForkServer

Each: TypeAlias = Callable[[Callable[[Any], Any], Iterable[Any]], Generator[Any]]  # yields what map does

MOST_CELLS = 1_000_000  # of a table of which several copies may be worked on at the same time
MODELS = ("sklearn.ensemble", "xgboost", "lightgbm", "catboost")  # where those are that a sweep may fit
CELLS_PER_THREAD = 500_000  # with fewer, threads of OpenMP wait for each other longer than they work
LOOK = 0.05  # seconds in which others are seen at work, once and again

_server: ForkServer | None = None


def check(threads: object) -> None:
    """Raise ConfigError for a number of threads that can't be meant."""
    if threads is not None and (type(threads) is not int or threads < 1):
        raise ConfigError(f"threads must be a whole number from 1, or null for every core, but got {threads!r}.")


def share(threads: int | None, *, workers: int) -> int | None:
    """Return how many cores one of some workers has, unless `threads` says it; None means all.

    Raises ConfigError for threads that can't be meant.
    """
    check(threads)
    return max(1, cpu_count() // workers) if threads is None and workers > 1 else threads


def get_ready(model: str, *, searched: bool, cores: int | None) -> None:
    """Begin to import what fits side by side need, in a process beside this one, if there are idle cores for that.

    `model` is the path of the class that is fitted, first, if others are `searched` as well.
    """
    global _server
    if _server is None and cores != 1 and ForkServer.is_possible() and idle() > 1:
        _server = ForkServer(["champion.evaluation", model.rpartition(".")[0], *(MODELS if searched else ())])


def load(imports: Sequence[str]) -> None:
    """Begin to import more there, while this process has something else to do."""
    if server := _running():
        server.load(imports)


def side_by_side(cells: int, n_parts: int, *, cores: int | None) -> tuple[Each, int, int | None]:
    """Return how to go through parts of work on a table of so many cells, how many at a time, and their threads.

    `cores` is how many there are for all (None: all). Processes of a thread each don't wait for each other, as the
    threads of one fit do after every few microseconds of work.
    """
    own = cores or cpu_count()
    server, n = _running(), min(own, n_parts)
    if server is None or n < 2 or cells > MOST_CELLS:
        return one_by_one, 1, cores
    return partial(server.each, n=n), n, min(own // n, _helpful(cells))


def _running() -> ForkServer | None:
    """Return the process beside this one, if there is one: it may have been killed."""
    return _server if _server is not None and _server.is_running else None


def one_by_one(function: Callable[[Any], Any], jobs: Iterable[Any]) -> Generator[Any]:
    """Yield what `function` returns for each of the jobs, in this process."""
    yield from map(function, jobs)


def threads(cells: int) -> int:
    """Return how many threads help a fit on so many encoded cells, if those are OpenMP's.

    They spin while they wait for each other: where others use a core as well, all wait for the one that isn't on.
    """
    most = _helpful(cells)
    return most if most == 1 else min(idle(), most)


def _helpful(cells: int) -> int:
    return 1 + cells // CELLS_PER_THREAD


def idle() -> int:
    """Return how many of the cores that this process may use have nothing to do now: one at least."""
    most: int = cpu_count()
    if most == 1:
        return 1
    process = psutil.Process()
    own = process.cpu_affinity() if hasattr(process, "cpu_affinity") else range(psutil.cpu_count() or 1)
    # The first look still sees what this process has just done itself.
    looks = [psutil.cpu_percent(LOOK, percpu=True) for _ in range(2)]
    free = max(sum(1 - busy[core] / 100 for core in own) for busy in looks)
    return max(1, min(most, round(free)))
