"""Decides how cores are shared: folds of a small table are fitted side by side, and threads have idle cores only."""

import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from statistics import fmean
from typing import Any, TypeAlias

from joblib import cpu_count

from champion.base.errors import ConfigError
from hydra_plugins.champion_sweeper import ForkServer, fork_server, idle_cores, is_sendable, start_fork_server
from hydra_plugins.champion_sweeper import load_beside as load_beside

Each: TypeAlias = Callable[[Callable[..., Any], Iterable[Any]], Generator[Any]]  # yields function(job, threads=…)

MOST_CELLS = 1_000_000  # of a table of which several copies may be worked on at the same time
MODELS = ("sklearn.ensemble", "xgboost", "lightgbm", "catboost")  # where those are that a sweep may fit
NEARLY = 0.8  # of its time is over, of what is about to end
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
    """Begin to import what fits side by side need, in a process beside this one, if there are several cores.

    Where others work on these, too, several processes have a larger share of them than one. `model` is the path of the
    class that is fitted, first, if others are `searched` as well.
    """
    if fork_server() is None and cores != 1 and cpu_count() > 1:
        start_fork_server(["champion.learning.evaluation", model.rpartition(".")[0], *(MODELS if searched else ())])


def side_by_side(cells: int, n_parts: int, *, cores: Callable[[], int | None]) -> tuple[Each, int]:
    """Return how to go through parts of work on a table of so many cells, and how many are done at a time.

    `cores` tells how many there are for all (None: all), before each part that nothing else goes on beside. Processes
    of a thread each don't wait for each other, as the threads of one fit do after every few microseconds of work.
    """
    server, own = fork_server(), cores()
    if server is None or cells > MOST_CELLS:
        return partial(one_by_one, threads=own), 1
    spread = _Spread(server, n_parts, _helpful(cells), lambda: cores() or cpu_count())
    return spread, min(own or cpu_count(), n_parts)


@dataclass(frozen=True)
class _Spread:
    """Jobs done by forks, as many at a time as there are cores, each with no more threads than help beside others."""

    server: ForkServer
    n_jobs: int
    threads: int
    cores: Callable[[], int]

    def __call__(self, function: Callable[..., Any], jobs: Iterable[Any]) -> Generator[Any]:
        """Begin to do them; they are done here where they can't be sent."""
        if not is_sendable(function):
            return one_by_one(function, jobs, threads=self.cores())
        have, rest = self.cores(), iter(jobs)
        if min(have, self.n_jobs) > 1:
            return self._together(function, rest, left=self.n_jobs, have=have)
        return self._alone(function, rest)

    def _alone(self, function: Callable[..., Any], rest: Iterator[Any]) -> Generator[Any]:
        """Do one after the other in this process, while it has one core or there is one left."""
        for left in range(self.n_jobs, 0, -1):
            if min(have := self.cores(), left) > 1:
                yield from self._together(function, rest, left=left, have=have)
                return
            for job in islice(rest, 1):
                yield function(job, threads=min(have, self.threads))

    def _together(self, function: Callable[..., Any], rest: Iterator[Any], *, left: int, have: int) -> Generator[Any]:
        """Do all that is left side by side; the last, where they are fewer than the cores, may have all of these."""
        n, pace = min(have, left), _Pace()
        fair, last = min(have // n, self.threads), left % n

        def begun() -> Iterator[Callable[[], Any]]:
            for number, job in enumerate(rest):
                each = have // last if number >= left - last and pace.leaves_cores(fair) else fair
                pace.begun = time.monotonic()
                yield partial(function, job, threads=each)

        return pace.kept(self.server.each(_timed, begun(), n=n))


@dataclass
class _Pace:
    """How jobs go: the seconds that those took that are done, how many cores each had, when the last one began."""

    seconds: list[float] = field(default_factory=list)
    cores: list[float] = field(default_factory=list)
    begun: float = 0

    def kept(self, found: Generator[tuple[Any, float, float]]) -> Generator[Any]:
        """Yield what is done, and keep how it went."""
        with closing(found):
            for done, seconds, cores in found:
                self.seconds.append(seconds)
                self.cores.append(cores)
                yield done

    def leaves_cores(self, threads: int) -> bool:
        """Tell whether nobody else uses the cores, and what goes on with so many threads is nearly over."""
        if not self.seconds or min(self.cores) < ALONE * threads:
            return False
        return time.monotonic() - self.begun > NEARLY * fmean(self.seconds)


def _timed(part: Callable[[], Any]) -> tuple[Any, float, float]:
    """Return what a part returns, its seconds, and how many cores this process had meanwhile."""
    began, worked = time.perf_counter(), time.process_time()
    done = part()
    seconds = time.perf_counter() - began
    return done, seconds, (time.process_time() - worked) / seconds


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
