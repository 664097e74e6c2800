"""explanation.py: where a finalist errs, and what its predictions are made of."""

import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from lightgbm import LGBMClassifier, LGBMRegressor
from sklearn.base import BaseEstimator
from sklearn.ensemble import (
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import Pipeline
from xgboost import XGBClassifier, XGBRegressor

from champion.data import Dataset
from champion.data.task import classification
from champion.learning import learner, pipeline
from champion.reporting import explanation
from tests.conftest import catboost, dataset, recipe

PNG = b"\x89PNG\r\n\x1a\n"
SHAP = pytest.mark.everything("shap")
ALL_FOUR = ["errors_by_group.csv", "error_map.png", "shap.csv", "shap.png"]
BOOSTED = HistGradientBoostingRegressor(max_iter=40, random_state=0)
FOREST = RandomForestRegressor(30, random_state=0)
XGBOOST = XGBRegressor(n_estimators=40, random_state=0)
REGRESSORS = [
    BOOSTED,
    FOREST,
    XGBOOST,
    ExtraTreesRegressor(30, random_state=0),
    LGBMRegressor(n_estimators=40, verbose=-1),
    catboost("CatBoostRegressor", iterations=40),
    VotingRegressor([("a", BOOSTED), ("b", XGBOOST), ("c", FOREST)], weights=[0.5, 0.3, 0.2]),
]
CLASSIFIERS = [
    HistGradientBoostingClassifier(max_iter=40, random_state=0),
    RandomForestClassifier(30, random_state=0),
    XGBClassifier(n_estimators=40, random_state=0),
    LGBMClassifier(n_estimators=40, verbose=-1),
    catboost("CatBoostClassifier", iterations=40),
    VotingClassifier(
        [("a", HistGradientBoostingClassifier(max_iter=40)), ("b", RandomForestClassifier(30))],
        voting="soft",
        weights=[0.7, 0.3],
    ),
]


def fitted(estimator: BaseEstimator, table: Dataset) -> Pipeline:
    """Fit the plain features and this estimator on all rows."""
    return pipeline.fit(pipeline.build(recipe(table), learner.for_task(table.task, estimator)), table.X, table.y).model


def written(folder: Path, model: Pipeline, test: Dataset, predicted: np.ndarray) -> list[Path]:
    """Write all that explains the model."""
    return [
        *explanation.write_errors(folder, test, predicted),
        *explanation.write_shap(folder, model, test, seed=0),
    ]


def explained(model: Pipeline, table: Dataset, *, seed: int = 0) -> explanation.Shap:
    """Take predictions apart that can be."""
    found = explanation.explain(model, table, seed=seed)
    assert found is not None
    return found


def classes(table: Dataset, *names: str) -> Dataset:
    """Call the prices names, as many rows each, the cheapest first."""
    y = pd.qcut(table.y, len(names), labels=list(names)).astype(str)
    return dataset(table.X, y, task=classification(sorted(names)))


@pytest.fixture(scope="module")
def coast() -> Dataset:
    """Make 600 rows on a map, with gaps in a column that matters."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"Lat": rng.uniform(32, 42, 600), "lng": rng.uniform(-124, -114, 600)})
    X["size"] = rng.uniform(20, 200, 600)
    X["place"] = rng.choice(["sea", "hill", "town"], 600)
    X["garden"] = rng.choice([True, False], 600)
    y = 100e3 + X["size"] * 3000 + X["place"].map({"sea": 90e3, "hill": 20e3, "town": 0}) - X["lng"] * 1000
    X.loc[rng.random(600) < 0.1, "size"] = np.nan
    return dataset(X, y)


@pytest.fixture(scope="module")
def model(coast: Dataset) -> Pipeline:
    """Fit a small model."""
    return fitted(BOOSTED, coast)


@SHAP
def test_all_that_there_is_to_say_is_written(model: Pipeline, coast: Dataset, tmp_path: Path) -> None:
    """A table of houses on a map leaves two tables and two pictures."""
    files = written(tmp_path, model, coast, model.predict(coast.X))
    assert [file.name for file in files] == ALL_FOUR
    assert all(file.read_bytes().startswith(PNG) for file in files if file.suffix == ".png")
    shap = pd.read_csv(tmp_path / "shap.csv")
    assert shap["feature"].iloc[0] == "size"
    assert shap["mean_abs_shap"].is_monotonic_decreasing


def test_bands_of_the_target_cover_all_rows(coast: Dataset) -> None:
    """Each row is in one of five bands of as many rows, which are called by their bounds in the target's unit."""
    found = explanation.by_group(coast, np.full(600, coast.y.mean()))
    bands = found[found["column"] == "price"]
    assert bands["rows"].tolist() == [120] * 5
    assert bands["share"].sum() == pytest.approx(1)
    assert bands["value"].str.fullmatch(r"[\d,.]+ to [\d,.]+ dollars").all()
    assert found.iloc[0][["column", "rows"]].to_list() == ["all rows", 600]


@pytest.mark.parametrize(("prices", "bands"), [([7.0] * 40, 1), ([0.0] * 30 + list(range(1, 11)), 3)])
def test_bands_never_part_equal_targets(prices: list[float], bands: int) -> None:
    """A target that is often the same has fewer bands, and none is empty."""
    table = dataset(pd.DataFrame({"size": np.arange(40.0)}), pd.Series(prices))
    found = explanation.by_group(table, np.zeros(40))
    of_target = found[found["column"] == "price"]
    assert len(of_target) == bands
    assert of_target["rows"].sum() == 40


def test_bias_of_one_region_stands_in_the_table(coast: Dataset) -> None:
    """Where the sea alone is predicted 50,000 dollars too low, its row says so and comes first."""
    predicted = (coast.y - 50_000 * (coast.X["place"] == "sea")).to_numpy()
    found = explanation.by_group(coast, predicted)
    places = found[found["column"] == "place"].set_index("value")
    assert places.index[0] == "sea"
    assert places.loc[["sea"], ["rmse", "mean_error"]].to_numpy() == pytest.approx(np.array([[50_000, -50_000]]))
    assert places.loc[["hill", "town"], "rmse"].tolist() == pytest.approx([0, 0], abs=1e-6)


def test_categories_of_few_values_make_groups(coast: Dataset) -> None:
    """Missing values are a group, truths are two, and a category of more than twenty values makes none."""
    X = coast.X.assign(street=[f"street {n % 30}" for n in range(600)])
    X.loc[:49, "place"] = None
    found = explanation.by_group(dataset(X, coast.y), coast.y.to_numpy())
    assert set(found["column"]) == {"all rows", "price", "place", "garden"}
    assert found.loc[found["value"] == "missing", ["column", "rows"]].to_numpy().tolist() == [["place", 50]]
    assert set(found.loc[found["column"] == "garden", "value"]) == {"true", "false"}


def test_table_of_classes_says_which_is_mistaken(coast: Dataset) -> None:
    """A model that always says cheap is right for the cheap rows, and for no others."""
    table = classes(coast, "cheap", "dear")
    found = explanation.by_group(table, np.tile([0.9, 0.1], (600, 1)))
    of_target = found[found["column"] == "price"].set_index("value")
    assert of_target["accuracy"].to_dict() == {"cheap": 1, "dear": 0}
    assert of_target["log_loss"].tolist() == pytest.approx([-np.log(0.9), -np.log(0.1)])


@SHAP
def test_table_without_coordinates_makes_no_map(small: Dataset, tmp_path: Path) -> None:
    """Where no column is a latitude, nothing is drawn on a map."""
    own = fitted(BOOSTED, small)
    files = written(tmp_path, own, small, own.predict(small.X))
    assert [file.name for file in files] == ["errors_by_group.csv", "shap.csv", "shap.png"]


@pytest.mark.parametrize("latitude", [95.0, 40.0, np.nan])
def test_places_that_are_none_make_no_map(coast: Dataset, model: Pipeline, tmp_path: Path, latitude: float) -> None:
    """No latitude is above 90, a single one is no map, and neither are missing ones."""
    table = dataset(coast.X.assign(Lat=latitude), coast.y)
    files = written(tmp_path, model, table, model.predict(coast.X))
    assert "error_map.png" not in [file.name for file in files]


@pytest.mark.parametrize("shift", [0.0, -300e3])
def test_rows_without_a_place_are_left_out_of_the_map(
    coast: Dataset, model: Pipeline, tmp_path: Path, shift: float
) -> None:
    """Gaps in a coordinate, perfect predictions and prices below zero: the map is drawn all the same."""
    table = dataset(coast.X.assign(Lat=coast.X["Lat"].where(coast.X.index % 3 > 0)), coast.y + shift)
    files = written(tmp_path, model, table, table.y.to_numpy())
    assert "error_map.png" in [file.name for file in files]


@SHAP
@pytest.mark.parametrize("estimator", REGRESSORS, ids=lambda own: type(own).__name__)
def test_shap_values_and_their_base_are_the_prediction(coast: Dataset, estimator: BaseEstimator) -> None:
    """Predictions differ between rows by as much as the sums of SHAP values do, for trees of all kinds and a team."""
    model = fitted(estimator, coast)
    found = explained(model, coast)
    rest = model[-1].predict(found.encoded.to_numpy()) - found.values[:, :, 0].sum(axis=1)
    assert np.ptp(rest) < 0.01 * np.ptp(coast.y)
    assert found.values.shape == (500, 8, 1)
    assert found.sizes.index[0] == "size"


@SHAP
@pytest.mark.parametrize("estimator", CLASSIFIERS, ids=lambda own: type(own).__name__)
@pytest.mark.parametrize("names", [("cheap", "dear"), ("cheap", "dear", "fair")], ids=len)
def test_classes_are_explained_in_log_odds(
    coast: Dataset, tmp_path: Path, estimator: BaseEstimator, names: tuple[str, ...]
) -> None:
    """What speaks for a class is what makes it probable: of two for the positive one, of more for each."""
    table = classes(coast, *names)
    model = fitted(estimator, table)
    found = explained(model, table)
    assert found.classes == (["dear"] if len(names) == 2 else sorted(names))
    probable = model[-1].predict_proba(found.encoded.to_numpy())[:, -len(found.classes) :]
    for position in range(len(found.classes)):
        spoken = found.values[:, :, position].sum(axis=1)
        assert np.corrcoef(spoken, probable[:, position])[0, 1] > 0.8
    files = written(tmp_path, model, table, model.predict_proba(table.X))
    assert [file.name for file in files] == ALL_FOUR


@SHAP
def test_weights_of_a_team_count(coast: Dataset) -> None:
    """A member without a weight says nothing, and two of equal weight have the mean of their values."""
    members = [("boosted", BOOSTED), ("xgboost", XGBOOST)]
    alone, other, first, both = (
        explained(fitted(estimator, coast), coast)
        for estimator in (BOOSTED, XGBOOST, VotingRegressor(members, weights=[2, 0]), VotingRegressor(members))
    )
    np.testing.assert_allclose(first.values, alone.values)
    np.testing.assert_allclose(both.values, (alone.values + other.values) / 2)


def test_no_shap_no_picture(coast: Dataset, model: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without shap the run has everything else."""
    monkeypatch.setitem(sys.modules, "shap", None)
    files = written(tmp_path, model, coast, model.predict(coast.X))
    assert [file.name for file in files] == ALL_FOUR[:2]
    assert not (tmp_path / "shap.csv").exists()


@SHAP
@pytest.mark.parametrize(
    "estimator",
    [
        LinearRegression(),
        HistGradientBoostingRegressor(loss="poisson"),
        VotingRegressor([("line", LinearRegression())]),
    ],
    ids=["line", "logarithm", "team"],
)
def test_what_does_not_add_up_is_left_out(coast: Dataset, tmp_path: Path, estimator: BaseEstimator) -> None:
    """A model that is no trees, or whose trees add up to the logarithm of a price, has no SHAP values, and no error."""
    table = dataset(coast.X.fillna({"size": 0}), coast.y)
    own = fitted(estimator, table)
    files = written(tmp_path, own, table, own.predict(table.X))
    assert [file.name for file in files] == ALL_FOUR[:2]


@SHAP
def test_large_forests_are_explained_by_some_of_their_trees(small: Dataset) -> None:
    """A forest that would take minutes takes seconds, and what matters still comes first."""
    rows = np.random.default_rng(0).integers(0, 200, 10_000)
    X = small.X.iloc[rows].reset_index(drop=True)
    X["size"] += np.random.default_rng(1).uniform(0, 1, 10_000)
    table = dataset(X, X["size"] * 3000 + np.random.default_rng(2).normal(0, 10e3, 10_000))
    model = fitted(RandomForestRegressor(100, random_state=0), table)
    started = time.perf_counter()
    found = explained(model, table)
    assert time.perf_counter() - started < 30
    assert len(found.values) >= 150
    assert found.sizes.index[0] == "size"
    assert len(model[-1].estimators_) == 100


@SHAP
def test_same_seed_same_values(coast: Dataset, model: Pipeline) -> None:
    """Which rows are taken apart is drawn by the seed."""
    first, again, other = (explained(model, coast, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.values, again.values)
    assert not first.encoded.equals(other.encoded)
