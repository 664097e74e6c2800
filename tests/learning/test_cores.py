"""cores.py: who works on which core, and that it makes no difference to what comes out."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import joblib
import pytest
from joblib import cpu_count
from sklearn.base import BaseEstimator
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from xgboost import XGBRegressor

from champion.base.errors import ConfigError
from champion.data import Dataset, split
from champion.learning import cores, evaluation, pipeline
from hydra_plugins.champion_sweeper import _forks, _idle, idle_cores
from tests.conftest import recipe


@pytest.fixture(scope="module")
def beside() -> Iterator[None]:
    """Have the process from which others are forked."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_forks, "_server", server := _forks.ForkServer.start(["champion.learning.evaluation"]))
        yield
    server.close()


@pytest.mark.usefixtures("beside")
@pytest.mark.parametrize(
    "estimator",
    [
        RandomForestRegressor(10, random_state=0),
        HistGradientBoostingRegressor(max_iter=50, early_stopping=True, n_iter_no_change=3, random_state=0),
        XGBRegressor(n_estimators=50, early_stopping_rounds=3, random_state=0),
    ],
    ids=lambda one: type(one).__name__,
)
def test_folds_side_by_side_are_the_same_folds(small: Dataset, estimator: BaseEstimator) -> None:
    """To the last digit, in their order, with as many trees."""
    folds = pipeline.Folds(recipe(small), small, split.folds(small, n_splits=5, seed=0))
    alone = evaluation.cross_validate(estimator, folds, task=small.task)
    each, n = cores.side_by_side(small.X.size, 5, cores=lambda: 2)
    assert n == 2
    beside = evaluation.cross_validate(estimator, folds, task=small.task, each=each)
    assert [(fold.number, fold.metrics, fold.rounds) for fold in beside] == [
        (fold.number, fold.metrics, fold.rounds) for fold in alone
    ]
    for one, other in zip(beside, alone, strict=True):
        assert one.predicted.tolist() == other.predicted.tolist()


def worked(seconds: float, *, threads: int | None) -> tuple[int, int | None]:
    """Use a core for a while; return who has done it, and the threads that it might have had."""
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        pass
    return os.getpid(), threads


def slept(seconds: float, *, threads: int | None) -> tuple[int, int | None]:
    """Use none, as where others have all of it."""
    time.sleep(seconds)
    return os.getpid(), threads


@pytest.mark.usefixtures("beside")
@pytest.mark.parametrize(
    ("cells", "n_cores", "n", "threads"),
    [(cores.CELLS_PER_THREAD, 8, 4, [2] * 4), (1000, 8, 4, [1] * 4), (1000, 2, 2, [1] * 4), (1000, 3, 3, [1] * 4)],
)
def test_cores_left_over_are_threads(cells: int, n_cores: int, n: int, threads: list[int]) -> None:
    """Eight cores for four folds are two threads for each, where they help; no more forks than cores are begun."""
    each, found = cores.side_by_side(cells, 4, cores=lambda: n_cores)
    done = list(each(slept, [0.1] * 4))
    assert (found, [one[1] for one in done]) == (n, threads)
    assert len({pid for pid, _ in done} - {os.getpid()}) == n


@pytest.mark.usefixtures("beside")
@pytest.mark.parametrize(
    ("work", "first", "nearly", "threads"),
    [(worked, 0.5, 0, 2), (slept, 0.5, 0, 1), (worked, 0.5, 10, 1), (worked, 2.5, 0, 1)],
    ids=["all alike", "others use the cores", "one has just begun", "one goes on"],
)
def test_the_last_has_all_cores_that_are_about_to_be_free(
    monkeypatch: pytest.MonkeyPatch, work: Callable[..., Any], first: float, nearly: float, threads: int
) -> None:
    """Whether others use them is seen of those before: a process that has a core to itself has all of its time."""
    monkeypatch.setattr(cores, "ALONE", 0.05)  # other tests may have the rest just now
    monkeypatch.setattr(cores, "NEARLY", nearly)
    each, _ = cores.side_by_side(1000, 5, cores=lambda: 2)
    assert [one[1] for one in each(work, [first, 0.5, 0.5, 0.5, 0.5])] == [1, 1, 1, 1, threads]


