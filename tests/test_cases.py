"""Small tables after faults that people reported of other tools: each is read as its owner means it, or answered."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
import requests
from lightgbm import LGBMRegressor
from pyarrow import parquet
from sklearn.base import BaseEstimator
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.metrics import r2_score
from xgboost import XGBRegressor

from champion import data, registry, tracking
from champion.base.errors import DataError
from champion.data import Column, Dataset, advice, split
from champion.data.task import Task
from champion.learning import learner, pipeline
from champion.serving import model, scoring
from champion.serving.follow import Follower
from tests.conftest import Home, catboost
from tests.serving.conftest import serving

CASES = Path(__file__).parent / "cases"


def load(case: str, target: str = "y", **options: Any) -> Dataset:
    """Read a case as a training does."""
    return data.load(str(CASES / case), target=target, **options)


def column(dataset: Dataset, name: str) -> Column:
    """Return what is known of a column."""
    return next(one for one in dataset.columns if one.name == name)


def notes(dataset: Dataset) -> str:
    """Return what a run notes before its first fold."""
    train, test = split.hold_out(dataset, test_size=0.2, seed=0)
    return "\n".join(advice.advise(dataset, train, test))


@dataclass(frozen=True)
class Trained:
    """A champion of a case, and what it predicts of the rows that it learned from as it read them."""

    home: Home
    name: str
    expected: np.ndarray

    def predict(self, file: Path, **written: Any) -> tuple[np.ndarray, scoring.Scored]:
        """Score a file as `python -m champion predict` does."""
        out = self.home.folder / "scored.parquet"
        with scoring.open_table(str(file)) as table:
            scored = scoring.score(model.load(model.find(self.name)), table, out, **written)
        return parquet.read_table(out)["prediction"].to_numpy(), scored

    def pyfunc(self, frame: pd.DataFrame) -> np.ndarray:
        """Predict as whoever loads the model by MLflow."""
        found: np.ndarray = mlflow.pyfunc.load_model(f"models:/{self.name}@champion").predict(frame)
        return found

    def ask(self, *bodies: tuple[str, str]) -> list[requests.Response]:
        """Send bodies of these types to a server of the model."""

        def champion() -> registry.Version:
            found = registry.by_alias(self.name)
            assert found is not None
            return found

        with serving(Follower(champion, poll_seconds=3600), self.home) as server:
            url = f"{server.url}/invocations"
            return [requests.post(url, body, headers={"Content-Type": kind}, timeout=30) for body, kind in bodies]


@pytest.fixture
def train(empty_home: Home, tmp_path: Path) -> Callable[..., Trained]:
    """Give what trains on a case and makes its model champion."""
    home = empty_home.copy(tmp_path)
    tracking.connect(home.uri)

    def trained(case: str, target: str = "y", **options: Any) -> Trained:
        dataset, name = load(case, target, **options), case.partition(".")[0]
        fitted = home.put_forward(dataset, name=name, max_iter=20)
        return Trained(home, name, pipeline.predict(fitted, dataset.X, task=dataset.task))

    return trained


Train = Callable[..., Trained]


def read(case: str) -> pd.DataFrame:
    """Read a case as anybody does who has pandas."""
    return pd.read_csv(CASES / case)


def test_word_for_a_gap_is_one_on_every_road(train: Train) -> None:
    """`NA` among countries is missing in training, in predict, in JSON, in CSV and to whoever loads the model."""
    trained, frame = train("p1_cat.csv"), read("p1_cat.csv")
    as_text = pd.read_csv(CASES / "p1_cat.csv", keep_default_na=False)
    assert (as_text["country"] == "NA").any()
    frame.to_parquet(trained.home.folder / "new.parquet")
    answers = trained.ask(
        ((CASES / "p1_cat.csv").read_text(), "text/csv"),
        (json.dumps({"dataframe_records": as_text.to_dict("records")}), "application/json"),
        (json.dumps({"dataframe_records": json.loads(frame.to_json(orient="records"))}), "application/json"),
    )
    for answer in answers:
        np.testing.assert_array_equal(answer.json()["predictions"], trained.expected)
    for file in (CASES / "p1_cat.csv", trained.home.folder / "new.parquet"):
        np.testing.assert_array_equal(trained.predict(file)[0], trained.expected)
    for table in (frame, as_text):
        np.testing.assert_array_equal(trained.pyfunc(table), trained.expected)


def test_none_and_nan_are_one_missing_truth(train: Train) -> None:
    """True and false with gaps come from pandas as NaN, from training as None."""
    np.testing.assert_array_equal(train("gapbool.csv").pyfunc(read("gapbool.csv")), train("gapbool.csv").expected)


def test_model_remembers_which_words_mean_nothing(train: Train) -> None:
    """What data.missing said in training needn't be said again."""
    trained = train("q.csv", missing=["?"])
    predicted, scored = trained.predict(CASES / "q.csv")
    np.testing.assert_array_equal(predicted, trained.expected)
    assert not scored.unseen


