"""notebook.py: what the page on notebooks calls does what the commands do, and gives back what came of it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

import champion
from champion.base.errors import ChampionError
from tests.conftest import REPOSITORY, Home
from tests.documents import Page

WHOLE, STEPS = (block.text for block in Page(REPOSITORY / "docs/how-to/from-a-notebook.md").blocks)
LOOK_AT_WHOLE = """
import json
print(json.dumps(dict(done.metrics)))
assert [fold.number for fold in done.folds] == [1, 2, 3, 4, 5]
assert done.value == done.metrics["cv_rmse"]
assert type(done.model[-1]).__name__ == "XGBRegressor"
"""
LOOK_AT_STEPS = """
assert (len(flats.train), len(flats.test)) == (160, 40)
assert len(folds) == 5 and all(fold.metrics["r2"] > 0.9 for fold in folds)
assert fitted.metrics["test_r2"] > 0.9
assert len(fitted.model.predict(flats.test.X)) == 40
"""


def test_notebook_runs_an_experiment(home: Home) -> None:
    """It has the digits of the command that is typed, and its run and its version are where that one's are."""
    typed = home.train("model=xgboost", "data.sample=2000")
    assert typed.returncode == 0, typed.stderr
    called = home.run("-c", f"{WHOLE}\n{LOOK_AT_WHOLE}", check=True, cold=True)
    metrics = json.loads(called.stdout.splitlines()[-1])
    [file] = (home.folder / typed.stdout.partition("\nfiles ")[2].split()[0]).glob("metrics.json")
    assert {**metrics, "fit_seconds": 0} == {**json.loads(file.read_text()), "fit_seconds": 0}
    assert home.statuses() == {"xgboost_1000": ["FINISHED", "FINISHED"]}
    assert len(home.client.search_model_versions("name = 'housing_price_predictor'")) == 2


def test_notebook_takes_steps(home: Home, tmp_path: Path) -> None:
    """A table of its own, an estimator of its own; nothing is kept."""
    rows = [f"{size},{size % 7},{size * 10 + size % 7 * 50}" for size in range(0, 600, 3)]
    (tmp_path / "flats.csv").write_text("\n".join(["size,rooms,rent", *rows]))
    steps = STEPS.removeprefix("import champion").replace('"flats.csv"', f'"{tmp_path / "flats.csv"}"')
    home.run("-c", f"import champion\n{steps}\n{LOOK_AT_STEPS}", check=True, cold=True)
    assert home.statuses() == {}
    assert sorted(file.name for file in home.folder.iterdir()) == ["flats.csv", "mlflow.db"]


typed: Any = champion  # as a notebook does, where nobody checks types
TABLE = pd.DataFrame({"size": range(40), "rooms": [n % 7 for n in range(40)], "rent": range(0, 400, 10)})


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: typed.prepare(TABLE, "rnt"), r"'rnt' is not a column of the DataFrame. Did you mean 'rent'"),
        (
            lambda: typed.prepare(TABLE, "rent", drops=["size"]),
            r"drops is not an option. Did you mean 'drop'",
        ),
        (lambda: typed.prepare(TABLE, "rent", path="x.csv"), r"path is not an option\..* Options: decimal, drop"),
        (lambda: typed.prepare(TABLE.head(3), "rent"), r"the DataFrame has 3 rows"),
        (lambda: typed.prepare(pd.concat([TABLE, TABLE], axis=1), "rent"), r"has several columns 'size'"),
        (lambda: typed.prepare(TABLE["rent"], "rent"), r"table must be a DataFrame, or the path of a file, but is"),
        (lambda: typed.prepare(TABLE.assign(z=1j), "rent"), r"z"),
        (lambda: typed.prepare(TABLE.assign(z=[1, "x"] * 20), "rent"), r"Conversion failed for column z .*'x'"),
        (lambda: typed.prepare(TABLE.assign(z=[10**30] * 40), "rent"), r"too (large|big)"),
        (lambda: typed.prepare(TABLE, "rent", kinds=["size"]), r"data.kinds must hold columns by their kind"),
        (lambda: typed.run("data=csv", "data.path=flats.csv"), r"data.target must be given"),
        (lambda: typed.prepare("nowhere.csv", "rent"), r"data.path: there is no file"),
        (
            lambda: typed.cross_validate(Ridge(), TABLE),
            r"table must be what champion.prepare returns, but is a DataFr",
        ),
        (lambda: typed.fit(StandardScaler(), champion.prepare(TABLE, "rent")), r"StandardScaler predicts nothing"),
        (lambda: typed.run(["model=xgboost"]), r"overrides are given one by one"),
        (lambda: typed.run("-m"), r"overrides are given one by one"),
        (lambda: typed.run("model=xgbost"), r"model 'xgbost' is not one of .* Did you mean 'xgboost'"),
        (lambda: typed.run("modle=xgboost"), r"modle"),
    ],
)
def test_mistakes_in_a_notebook_are_answered(home: Home, call: Callable[[], object], says: str) -> None:
    """Each is one of our own errors, which says what was meant."""
    with pytest.raises(ChampionError, match=says):
        call()
    assert home.statuses() == {}


def test_notebook_shows_what_there_is() -> None:
    """Completion finds the calls, and a table is shown in a line."""
    assert {"run", "prepare", "cross_validate", "fit"} <= set(dir(champion))
    shown = repr(champion.prepare(TABLE, "rent", n_splits=3))
    assert shown == "<table: 32 rows to train on, 8 held out, 3 folds, to predict rent>"


def test_fitted_model_reads_a_table_as_it_was_read() -> None:
    """A DataFrame as it came, with zoned dates, gaps and categories, is predicted as the rows held out are."""
    table = TABLE.assign(
        at=pd.date_range("2024-05-01", periods=40, freq="7h", tz="Europe/Berlin"),
        beds=pd.array([n % 3 if n % 5 else None for n in range(40)], dtype="Int64"),
        town=pd.Categorical(["a", "b"] * 20),
    )
    table["rent"] = table["at"].dt.tz_convert("UTC").dt.hour + table["size"] + 0.5
    flats = champion.prepare(table, "rent", n_splits=3)
    fitted = champion.fit(ExtraTreesRegressor(20, random_state=1), flats)
    raw = fitted.model.predict(table.drop(columns="rent").loc[flats.test.X.index])
    assert raw.tolist() == fitted.model.predict(flats.test.X).tolist() == fitted.predicted.tolist()
