"""cores.py: who works on which core, and that it makes no difference to what comes out."""

import subprocess
import sys
from collections.abc import Iterator

import pytest
from joblib import cpu_count
from sklearn.base import BaseEstimator
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from xgboost import XGBRegressor

from champion import cores, evaluation, pipeline, split
from champion.data import Dataset
from champion.errors import ConfigError
from hydra_plugins.champion_sweeper import ForkServer
from tests.conftest import recipe


@pytest.fixture(scope="module")
def beside() -> Iterator[None]:
    """Have the process from which others are forked."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cores, "_server", server := ForkServer(["champion.evaluation"]))
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
    folds = pipeline.Folds(recipe(small), small, split.folds(small, n_splits=4, seed=0))
    alone = evaluation.cross_validate(estimator, folds, task=small.task, threads=1)
    each, n, threads = cores.side_by_side(small.X.size, 4, cores=2)
    assert (each is not cores.one_by_one, n, threads) == (True, 2, 1)
    beside = evaluation.cross_validate(estimator, folds, task=small.task, threads=threads, each=each)
    assert [(fold.number, fold.metrics, fold.rounds) for fold in beside] == [
        (fold.number, fold.metrics, fold.rounds) for fold in alone
    ]
    for one, other in zip(beside, alone, strict=True):
        assert one.predicted.tolist() == other.predicted.tolist()


@pytest.mark.usefixtures("beside")
def test_cores_left_over_are_threads() -> None:
    """Eight cores for four folds are two threads for each, where they help; no more forks than cores are begun."""
    assert cores.side_by_side(cores.CELLS_PER_THREAD, 4, cores=8)[1:] == (4, 2)
    assert cores.side_by_side(1000, 4, cores=8)[1:] == (4, 1)
    assert cores.side_by_side(1000, 5, cores=2)[1:] == (2, 1)


@pytest.mark.usefixtures("beside")
@pytest.mark.parametrize(("cells", "given"), [(1000, 1), (cores.MOST_CELLS + 1, 4)])
def test_one_core_and_large_tables_have_this_process_alone(cells: int, given: int) -> None:
    """Then there is nobody to work beside it, or it would take too much memory; fits have all the threads."""
    assert cores.side_by_side(cells, 5, cores=given) == (cores.one_by_one, 1, given)


def test_without_a_process_beside_folds_are_gone_through_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine whose cores others work on, or where it was killed."""
    gone = ForkServer([])
    gone.close()
    for server in (None, gone):
        monkeypatch.setattr(cores, "_server", server)
        assert cores.side_by_side(1000, 5, cores=4) == (cores.one_by_one, 1, 4)
        cores.load(["nothing"])


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
    monkeypatch.setattr(cores, "LOOK", 0.5)
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(cpu_count() + 1)]
    try:
        assert cores.idle() == 1
    finally:
        for one in busy:
            one.kill()
            one.wait()
