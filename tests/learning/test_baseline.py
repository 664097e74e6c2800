"""baseline.py: what every model must beat."""

import json
import time
from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestRegressor

from champion.data import Dataset, split
from champion.data.task import Task, classification
from champion.learning import baseline, evaluation, learner, pipeline
from champion.learning.pipeline import EncodedFold
from tests.conftest import dataset, recipe


def folds(table: Dataset) -> list[EncodedFold]:
    """Return the folds of a table as estimators see them."""
    return list(pipeline.Folds(recipe(table), table, split.folds(table, n_splits=4, seed=0)))


@pytest.fixture(scope="module")
def classes(small: Dataset) -> Dataset:
    """Make the small table one of cheap, dear and fair houses, of which there are as many."""
    names = pd.qcut(small.y, 3, labels=["cheap", "fair", "dear"]).astype(str).astype(object)
    return dataset(small.X, names, task=classification(("cheap", "dear", "fair")))


def test_mean_explains_nothing_and_a_line_what_is_linear(small: Dataset) -> None:
    """R² of the mean is about 0, and that of a line through prices that are a sum of columns is about 1."""
    mean, linear = baseline.cross_validate(folds(small), small.task)
    assert (mean.name, linear.name) == ("mean", "linear")
    assert mean.metrics["cv_r2"] == pytest.approx(0, abs=0.1)
    assert linear.metrics["cv_r2"] > 0.999
    assert linear.metrics["cv_rmse"] < mean.metrics["cv_rmse"]


def test_metrics_are_those_of_trials(small: Dataset, classes: Dataset) -> None:
    """Each metric that a trial has is there under the same name, and the spread of each; all of it can be kept."""
    for table in (small, classes):
        encoded = folds(table)
        forest = learner.for_task(table.task, RandomForestRegressor(3)) if table is small else None
        for one in baseline.cross_validate(encoded, table.task, threads=1):
            names = {f"cv_{name}" for name in evaluation.metrics_of(table.task)}
            assert set(one.metrics) == names | {f"{name}_std" for name in names} | {"fit_seconds"}
            assert json.loads(json.dumps(asdict(one))) == asdict(one)
            if forest is not None:
                trial = evaluation.summarise(evaluation.cross_validate(forest, encoded, task=table.task), table.task)
                assert set(trial) <= set(one.metrics)


def test_classes_as_often_as_they_occur(classes: Dataset) -> None:
    """Of three classes of equal size, the shares alone have the loss of a guess, log 3; a line tells them apart."""
    shares, linear = baseline.cross_validate(folds(classes), classes.task)
    assert shares.name == "shares"
    assert shares.metrics["cv_log_loss"] == pytest.approx(np.log(3), abs=0.01)
    assert shares.metrics["cv_roc_auc"] == 0.5
    assert linear.metrics["cv_accuracy"] > 0.85


def test_gaps_and_columns_of_nothing_are_no_obstacle(small: Dataset) -> None:
    """Cells without a value, a column without any, and one that never changes leave a line what it was."""
    rng = np.random.default_rng(0)
    holed = []
    for fold in folds(small):
        parts = []
        for X in (fold.X, fold.X_validation):
            X = np.column_stack([X, np.full(len(X), np.nan), np.ones(len(X))]).astype("float64")
            X[rng.random(len(X)) < 0.1, 1] = np.nan  # of the age
            parts.append(X)
        holed.append(replace(fold, X=parts[0], X_validation=parts[1]))
    mean, linear = baseline.cross_validate(holed, small.task)
    assert linear.metrics["cv_rmse"] < 0.1 * mean.metrics["cv_rmse"]


def test_what_cannot_be_computed_is_left_out(small: Dataset) -> None:
    """Where a column is infinite somewhere, no line can be drawn; the mean is still there."""
    infinite = []
    for fold in folds(small):
        X = fold.X.copy()
        X[0, 0] = np.inf
        infinite.append(replace(fold, X=X))
    assert [one.name for one in baseline.cross_validate(infinite, small.task)] == ["mean"]


def test_folds_are_asked_for_once(small: Dataset) -> None:
    """Folds that are encoded when they are asked for, and not kept, will do."""
    once = iter(folds(small))
    assert len(baseline.cross_validate(once, small.task)) == 2


def test_it_takes_a_second_or_two() -> None:
    """16,500 rows of 40 columns are looked at as fast as a trial, and of many more cells only some."""
    rng = np.random.default_rng(0)
    X, number = rng.normal(size=(16_500, 40)), np.arange(16_500) % 5
    y = pd.Series(X[:, 0] + rng.normal(size=len(X)))
    parts = [EncodedFold(X[number != n], y[number != n], X[number == n], y[number == n]) for n in range(5)]
    wide = [replace(parts[0], X=np.tile(parts[0].X, 10), X_validation=np.tile(parts[0].X_validation, 10))]
    started = time.perf_counter()
    _, linear = baseline.cross_validate(parts, Task())
    _, of_some_rows = baseline.cross_validate(wide, Task())
    assert time.perf_counter() - started < 10  # about 1, on a machine with nothing else to do
    assert linear.metrics["cv_rmse"] == pytest.approx(1, abs=0.03)
    assert of_some_rows.metrics["cv_rmse"] == pytest.approx(1, abs=0.06)
