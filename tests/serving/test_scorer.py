"""scorer.py: the short way gives the model's own digits, or isn't taken."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.linear_model import Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from xgboost import XGBRegressor

from champion.data import Dataset
from champion.data.task import Task
from champion.learning import pipeline
from champion.serving.scorer import Scorer
from tests.conftest import recipe

ESTIMATORS = [RandomForestRegressor(20), HistGradientBoostingRegressor(max_iter=30), XGBRegressor(n_estimators=30)]


def columns(X: pd.DataFrame) -> dict[str, Any]:
    """Return the table column by column."""
    return {str(name): X[name] for name in X.columns}


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda estimator: type(estimator).__name__)
def test_digits_are_the_models(small: Dataset, estimator: BaseEstimator) -> None:
    """One row, many rows, gaps and a category that training never saw: nothing differs."""
    model = pipeline.fit(pipeline.build(recipe(small), estimator), small.X, small.y).model
    scorer = Scorer(model, small.X.head(3), Task())
    assert scorer._is_short
    odd = small.X.head(2).assign(size=[np.nan, 1e9], place=["moon", "sea"])
    for X in (small.X.head(1), small.X, odd, pd.concat([small.X] * 8, ignore_index=True)):
        assert np.array_equal(scorer.predict(columns(X)), model.predict(X))


@pytest.mark.parametrize(
    "steps",
    [
        make_pipeline(ColumnTransformer([("scaled", StandardScaler(), ["size"])], remainder="passthrough"), Ridge()),
        make_pipeline(ColumnTransformer([("scaled", StandardScaler(), ["size"]), ("gone", "drop", ["age"])]), Ridge()),
        make_pipeline(ColumnTransformer([("all", StandardScaler(), ["size", "age"]), ("none", "drop", [])]), Ridge()),
        make_pipeline(ColumnTransformer([("first", StandardScaler(), [0, 1])]), Ridge()),
        make_pipeline(ColumnTransformer([("age", "passthrough", ["age"])]), StandardScaler(), Ridge()),
        make_pipeline(StandardScaler(), Ridge()),
    ],
)
def test_other_pipelines_predict_as_well(small: Dataset, steps: Pipeline) -> None:
    """Whatever the pipeline is made of, the predictions are its own."""
    X = small.X[["size", "age"]]
    model = steps.fit(X, small.y)
    assert np.array_equal(Scorer(model, X.head(3), Task()).predict(columns(X)), model.predict(X))


def test_sparse_features_take_the_long_way(small: Dataset) -> None:
    """Where the features are a sparse matrix the short way isn't tried."""
    wide = small.X.assign(place=[f"place {number}" for number in range(len(small))])
    model = make_pipeline(ColumnTransformer([("place", OneHotEncoder(), ["place"])]), Ridge()).fit(wide, small.y)
    scorer = Scorer(model, wide.head(3), Task())
    assert not scorer._is_short
    assert np.array_equal(scorer.predict(columns(wide)), model.predict(wide))
