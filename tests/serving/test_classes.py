"""A model that tells classes apart by dates, text and truths with gaps: served like any other, over real HTTP."""

from collections.abc import Iterator
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
import requests
import schemathesis
from hypothesis import given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from sklearn.ensemble import HistGradientBoostingClassifier

from champion import data, persistence, registry, tracking
from champion.data import Dataset
from champion.learning import learner, pipeline
from champion.serving.follow import Follower
from tests.conftest import Home, recipe
from tests.serving.conftest import Serving, serving, unsaid

NAME = "visits_predictor"
HEADER = "came,size,garden,notes,kind"
WORDS = ["sunny", "gloomy", "quiet", "loud"]
ROW = {"came": "24/12/2023", "size": 70.5, "garden": None, "notes": "a sunny place by the sea", "kind": "sea"}


@pytest.fixture(scope="module")
def visits(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Read a file with dates as people write them, truths with gaps, and text; the answer is yes, no or don't know."""
    rng, lines = np.random.default_rng(0), []
    for number in range(300):
        day = pd.Timestamp("2023-01-01") + pd.Timedelta(days=int(rng.integers(0, 700)))
        garden = rng.choice(["True", "False", ""])
        notes = f"a {rng.choice(WORDS)} and {rng.choice(WORDS)} place, number {number}"
        liked = "don't know" if garden == "" else "yes" if day.month < 7 else "no"
        lines.append(
            f'{day:%d/%m/%Y},{rng.uniform(20, 200):.2f},{garden},"{notes}",{rng.choice(["sea", "hill"])},{liked}'
        )
    file = tmp_path_factory.mktemp("visits") / "visits.csv"
    file.write_text("\n".join([f"{HEADER},liked", *lines]))
    return data.load(str(file), target="liked")


@pytest.fixture(scope="module")
def served(visits: Dataset, empty_home: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """Fit, register and serve a model of the visits."""
    home = empty_home.copy(tmp_path_factory.mktemp("classes"))
    tracking.connect(home.uri)
    estimator = learner.for_task(visits.task, HistGradientBoostingClassifier(max_iter=10, random_state=0))
    model = pipeline.fit(pipeline.build(recipe(visits), estimator), visits.X, visits.y).model
    with home.start_run(visits, name="visits") as run:
        model_id = persistence.log_model(run.id, model, visits)
    version = registry.register(NAME, model_id=model_id, run_id=run.id, metrics={}, description="Visits.")
    with serving(Follower(lambda: version, poll_seconds=3600), home) as running:
        yield running


def ask(served: Serving, body: Any) -> requests.Response:
    """Ask for predictions."""
    return requests.post(f"{served.url}/invocations", json=body, timeout=30)


def test_columns_are_what_they_look_like(visits: Dataset) -> None:
    """Dates, numbers, truths, text and categories are told apart, and so are three classes."""
    kinds = [column.kind for column in visits.columns]
    assert kinds == ["date", "number", "boolean", "text", "category"]
    assert visits.task.classes == ("don't know", "no", "yes")


def test_answer_is_what_pyfunc_predicts(served: Serving, visits: Dataset) -> None:
    """Every row gets its class as the file has it; dates may be written in ISO 8601 or as in the file."""
    tracking.connect(served.home.uri)
    expected = mlflow.pyfunc.load_model(f"models:/{NAME}/1").predict(visits.X).tolist()
    rows = visits.X.assign(came=visits.X["came"].dt.strftime("%Y-%m-%d"))
    as_in_file = visits.X.assign(came=visits.X["came"].dt.strftime("%d/%m/%Y"))
    for table in (rows, as_in_file):
        split = table.astype(object).where(table.notna(), None).to_dict(orient="split", index=False)
        found = ask(served, {"dataframe_split": split}).json()
        assert found["predictions"] == expected
        assert [max(shares, key=lambda name: shares[name]) for shares in found["probabilities"]] == expected
    alone = ask(served, {"dataframe_records": [ROW]}).json()
    assert set(alone["probabilities"][0]) == {"don't know", "no", "yes"}


@pytest.mark.parametrize(
    ("column", "value", "says"),
    [
        ("came", "31/31/2023", "Column 'came' must hold a date such as 31/05/2024 or 2024-05-31"),
        ("came", "now", "must hold a date"),
        ("came", 20231224, "must hold a date"),
        ("came", None, "but row 1 holds nothing"),
        ("garden", "yes", "must hold true or false"),
        ("garden", 1, "must hold true or false"),
        ("notes", [3], "must hold text"),
    ],
)
def test_other_values_are_refused(served: Serving, column: str, value: Any, says: str) -> None:
    """What is no date, no truth or no text is named by its column."""
    answer = ask(served, {"dataframe_records": [ROW | {column: value}]})
    assert (answer.status_code, answer.json()["column"]) == (400, column)
    assert says in answer.json()["message"]


def test_server_describes_classes_and_dates(served: Serving) -> None:
    """/model names task, classes and how dates may be written; its examples are requests that are answered."""
    card = requests.get(f"{served.url}/model", timeout=5).json()
    assert (card["task"], card["classes"]) == ("multiclass", ["don't know", "no", "yes"])
    assert card["inputs"][0] == {"name": "came", "type": "datetime", "required": True, "date_format": "%d/%m/%Y"}
    document = requests.get(f"{served.url}/openapi.json", timeout=5).json()
    for example in document["paths"]["/invocations"]["post"]["requestBody"]["content"]["application/json"][
        "examples"
    ].values():
        assert ask(served, example["value"]).ok


def test_requests_made_from_the_document_are_answered_as_it_says(served: Serving, everything: bool) -> None:
    """Dates of all centuries, truths and text, half of them wrong: no 500, and no answer that isn't described."""
    operation = schemathesis.openapi.from_url(f"{served.url}/openapi.json")["/invocations"]["POST"]
    statuses = set()

    @given(
        case=st.one_of(*(operation.as_strategy(mode) for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)))
    )
    @settings(max_examples=600 if everything else 100)
    def ask_it(case: Case[Any]) -> None:
        answer = case.call()
        case.validate_response(answer, excluded_checks=unsaid(case, answer))
        statuses.add(answer.status_code)

    ask_it()
    assert statuses >= {200, 400}
