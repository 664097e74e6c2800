"""pipeline.py: features and estimator as one model, its fit and its predictions."""

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.exceptions import NotFittedError
from threadpoolctl import threadpool_info
from xgboost import XGBRegressor

from champion.base.errors import ConfigError
from champion.data import Dataset, split
from champion.learning import pipeline
from tests.conftest import recipe


def test_fit_leaves_the_given_pipeline_unfitted(small: Dataset) -> None:
    """One description can be fitted on every fold: a fit works on a copy."""
    described = pipeline.build(recipe(small), RandomForestRegressor(5, random_state=0))
    fitted = pipeline.fit(described, small.X, small.y)
    assert fitted.seconds > 0
    assert len(pipeline.predict(fitted.model, small.X, task=small.task)) == 200
    with pytest.raises(NotFittedError):
        described.predict(small.X)


@pytest.mark.parametrize("estimator", [RandomForestRegressor(20, random_state=0), XGBRegressor(n_estimators=20)])
def test_fitted_model_predicts_with_one_thread(small: Dataset, estimator: RandomForestRegressor) -> None:
    """Fitting takes the threads it is given, predicting one, so that digits repeat and single rows are quick."""
    seen = []

    class Watched(type(estimator)):  # type: ignore[misc]
        def fit(self, X: np.ndarray, y: np.ndarray) -> "Watched":
            seen.append(self.n_jobs)
            return super().fit(X, y)  # type: ignore[no-any-return]

    watched = Watched(**estimator.get_params())
    described = pipeline.build(recipe(small), watched)
    fitted = pipeline.fit(described, small.X, small.y, threads=2)
    assert seen == [2]
    assert fitted.model["model"].n_jobs == 1


def test_threads_bound_the_histogram_booster_too(small: Dataset) -> None:
    """An estimator without n_jobs takes its threads from OpenMP, which is bounded during the fit only."""
    seen = []

    class Watched(HistGradientBoostingRegressor):  # type: ignore[misc]
        def fit(self, X: np.ndarray, y: np.ndarray) -> "Watched":
            seen.append({pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "openmp"})
            return super().fit(X, y)  # type: ignore[no-any-return]

    described = pipeline.build(recipe(small), Watched(max_iter=5))
    pipeline.fit(described, small.X, small.y, threads=1)
    assert seen == [{1}]


def test_predictions_dont_depend_on_the_number_of_parts(small: Dataset) -> None:
    """Predicting in parts gives the digits of predicting at once."""
    described = pipeline.build(recipe(small), RandomForestRegressor(30, random_state=0))
    model = pipeline.fit(described, small.X, small.y).model
    assert np.array_equal(pipeline.predict(model, small.X, task=small.task), model.predict(small.X))
    assert len(pipeline.predict(model, small.X.head(1), task=small.task)) == 1


@pytest.mark.parametrize(
    ("estimator", "says"),
    [
        (RandomForestRegressor(max_depth="abc"), "with model.max_depth=abc: The 'max_depth' parameter"),
        (XGBRegressor(subsample=7), "with model.subsample=7: value 7 for Parameter subsample exceed bound"),
        (XGBRegressor(n_estimators="x"), "with model.n_estimators=x: 'str' object cannot be interpreted as an integer"),
    ],
)
def test_refused_value_is_named_by_its_key(small: Dataset, estimator: RandomForestRegressor, says: str) -> None:
    """What an estimator refuses is answered in one line that names the config's key."""
    described = pipeline.build(recipe(small), estimator)
    with pytest.raises(ConfigError, match=says) as refused:
        pipeline.fit(described, small.X, small.y)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("threads", [0, -1, 1.5, "two", True])
def test_threads_must_be_a_whole_number(small: Dataset, threads: int) -> None:
    """No threads at all is refused by the config's own name."""
    described = pipeline.build(recipe(small), RandomForestRegressor(5))
    with pytest.raises(ConfigError, match="threads must be a whole number from 1"):
        pipeline.fit(described, small.X, small.y, threads=threads)


def test_encoded_fold_gives_the_digits_of_the_whole_pipeline(small: Dataset) -> None:
    """An estimator fitted on an encoded fold is the one that the pipeline would have fitted on the fold's rows."""
    described, estimator = recipe(small), RandomForestRegressor(5, random_state=0)
    rows = split.folds(small, n_splits=3, seed=0)
    for fold, (fit_rows, validation_rows) in zip(pipeline.Folds(described, small, rows), rows, strict=True):
        learned, validation = small.take(fit_rows), small.take(validation_rows)
        whole = pipeline.fit(pipeline.build(described, estimator), learned.X, learned.y).model
        alone = pipeline.fit(estimator, fold.X, fold.y).model
        assert np.array_equal(
            pipeline.predict(whole, validation.X, task=small.task),
            pipeline.predict(alone, fold.X_validation, task=small.task),
        )
        assert fold.y_validation.equals(validation.y)