@pytest.mark.parametrize(
    ("case", "says"), [("d_ym.csv", "2024-05"), ("d_hour.csv", "2024-05-01 6:05"), ("d_ydm.csv", "2024-05-06")]
)
def test_every_date_that_trains_can_be_scored(train: Train, case: str, says: str) -> None:
    """Months, hours without a zero, and days before months: the file, and a request, say what training read."""
    trained = train(case)
    np.testing.assert_array_equal(trained.predict(CASES / case)[0], trained.expected)
    np.testing.assert_array_equal(trained.pyfunc(read(case)), trained.expected)
    records = [{"when": row.when, "z": row.z} for row in read(case).itertuples()]
    [answer] = trained.ask((json.dumps({"dataframe_records": records}), "application/json"))
    np.testing.assert_array_equal(answer.json()["predictions"], trained.expected)
    schema = registry.load(model.find(trained.name)).schema
    day = {"d_ym.csv": "2024-05-01", "d_hour.csv": "2024-05-01T06:05", "d_ydm.csv": "2024-06-05"}[case]
    assert schema.names["when"].read([says])[0] == np.datetime64(day, "us")


def test_whole_number_is_one_category_in_every_type(train: Train) -> None:
    """1.0 is 1, as where gaps made floats of a column; and what training never saw is counted."""
    trained = train("code.csv", kinds={"category": ["code"]})
    predicted, scored = trained.predict(CASES / "code_float.csv")
    np.testing.assert_array_equal(predicted, trained.expected)
    assert not scored.unseen
    other = trained.home.folder / "other.csv"
    read("code.csv").assign(code=99).to_csv(other, index=False)
    assert trained.predict(other)[1].unseen == {"code": 300}


def test_codes_that_begin_with_0_are_names() -> None:
    """02134 stays 02134, and a note says so."""
    dataset = load("zipc.csv")
    assert column(dataset, "zip").kind == "category"
    assert "02134" in set(dataset.X["zip"]) or "00501" in set(dataset.X["zip"])
    assert "'zip' holds whole numbers, some of which begin with 0: they are taken for names." in notes(dataset)


def test_classes_that_begin_with_0_stay_what_they_are(tmp_path: Path) -> None:
    """The class 01 is answered as 01."""
    file = tmp_path / "classes.csv"
    file.write_text("x,y\n" + "".join(f"{i * 7},{['01', '02', '10'][i % 3]}\n" for i in range(60)))
    assert data.load(str(file), target="y").task.classes == ("01", "02", "10")


def test_point_is_never_a_decimal_mark_among_commas() -> None:
    """5.923 is 5,923 where the decimal mark is a comma, and must be written plainly."""
    with pytest.raises(
        DataError, match=r"line 2: column 'umsatz' holds numbers, but here '5\.923'. Write it as a plain"
    ):
        load("de.csv", sep=";", decimal=",")


