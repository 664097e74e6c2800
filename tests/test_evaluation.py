"""evaluation.py: the metrics, and cross-validation without leaks."""

import time

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.ensemble import RandomForestRegressor
from sklearn.pipeline import Pipeline

from champion import evaluation, features, pipeline, split
from champion.data import Dataset
from champion.errors import ConfigError


def test_metrics_are_what_their_names_say() -> None:
    """Errors of 1 and 3 around targets of 10 give the figures a pencil gives."""
    found = evaluation.score(pd.Series([10.0, 10.0, 20.0, 20.0]), np.array([11.0, 13.0, 20.0, 20.0]))
    assert found == pytest.approx({"rmse": (10 / 4) ** 0.5, "r2": 1 - 10 / 100, "mae": 1.0, "mape": 0.1})


def test_losses_are_squared_errors_of_the_rows() -> None:
    """The root of their mean is the RMSE; a prediction that is no number has no loss."""
    y, predicted = pd.Series([10.0, 10.0, 20.0]), np.array([11.0, 13.0, 20.0])
    losses = evaluation.losses(y, predicted)
    assert list(losses) == [1, 9, 0]
    assert np.sqrt(losses.mean()) == pytest.approx(evaluation.score(y, predicted)["rmse"])
    with pytest.raises(ValueError, match="no finite number"):
        evaluation.losses(y, np.array([1.0, np.nan, 1.0]))


def test_time_is_that_of_one_row_alone(small: Dataset) -> None:
    """A model that works for a millisecond needs that for a row, however few rows there are."""
    assert 1 <= evaluation.ms_per_row(Sleeper([]), small.X.head(2)) < 100


class Sleeper(Pipeline):  # type: ignore[misc]
    """Takes a millisecond to predict a row, and refuses two."""

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        """Sleep over it."""
        assert len(X) == 1
        time.sleep(0.001)
        return np.zeros(1)


class Recorder(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Remembers the rows it was fitted on, by their first column."""

    fitted_on: list[set[float]] = []  # noqa: RUF012, shared by the copies

    def fit(self, X: np.ndarray, y: np.ndarray) -> "Recorder":
        """Remember."""
        self.fitted_on.append(set(X[:, 0]))
        self.mean_ = float(np.mean(y))
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Assert that none of the rows was learned from."""
        assert not self.fitted_on[-1] & set(X[:, 0])
        return np.full(len(X), self.mean_)


def test_no_fold_is_scored_on_rows_it_learned_from(small: Dataset) -> None:
    """Each fold fits a fresh copy on its own rows and predicts the others."""
    folds = pipeline.encode(features.plain(small.X, max_categories=20), small, split.folds(small, n_splits=4, seed=0))
    done = evaluation.cross_validate(Recorder(), folds)
    assert [fold.number for fold in done] == [1, 2, 3, 4]
    assert [len(rows) for rows in Recorder.fitted_on] == [150] * 4


def test_folds_are_heard_of_as_they_finish(small: Dataset) -> None:
    """A listener can stop the rest: it hears of the first fold before the second is fitted."""
    folds = pipeline.encode(features.plain(small.X, max_categories=20), small, split.folds(small, n_splits=4, seed=0))

    def stop(fold: evaluation.Fold) -> None:
        raise InterruptedError(fold.number)

    with pytest.raises(InterruptedError, match="1"):
        evaluation.cross_validate(RandomForestRegressor(5, random_state=0), folds, on_fold=stop)


def test_summary_is_mean_spread_and_time() -> None:
    """The objective is the mean over the folds; the time is the sum."""
    metrics = [{"rmse": 1.0, "r2": 0.5, "mae": 1.0, "mape": 0.1}, {"rmse": 3.0, "r2": 0.7, "mae": 2.0, "mape": 0.3}]
    folds = [evaluation.Fold(number, values, 0.5) for number, values in enumerate(metrics, start=1)]
    expected = {"cv_rmse": 2, "cv_r2": 0.6, "cv_mae": 1.5, "cv_mape": 0.2, "cv_rmse_std": 1, "fit_seconds": 1}
    assert evaluation.summarise(folds) == pytest.approx(expected)


def test_objective_must_be_a_cross_validated_metric() -> None:
    """Searching on the held-out rows is not offered."""
    evaluation.check_objective("cv_mae")
    with pytest.raises(ConfigError, match="objective 'test_rmse' is not one of cv_rmse, cv_r2, cv_mae, cv_mape"):
        evaluation.check_objective("test_rmse")


def test_direction_follows_the_metric() -> None:
    """Errors are to be small, R² is to be large."""
    assert [evaluation.direction(f"cv_{name}") for name in evaluation.METRICS] == [
        "minimize",
        "maximize",
        "minimize",
        "minimize",
    ]
