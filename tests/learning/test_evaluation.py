"""evaluation.py: the metrics, and cross-validation without leaks."""

import time

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestRegressor
from sklearn.pipeline import Pipeline
from xgboost import XGBClassifier

from champion.base.errors import ConfigError
from champion.base.words import Label
from champion.data import Dataset, split
from champion.data.task import Task, classification
from champion.learning import evaluation, learner, pipeline
from tests.conftest import dataset, recipe

NUMBER, YES_NO = Task(), classification(("no", "yes"))


def test_metrics_are_what_their_names_say() -> None:
    """Errors of 1 and 3 around targets of 10 give the figures a pencil gives."""
    found = evaluation.score(pd.Series([10.0, 10.0, 20.0, 20.0]), np.array([11.0, 13.0, 20.0, 20.0]), NUMBER)
    assert found == pytest.approx({"rmse": (10 / 4) ** 0.5, "r2": 1 - 10 / 100, "mae": 1.0, "mape": 0.1})


def test_losses_are_squared_errors_of_the_rows() -> None:
    """The root of their mean is the RMSE; a prediction that is no number has no loss."""
    y, predicted = pd.Series([10.0, 10.0, 20.0]), np.array([11.0, 13.0, 20.0])
    losses = evaluation.losses(y, predicted, NUMBER)
    assert list(losses) == [1, 9, 0]
    assert np.sqrt(losses.mean()) == pytest.approx(evaluation.score(y, predicted, NUMBER)["rmse"])
    with pytest.raises(ValueError, match="no finite number"):
        evaluation.losses(y, np.array([1.0, np.nan, 1.0]), NUMBER)


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
    folds = pipeline.Folds(recipe(small), small, split.folds(small, n_splits=4, seed=0))
    done = evaluation.cross_validate(Recorder(), folds, task=NUMBER)
    assert [fold.number for fold in done] == [1, 2, 3, 4]
    assert [len(rows) for rows in Recorder.fitted_on] == [150] * 4


def test_folds_are_heard_of_as_they_finish(small: Dataset) -> None:
    """A listener can stop the rest: it hears of the first fold before the second is fitted."""
    folds = pipeline.Folds(recipe(small), small, split.folds(small, n_splits=4, seed=0))

    def stop(fold: evaluation.Fold) -> None:
        raise InterruptedError(fold.number)

    with pytest.raises(InterruptedError, match="1"):
        evaluation.cross_validate(RandomForestRegressor(5, random_state=0), folds, task=NUMBER, on_fold=stop)


def test_summary_is_mean_spread_and_time() -> None:
    """The objective is the mean over the folds; the time is the sum."""
    found = [{"rmse": 1.0, "r2": 0.5, "mae": 1.0, "mape": 0.1}, {"rmse": 3.0, "r2": 0.7, "mae": 2.0, "mape": 0.3}]
    folds = [evaluation.Fold(number, values, 0.5) for number, values in enumerate(found, start=1)]
    expected = {"cv_rmse": 2, "cv_r2": 0.6, "cv_mae": 1.5, "cv_mape": 0.2, "cv_rmse_std": 1, "fit_seconds": 1}
    assert evaluation.summarise(folds, NUMBER) == pytest.approx(expected)


def test_objective_is_a_cross_validated_metric_of_the_task() -> None:
    """Searching on the held-out rows is not offered; without a choice it is the task's own metric."""
    assert evaluation.objective("cv_mae", NUMBER) == "cv_mae"
    assert [evaluation.objective(None, task) for task in (NUMBER, YES_NO)] == ["cv_rmse", "cv_log_loss"]
    with pytest.raises(ConfigError, match="objective 'test_rmse' is not one of cv_rmse, cv_mae, cv_mape, cv_r2, for"):
        evaluation.objective("test_rmse", NUMBER)
    with pytest.raises(ConfigError, match=r"objective 'cv_rmse' is not one of cv_log_loss, .* for task binary"):
        evaluation.objective("cv_rmse", YES_NO)


