"""experiment=best_minute: a search, a team and a final, and nothing learned from what is held out."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from champion import data, persistence
from champion.data import split
from champion.features import geographic
from champion.learning import cores, evaluation, pipeline, preparation
from tests.conftest import REPOSITORY, Home

HOUSING = REPOSITORY / "src" / "champion" / "data" / "datasets" / "california_housing.csv.gz"


@pytest.fixture(scope="module")
def minute(empty_home: Home, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Run the recipe on a third of the bundled table, until each model has had its turn."""
    home = empty_home.copy(tmp_path_factory.mktemp("minute"))
    done = home.train(
        "-m",
        "experiment=best_minute",
        "data.sample=7000",
        "hydra.sweeper.timeout=null",  # however busy this machine is
        "hydra.sweeper.n_trials=4",
        "hydra.sweeper.study_name=prices",
        cold=True,
    )
    (home.folder / "console.txt").write_text(done.stdout + done.stderr)
    assert done.returncode == 0, done.stderr
    return home


def report(home: Home) -> dict[str, Any]:
    """Return what the last job found."""
    found: dict[str, Any] = json.loads(
        (home.folder / "multirun" / "prices" / "best" / "evaluation_report.json").read_text()
    )
    return found


@pytest.mark.everything
def test_team_is_registered_and_champion(minute: Home) -> None:
    """Several trials together are one model, which is saved, described and promoted like any other."""
    text = (minute.folder / "console.txt").read_text()
    [said] = [line for line in text.splitlines() if line.startswith("team ")]
    assert said.count("trial_") >= 2
    [version] = minute.client.search_model_versions("name='housing_price_predictor'")
    run = minute.client.get_run(version.run_id)
    assert said.split(maxsplit=1)[1] == run.data.tags["team"]
    assert version.current_stage == "Production"


@pytest.mark.everything
def test_team_is_better_than_its_best_member(minute: Home) -> None:
    """Its cross-validated error is below that of every trial."""
    trials = [
        json.loads(file.read_text())["metrics"]["cv_rmse"]
        for file in (minute.folder / "multirun" / "prices").glob("[0-9]*/evaluation_report.json")
    ]
    assert report(minute)["metrics"]["cv_rmse"] < min(trials)


def held_out_predictions(home: Home) -> tuple[data.Dataset, np.ndarray]:
    """Return the held-out rows, and what the saved model predicts for them, loaded without pickle."""
    [file] = (home.folder / "mlruns").rglob("model.skops")
    whole = data.load(path=str(HOUSING), target="median_house_value", sample=7000)
    _, test = split.hold_out(whole, test_size=0.2, seed=42)
    model = persistence.load(file.parent)
    predicted = pipeline.predict(model, test.X, task=test.task)
    assert pipeline.predict(model, test.X.head(1), task=test.task)[0] == pytest.approx(predicted[0], rel=1e-6)
    return test, predicted


@pytest.mark.everything
def test_score_of_the_winner_is_what_it_holds_out(minute: Home) -> None:
    """The saved team predicts what its run predicted, and its cross-validated RMSE is within two standard errors.

    The error of the folds is their spread over the root of their number, that of the held-out rows follows from the
    spread of their squared errors.
    """
    test, predicted = held_out_predictions(minute)
    metrics, losses = report(minute)["metrics"], evaluation.losses(test.y, predicted, test.task)
    rmse = float(np.sqrt(losses.mean()))
    assert rmse == pytest.approx(metrics["test_rmse"])
    held_out = losses.std() / np.sqrt(len(losses)) / (2 * rmse)
    error = np.hypot(metrics["cv_rmse_std"] / np.sqrt(5), held_out)
    assert abs(metrics["cv_rmse"] - rmse) < 2 * error


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    """Return some rows of the bundled table."""
    return pd.read_csv(HOUSING).sample(1500, random_state=0, ignore_index=True)


def prepared(table: pd.DataFrame, folder: Path) -> preparation.Prepared:
    """Prepare a table with all features that learn from the target."""
    file = folder / "houses.csv"
    table.to_csv(file, index=False)

    def features(train: data.Dataset) -> Any:
        options = {"coordinates": None, "n_angles": 10, "n_neighbours": [5, 15, 50], "max_ratios": 10}
        return geographic(train, max_categories=3, text_components=5, seed=42, **options)  # type: ignore[arg-type]

    read = {"path": str(file), "target": "median_house_value"}
    return preparation.prepare(read, features, task=None, test_size=0.2, n_splits=5, seed=42)


def fitted(found: preparation.Prepared) -> tuple[pipeline.Fitted, list[evaluation.Fold]]:
    """Cross-validate a model, and fit it on all training rows."""
    from lightgbm import LGBMRegressor

    model = LGBMRegressor(n_estimators=150, random_state=0, verbose=-1, deterministic=True)
    each = partial(cores.one_by_one, threads=1)
    folds = evaluation.cross_validate(model, found.folds, task=found.train.task, each=each)
    return pipeline.fit(pipeline.build(found.features, model), found.train.X, found.train.y, threads=1), folds


def test_shuffled_target_has_no_signal(table: pd.DataFrame, tmp_path: Path) -> None:
    """With prices dealt out at random nothing is predicted, in the folds as on the held-out rows.

    Neighbours' prices and means of categories are made of the target: a leak would show here.
    """
    rng = np.random.default_rng(0)
    found = prepared(table.assign(median_house_value=rng.permutation(table["median_house_value"])), tmp_path)
    model, folds = fitted(found)
    shown = evaluation.summarise(folds, found.train.task)
    held_out = evaluation.score(
        found.test.y, pipeline.predict(model.model, found.test.X, task=found.test.task), found.test.task
    )
    assert -0.35 < shown["cv_r2"] < 0.02
    assert -0.35 < held_out["r2"] < 0.04


def test_held_out_rows_cannot_influence_training(table: pd.DataFrame, tmp_path: Path) -> None:
    """Whatever stands in the held-out rows, features, folds and model are the same to the last digit."""
    one = prepared(table, tmp_path)
    _, held_out = split.hold_out(
        data.load(path=str(tmp_path / "houses.csv"), target="median_house_value"), test_size=0.2, seed=42
    )
    other = table.copy()
    rows = held_out.X.index
    other.loc[rows, "median_house_value"] = 500_001.0 - other.loc[rows, "median_house_value"]
    other.loc[rows, "median_income"] = other.loc[rows, "median_income"].to_numpy()[::-1]
    (tmp_path / "other").mkdir()
    two = prepared(other, tmp_path / "other")
    assert not np.array_equal(one.test.y, two.test.y)
    assert np.array_equal(one.train.y, two.train.y)
    (first, of_first), (second, of_second) = fitted(one), fitted(two)
    assert [fold.metrics for fold in of_first] == [fold.metrics for fold in of_second]
    before, after = (pipeline.predict(model.model, one.test.X, task=one.train.task) for model in (first, second))
    assert np.array_equal(before, after)
