"""persistence.py: models are files that can't run code."""

import pickle
from pathlib import Path

import pytest
import skops.io
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from xgboost import XGBRegressor

from champion import persistence
from champion.base.errors import ModelError
from champion.data import Dataset
from champion.learning import pipeline
from tests.conftest import recipe

ESTIMATORS = [
    RandomForestRegressor(5, random_state=0),
    HistGradientBoostingRegressor(max_iter=5),
    XGBRegressor(n_estimators=5),
]


def touch_nothing(X: object) -> object:
    """Stand for a function that a saved model would call."""
    return X


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda estimator: type(estimator).__name__)
def test_each_model_comes_back_with_its_predictions(small: Dataset, tmp_path: Path, estimator: XGBRegressor) -> None:
    """The allow-list is long enough for the three models, and they predict what they predicted."""
    model = pipeline.fit(pipeline.build(recipe(small), estimator), small.X, small.y).model
    skops.io.dump(model, tmp_path / persistence.FILE)
    loaded = persistence.load(tmp_path)
    assert loaded.predict(small.X).tolist() == model.predict(small.X).tolist()


def test_unlisted_type_is_refused_by_name(tmp_path: Path) -> None:
    """A model with a function in it isn't loaded, whatever its own files say."""
    skops.io.dump(Pipeline([("features", FunctionTransformer(touch_nothing))]), tmp_path / persistence.FILE)
    with pytest.raises(ModelError, match="touch_nothing"):
        persistence.load(tmp_path)


def test_pickle_is_refused(tmp_path: Path) -> None:
    """A pickle under the right name isn't unpickled."""
    (tmp_path / persistence.FILE).write_bytes(pickle.dumps(TransformedTargetRegressor()))
    with pytest.raises(ModelError, match="is no skops file"):
        persistence.load(tmp_path)


def test_missing_file_is_said(tmp_path: Path) -> None:
    """A folder of another kind of model is named."""
    with pytest.raises(ModelError, match=r"holds no model\.skops"):
        persistence.load(tmp_path)


def test_allow_list_is_short() -> None:
    """Each type on the list was looked at; a longer list wants a second look."""
    assert len(persistence.TRUSTED_TYPES) <= 25


def test_requirements_are_pinned_and_name_the_models_library(small: Dataset) -> None:
    """Every requirement has a version, and the estimator's library is among them."""
    for estimator in ESTIMATORS:
        model = pipeline.fit(pipeline.build(recipe(small), estimator), small.X, small.y).model
        pinned = dict(line.split("==") for line in persistence.requirements(model))
        assert {"mlflow", "numpy", "pandas", "scikit-learn", "skops"} <= set(pinned)
        assert ("xgboost" in pinned) == isinstance(estimator, XGBRegressor)


def test_module_that_no_index_has_is_no_requirement(small: Dataset) -> None:
    """A step of somebody's own is refused by its type, when the model is saved, and not by pip."""
    own = ColumnTransformer([("own", _Own(), ["size"])]).fit(small.X)
    model = Pipeline([("features", own), ("model", ESTIMATORS[0])])
    assert not [line for line in persistence.requirements(model) if line.startswith("tests")]


class _Own(FunctionTransformer):  # type: ignore[misc]
    """A transformer of this module's."""
