"""Decides how cores are shared: folds of a small table are fitted side by side, and threads have idle cores only."""

import time
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from functools import partial
from itertools import islice
from typing import Any, TypeAlias

from joblib import cpu_count

from champion.errors import ConfigError
from hydra_plugins.champion_sweeper import ForkServer, fork_server, idle_cores, is_sendable, start_fork_server

Each: TypeAlias = Callable[[Callable[..., Any], Iterable[Any]], Generator[Any]]  # yields function(job, threads=…)

MOST_CELLS = 1_000_000  # of a table of which several copies may be worked on at the same time
MODELS = ("sklearn.ensemble", "xgboost", "lightgbm", "catboost")  # where those are that a sweep may fit
ALONE = 0.9  # of a core, at least, is what a process has where no other one works on it
CELLS_PER_THREAD = 500_000  # with fewer, threads of OpenMP wait for each other longer than they work


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
    if fork_server() is None and cores != 1 and idle_cores() > 1:
        start_fork_server(["champion.evaluation", model.rpartition(".")[0], *(MODELS if searched else ())])


def load(imports: Sequence[str]) -> None:
    """Begin to import more there, while this process has something else to do."""
    if server := fork_server():
        server.load(imports)


def side_by_side(cells: int, n_parts: int, *, cores: Callable[[], int | None]) -> tuple[Each, int]:
    """Return how to go through parts of work on a table of so many cells, and how many are done at a time.

    `cores` tells how many there are for all (None: all), before each part that nothing else goes on beside. Processes
    of a thread each don't wait for each other, as the threads of one fit do after every few microseconds of work.
    """
    server, own = fork_server(), cores()
    if server is None or cells > MOST_CELLS:
        return partial(one_by_one, threads=own), 1
    spread = partial(_spread, server, n_parts, threads=_helpful(cells), cores=lambda: cores() or cpu_count())
    return spread, min(own or cpu_count(), n_parts)


def _spread(
    server: ForkServer,
    left: int,
    function: Callable[..., Any],
    jobs: Iterable[Any],
    *,
    threads: int,
    cores: Callable[[], int],
) -> Generator[Any]:
    """Do as many jobs at a time as there are cores, each with no more threads than help where others work as well.

    What is left for fewer than the cores then has all of them, if those before had a core to themselves. What can't be
    sent is done here.
    """
    if not is_sendable(function):
        yield from one_by_one(function, jobs, threads=cores())
        return
    rest, alone = iter(jobs), False
    while left:
        have = cores()
        n = min(have, left)
        each = have // n if alone else min(have // n, threads)
        begun = islice(rest, left - left % n if n > 1 else 1)
        parts = (partial(function, job, threads=each) for job in begun)
        shares = []
        with closing(server.each(_timed, parts, n=n) if n > 1 else (_timed(part) for part in parts)) as found:
            for done, share in found:
                yield done
                shares.append(share)
        if not shares:
            return
        left, alone = left - len(shares), min(shares) > ALONE * each


def _timed(part: Callable[[], Any]) -> tuple[Any, float]:
    """Return what a part returns, and how many cores this process had meanwhile."""
    began, worked = time.perf_counter(), time.process_time()
    done = part()
    return done, (time.process_time() - worked) / (time.perf_counter() - began)


def one_by_one(function: Callable[..., Any], jobs: Iterable[Any], *, threads: int | None = None) -> Generator[Any]:
    """Yield what `function` returns for each of the jobs, in this process; None: fits have as many threads as help."""
    yield from (function(job, threads=threads) for job in jobs)


def threads(cells: int) -> int:
    """Return how many threads help a fit on so many encoded cells, if those are OpenMP's.

    They spin while they wait for each other: where others use a core as well, all wait for the one that isn't on.
    """
    most = _helpful(cells)
    return most if most == 1 else min(idle_cores(), most)


def _helpful(cells: int) -> int:
    return 1 + cells // CELLS_PER_THREAD
