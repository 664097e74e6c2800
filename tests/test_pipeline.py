"""pipeline.py: features and estimator as one model, its fit and its predictions."""

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.exceptions import NotFittedError
from threadpoolctl import threadpool_info
from xgboost import XGBRegressor

from champion import features, pipeline
from champion.data import Dataset
from champion.errors import ConfigError


def test_fit_leaves_the_given_pipeline_unfitted(small: Dataset) -> None:
    """One description can be fitted on every fold: a fit works on a copy."""
    described = pipeline.build(features.plain(small.X, max_categories=20), RandomForestRegressor(5, random_state=0))
    fitted = pipeline.fit(described, small)
    assert fitted.seconds > 0
    assert len(pipeline.predict(fitted.model, small.X)) == 200
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
    fitted = pipeline.fit(pipeline.build(features.plain(small.X, max_categories=20), watched), small, threads=2)
    assert seen == [2]
    assert fitted.model["model"].n_jobs == 1


def test_threads_bound_the_histogram_booster_too(small: Dataset) -> None:
    """An estimator without n_jobs takes its threads from OpenMP, which is bounded during the fit only."""
    seen = []

    class Watched(HistGradientBoostingRegressor):  # type: ignore[misc]
        def fit(self, X: np.ndarray, y: np.ndarray) -> "Watched":
            seen.append({pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "openmp"})
            return super().fit(X, y)  # type: ignore[no-any-return]

    described = pipeline.build(features.plain(small.X, max_categories=20), Watched(max_iter=5))
    pipeline.fit(described, small, threads=1)
    assert seen == [{1}]


def test_predictions_dont_depend_on_the_number_of_parts(small: Dataset) -> None:
    """Predicting in parts gives the digits of predicting at once."""
    described = pipeline.build(features.plain(small.X, max_categories=20), RandomForestRegressor(30, random_state=0))
    model = pipeline.fit(described, small).model
    assert np.array_equal(pipeline.predict(model, small.X), model.predict(small.X))
    assert len(pipeline.predict(model, small.X.head(1))) == 1


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
    described = pipeline.build(features.plain(small.X, max_categories=20), estimator)
    with pytest.raises(ConfigError, match=says) as refused:
        pipeline.fit(described, small)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("threads", [0, -1, 1.5, "two", True])
def test_threads_must_be_a_whole_number(small: Dataset, threads: int) -> None:
    """No threads at all is refused by the config's own name."""
    described = pipeline.build(features.plain(small.X, max_categories=20), RandomForestRegressor(5))
    with pytest.raises(ConfigError, match="threads must be a whole number from 1"):
        pipeline.fit(described, small, threads=threads)