def test_direction_follows_the_metric() -> None:
    """Errors are to be small, R² and what is right are to be large."""
    smaller = {"rmse", "mae", "mape", "log_loss"}
    for name in (*evaluation.NUMBERS, *evaluation.CLASSES):
        assert evaluation.direction(f"cv_{name}") == ("minimize" if name in smaller else "maximize")


def test_metrics_of_two_classes_are_those_of_a_pencil() -> None:
    """The positive class is the later one; the log loss is the mean of minus the logarithms of the true shares."""
    y, yes = pd.Series(["no", "no", "yes", "yes"]), np.array([0.1, 0.6, 0.4, 0.9])
    found = evaluation.score(y, np.column_stack([1 - yes, yes]), YES_NO)
    loss = -np.log([0.9, 0.4, 0.4, 0.9]).mean()
    assert found == pytest.approx(
        {
            "log_loss": loss,
            "accuracy": 0.5,
            "balanced_accuracy": 0.5,
            "f1": 0.5,
            "roc_auc": 0.75,
            "average_precision": 5 / 6,
        }
    )


def test_metrics_of_many_classes_are_scikit_learns() -> None:
    """With every class in the rows, the figures are those of scikit-learn's own functions."""
    rng = np.random.default_rng(0)
    task, y = classification(("a", "b", "c")), pd.Series(rng.choice(["a", "b", "c"], 200))
    shares = rng.dirichlet([1, 1, 1], 200)
    found, chosen = evaluation.score(y, shares, task), np.array(["a", "b", "c"])[shares.argmax(axis=1)]
    assert found["log_loss"] == pytest.approx(metrics.log_loss(y, shares))
    assert found["balanced_accuracy"] == pytest.approx(metrics.balanced_accuracy_score(y, chosen))
    assert found["f1"] == pytest.approx(metrics.f1_score(y, chosen, average="macro"))
    assert found["roc_auc"] == pytest.approx(metrics.roc_auc_score(y, shares, multi_class="ovr"))
    indicators = pd.get_dummies(y).to_numpy()
    assert found["average_precision"] == pytest.approx(metrics.average_precision_score(indicators, shares))


def test_rows_without_some_class_can_be_scored() -> None:
    """A fold that lacks a class, or holds one only, has finite metrics; a certain mistake has a finite loss."""
    task = classification(("a", "b", "c"))
    found = evaluation.score(pd.Series(["a", "a", "b"]), np.array([[1.0, 0, 0], [0, 1, 0], [0, 1, 0]]), task)
    assert all(np.isfinite(value) for value in found.values())
    assert found["log_loss"] == pytest.approx(-np.log(1e-15) / 3)
    alone = evaluation.score(pd.Series(["no", "no"]), np.array([[0.9, 0.1], [0.8, 0.2]]), YES_NO)
    assert (alone["roc_auc"], alone["accuracy"]) == (0.5, 1)


@pytest.mark.parametrize("labels", [("no", "yes"), (0, 1), (False, True)])
def test_classes_of_any_kind_are_learned(small: Dataset, labels: tuple[Label, Label]) -> None:
    """Text, whole numbers, true and false: each model learns them as they are, and every metric is there."""
    y = pd.Series(np.where(small.X["size"] > 100, labels[1], labels[0]), name="large")
    table = dataset(small.X, y, task=classification(labels))
    for estimator in (XGBClassifier(n_estimators=5), HistGradientBoostingClassifier(max_iter=5)):
        folds = pipeline.Folds(recipe(table), table, split.folds(table, n_splits=3, seed=0))
        done = evaluation.cross_validate(learner.for_task(table.task, estimator), folds, task=table.task)
        found = evaluation.summarise(done, table.task)
        assert found["cv_accuracy"] > 0.9
        assert {f"cv_{name}" for name in evaluation.CLASSES} | {"cv_log_loss_std", "fit_seconds"} == set(found)