def leave(file: Path, **_: object) -> Path:
    """Leave a file."""
    file.touch()
    return file


@pytest.mark.usefixtures("beside")
def test_work_begins_before_anybody_waits_for_it(tmp_path: Path) -> None:
    """So that a model is saved while others write what explains it."""
    files = [tmp_path / "one", tmp_path / "other"]
    each, _ = cores.side_by_side(1000, 2, cores=lambda: 2)
    begun, deadline = each(leave, files), time.monotonic() + 60
    while not all(file.exists() for file in files):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert list(begun) == files


@pytest.mark.usefixtures("beside")
def test_cores_that_become_free_are_used() -> None:
    """Parts are worked on here while there is one core, and by others as soon as there are more."""
    free = iter([1, 1, 1, 1, 2])
    each, n = cores.side_by_side(1000, 6, cores=lambda: next(free))
    assert n == 1
    done = list(each(slept, [0.1] * 6))
    assert done[:2] == [(os.getpid(), 1)] * 2
    assert len({pid for pid, _ in done[2:]} - {os.getpid()}) == 2


@pytest.mark.usefixtures("beside")
@pytest.mark.parametrize(("cells", "given"), [(1000, 1), (cores.MOST_CELLS + 1, 4)])
def test_one_core_and_large_tables_have_this_process_alone(cells: int, given: int) -> None:
    """Then there is nobody to work beside it, or it would take too much memory; fits have all the threads."""
    each, n = cores.side_by_side(cells, 5, cores=lambda: given)
    assert n == 1
    assert set(each(slept, [0] * 5)) == {(os.getpid(), given)}


def test_without_a_process_beside_folds_are_gone_through_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine whose cores others work on, or where it was killed."""
    one, gone = socket.socketpair()
    gone.close()
    for server in (None, _forks.ForkServer(one)):
        monkeypatch.setattr(_forks, "_server", server)
        each, n = cores.side_by_side(1000, 5, cores=lambda: 4)
        assert (n, set(each(slept, [0] * 5))) == (1, {(os.getpid(), 4)})
        assert not cores.load_beside(["nothing"])
    one.close()


def test_cores_are_shared_among_workers() -> None:
    """A worker has its part of them, or the threads that are given."""
    assert cores.share(None, workers=1) is None
    assert cores.share(None, workers=2) == max(1, cpu_count() // 2)
    assert cores.share(None, workers=1000) == 1
    assert cores.share(5, workers=2) == 5
    with pytest.raises(ConfigError, match=r"threads must be a whole number from 1, .* but got 'two'"):
        cores.share("two", workers=2)  # type: ignore[arg-type]


def test_cores_of_others_are_not_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where each core has work of another process, a fit has one thread, which waits for none."""
    monkeypatch.setattr(_idle, "LOOK", 0.5)
    monkeypatch.setattr(_idle, "_seen", None)
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(cpu_count() + 1)]
    try:
        assert idle_cores() == 1
    finally:
        for one in busy:
            one.kill()
            one.wait()


def test_fits_that_begin_soon_after_each_other_wait_for_one_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where others work, and folds are fitted one by one, each would begin a tenth of a second later."""
    found = iter([1.0, 2.0])
    monkeypatch.setattr(joblib, "cpu_count", lambda: 2)
    monkeypatch.setattr(_idle, "_seen", None)
    monkeypatch.setattr(_idle, "_free", lambda: next(found))
    assert [idle_cores() for _ in range(6)] == [1] * 6
    monkeypatch.setattr(_idle, "HOLDS", 0)
    assert idle_cores() == 2
