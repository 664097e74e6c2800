"""What scikit-learn asks of an estimator, asked of ours by the checks that it keeps for its own."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.base import BaseEstimator, clone
from sklearn.linear_model import Ridge
from sklearn.pipeline import Pipeline
from sklearn.utils import estimator_checks

from champion import features, persistence
from champion.base.errors import RequestError
from champion.data import Schema
from champion.data.reading import Reading
from champion.features import OfNumbers, Standardised
from champion.features.kriging import KrigedTarget
from champion.features.neighbours import NeighboursTarget
from champion.features.places import Rotations
from champion.features.ratios import Ratios
from champion.features.surroundings import Surroundings
from champion.learning import pipeline
from tests.conftest import dataset

OTHERS_ONLY = "fit_transform tells a row what the others say of it, transform what all training rows say"
DIFFERENCES: Mapping[type[BaseEstimator], Mapping[str, str]] = {
    kind: dict.fromkeys(["check_transformer_general", "check_transformer_data_not_an_array"], OTHERS_ONLY)
    for kind in (NeighboursTarget, Surroundings, KrigedTarget)
}
TRANSFORMERS = [
    Rotations(2),
    Ratios([(0, 1)]),
    NeighboursTarget((2, 3)),
    NeighboursTarget((2, 3), classes=True),
    Surroundings(3, pairs=[]),
    KrigedTarget(3),
    KrigedTarget(3, classes=True),
]
# Of columns and their names; check_estimator leaves them out.
OF_NAMES = [
    "check_dataframe_column_names_consistency",
    "check_get_feature_names_out_error",
    "check_transformer_get_feature_names_out",
    "check_transformer_get_feature_names_out_pandas",
    "check_set_output_transform",
    "check_set_output_transform_pandas",
    "check_global_output_transform_pandas",
]
# Those that need no array of numbers, which a schema takes for no table: columns have names.
OF_PARAMETERS = [
    "check_estimator_cloneable",
    "check_estimator_repr",
    "check_estimator_tags_renamed",
    "check_get_params_invariance",
    "check_mixin_order",
    "check_no_attributes_set_in_init",
    "check_set_params",
    "check_valid_tag_types",
]
SCHEMA = Schema([Reading("size", "number"), Reading("place", "category", words="sea\0hill")], unused=["id"])
X = pd.DataFrame({"latitude": [34.0, 35, 36], "longitude": [-118.0, -119, -120], "a": [1.0, 2, 3], "b": [2.0, 4, 7]})


def said(value: object) -> str | None:
    """Name the estimators in the tests' names."""
    return repr(value) if isinstance(value, BaseEstimator) else None


@pytest.mark.parametrize("estimator", [*TRANSFORMERS, Standardised(Ridge())], ids=said)
def test_scikit_learns_checks_hold(estimator: BaseEstimator) -> None:
    """All of them, but for those that can't, which are named with their reason; one that holds after all is told."""
    named = DIFFERENCES.get(type(estimator), {})
    found = estimator_checks.check_estimator(estimator, expected_failed_checks=named, on_skip=None, on_fail=None)
    assert {one["check_name"]: one["exception"] for one in found if one["status"] == "failed"} == {}
    assert {one["check_name"] for one in found if one["expected_to_fail"]} == set(named)
    assert {one["status"] for one in found if one["expected_to_fail"]} <= {"xfail"}
    assert Counter(one["status"] for one in found)["passed"] > 40


@pytest.mark.filterwarnings("ignore:X (has|does not have valid) feature names")  # they do both on purpose
@pytest.mark.parametrize("check", OF_NAMES)
@pytest.mark.parametrize("transformer", TRANSFORMERS, ids=said)
def test_columns_are_known_by_their_names(transformer: BaseEstimator, check: str) -> None:
    """They are kept and held to, get_feature_names_out takes no others, and tables come out where asked for."""
    getattr(estimator_checks, check)(type(transformer).__name__, transformer)


@pytest.mark.parametrize("transformer", [Ratios([(0, 2)]), Surroundings(pairs=[(0, 1)]), KrigedTarget(pairs=[(0, 1)])])
def test_pairs_of_columns_that_are_not_there_are_refused(transformer: OfNumbers) -> None:
    """Positions are among the columns of `fit`, or one line says how many are needed."""
    with pytest.raises(ValueError, match=r"^Found array with 2 feature\(s\) .* while a minimum of [34] is required"):
        transformer.fit(X[["latitude", "longitude"]], X["a"])


def test_short_way_gives_the_same() -> None:
    """What a server asks for is what transform gives, without the checks."""
    for transformer in TRANSFORMERS:
        fitted = clone(transformer).fit(X, X["a"])
        np.testing.assert_array_equal(fitted.transform_numbers(X.to_numpy()), fitted.transform(X))


@pytest.mark.parametrize("check", OF_PARAMETERS)
def test_schema_is_an_estimator(check: str) -> None:
    """It has parameters and tags as others have."""
    getattr(estimator_checks, check)("Schema", SCHEMA)


def test_schema_knows_its_columns_without_a_fit() -> None:
    """They are its parameters: scikit-learn finds them where it looks for what others have learned."""
    assert SCHEMA.feature_names_in_.tolist() == SCHEMA.get_feature_names_out().tolist() == ["size", "place"]
    assert SCHEMA.n_features_in_ == 2
    assert SCHEMA.get_feature_names_out(["size", "place"]).tolist() == ["size", "place"]
    with pytest.raises(ValueError, match="input_features is not equal to feature_names_in_"):
        SCHEMA.get_feature_names_out(["size", "age"])
    assert not SCHEMA.__sklearn_tags__().requires_fit


def test_schema_takes_no_columns_without_names() -> None:
    """An array might have them in another order."""
    with pytest.raises(
        RequestError, match=r"^Columns are taken by their names, as in a DataFrame, but this is an ndarray\.$"
    ):
        SCHEMA.transform(np.ones((2, 2)))  # type: ignore[arg-type]


def test_saved_model_knows_its_columns(tmp_path: Path) -> None:
    """What every step knows of its columns is saved and comes back, with the digits of the predictions."""
    rng = np.random.default_rng(0)
    places = pd.DataFrame({"latitude": rng.uniform(34, 38, 200), "longitude": rng.uniform(-122, -118, 200)})
    rooms = rng.uniform(1, 9, 200)
    table = dataset(places.assign(rooms=rooms, beds=rooms * rng.uniform(0.4, 0.6, 200)), pd.Series(rooms * 1e5 + 1e7))
    options: dict[str, Any] = {"coordinates": None, "n_angles": 2, "n_neighbours": [3], "max_ratios": 5}
    recipe = features.geographic(table, **options, max_categories=5, text_components=2, seed=0)
    model = pipeline.fit(pipeline.build(recipe, Standardised(Ridge())), table.X, table.y).model
    whole = Pipeline([("schema", Schema.of(table)), *model.steps])
    skops.io.dump(whole, tmp_path / persistence.FILE)
    loaded = persistence.load(tmp_path)
    assert loaded.feature_names_in_.tolist() == ["latitude", "longitude", "rooms", "beds"]
    assert loaded.n_features_in_ == 4
    assert loaded[:-1].get_feature_names_out().tolist() == model[:-1].get_feature_names_out().tolist()
    own = loaded["features"].named_transformers_
    assert own["ratios"].feature_names_in_.tolist() == ["rooms", "beds"]
    assert {name for name, one in own.items() if isinstance(one, OfNumbers)} > {"ratios", "rotations"}
    assert loaded.predict(table.X).tolist() == model.predict(table.X).tolist()