def test_number_that_no_model_holds_is_refused(train: Train) -> None:
    """Beyond 3.4e38 there is one line, with column and row, and status 400."""
    trained = train("f32.csv")
    with pytest.raises(DataError, match=r"f32_big.csv, line 3: column 'x' must hold a finite .* beyond 3.4e\+38"):
        trained.predict(CASES / "f32_big.csv")
    with pytest.raises(Exception, match=r"Column 'x' must hold a finite number in every row, but row 2 holds"):
        trained.pyfunc(read("f32_big.csv"))
    [json_, csv_] = trained.ask(
        (json.dumps({"instances": [{"x": 1e39, "z": 2}]}), "application/json"), ("x,z\n0.5,1\n1e39,2\n", "text/csv")
    )
    assert (json_.status_code, csv_.status_code) == (400, 400)
    assert json_.json()["column"] == csv_.json()["column"] == "x"


def test_none_can_be_a_class() -> None:
    """The error says how, and that works; in Parquet text is text without being asked."""
    with pytest.raises(DataError, match=r"\"data.literal=\['y'\]\" says that None is a value"):
        load("t_none.csv")
    assert load("t_none.csv", literal=["y"]).task.classes == ("Apnea", "Insomnia", "None")


def test_text_of_parquet_is_what_it_is(tmp_path: Path) -> None:
    """A class called None, in a file whose gaps have a type."""
    pd.read_csv(CASES / "t_none.csv", keep_default_na=False).to_parquet(tmp_path / "t.parquet")
    assert data.load(str(tmp_path / "t.parquet"), target="y").task.classes == ("Apnea", "Insomnia", "None")


def test_amounts_of_accountants_are_to_be_written_plainly() -> None:
    """12.50- is an amount, not a name of the row."""
    with pytest.raises(DataError, match=r"column 'x' holds numbers, but here '[\d.]+-'. Write it as a plain number"):
        load("sap.csv")


def test_course_is_no_amount() -> None:
    """Three letters before digits are a currency only where ISO 4217 has it."""
    assert column(load("course2.csv"), "course").kind == "category"


def test_blanks_around_cells_and_names_are_no_part_of_them() -> None:
    """The header ` y` and the cell ` NA` mean y and NA."""
    dataset = load("spna.csv", " y", missing=["NA"])
    assert [(one.name, one.kind) for one in dataset.columns] == [("a", "number"), ("b", "number")]
    assert load("spna.csv", "y").fingerprint == dataset.fingerprint


def test_blanks_make_no_classes() -> None:
    """`yes` and `yes ` are one class."""
    assert load("yesno.csv", "bought").task.classes == ("no", "yes")


@pytest.mark.parametrize(
    "estimator",
    [
        XGBRegressor(n_estimators=50, random_state=0),
        RandomForestRegressor(30, random_state=0),
        HistGradientBoostingRegressor(max_iter=50, random_state=0),
        LGBMRegressor(n_estimators=50, random_state=0, verbose=-1),
        catboost("CatBoostRegressor", iterations=100, random_seed=0),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_target_far_from_zero_is_learned_as_well_as_one_near(estimator: BaseEstimator) -> None:
    """1.7e9 ± 30 is a number that single precision can't tell from the next; so is one of 1e-9."""
    dataset = load("t_off.csv")
    assert dataset.task == Task(far=True)
    X, near = dataset.X.to_numpy(), dataset.y - 1.7e9
    found = []
    for task, y in ((Task(), near), (dataset.task, dataset.y), (Task(far=True), near * 1e-10)):
        fitted = pipeline.fit(learner.for_task(task, estimator), X[:200], y[:200]).model
        found.append(r2_score(y[200:], fitted.predict(X[200:])))
    assert found == pytest.approx([found[0]] * 3, abs=0.02)
    assert found[0] > 0.6


def test_dates_in_two_forms_are_noted() -> None:
    """Whatever becomes of the column, whoever looks is told."""
    dataset = load("mix.csv")
    assert "Most cells of 'when' are dates, but" in notes(dataset)
    assert "can't be read like" in notes(dataset)


def test_index_of_pandas_is_left_out() -> None:
    """A nameless first column of whole numbers, one for each row, is no column of the table."""
    dataset = load("idx.csv")
    assert column(dataset, "column 1").why == "numbers the rows"
    assert "Column 'column 1' numbers the rows, so it is left out" in notes(dataset)
