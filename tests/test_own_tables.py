"""People's own tables: real ones of every kind are swept, registered and served as a user would do it."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
import requests
from mlflow.entities import Run

from benchmarks.tables import TABLES
from champion import tracking
from champion.data import Dataset, load
from tests.conftest import Home

SWEEP = ["-m", "n_splits=3", "model.max_iter=40", "hydra.sweeper.n_trials=2"]
OPTIONS = {
    "credit_data": [],  # two classes, categories and missing values
    "chicago": ["data.time=date"],  # dates
    "diamonds": ["data.sample=4000"],  # categories
    "hpc_data": [],  # four classes
    "loans": ["data.sample=4000"],  # many missing values, free text
}
CLASSES = {"credit_data": ["bad", "good"], "hpc_data": ["F", "L", "M", "VF"]}


@dataclass(frozen=True)
class Swept:
    """A table that was swept: its name, the home where everything is, the console, and the data as it was read."""

    name: str
    home: Home
    console: str
    dataset: Dataset

    @property
    def run(self) -> Run:
        """The run of the model that was registered."""
        version = self.home.client.get_model_version_by_alias(f"{self.name}_predictor", "champion")
        return self.home.client.get_run(version.run_id)

    def artifact(self, name: str, folder: Path) -> Path:
        """Fetch a file of the run."""
        return Path(self.home.client.download_artifacts(self.run.info.run_id, name, str(folder)))


@pytest.fixture(
    scope="module",
    params=["credit_data", *(pytest.param(name, marks=pytest.mark.everything) for name in list(OPTIONS)[1:])],
)
def swept(request: pytest.FixtureRequest, empty_home: Home, tmp_path_factory: pytest.TempPathFactory) -> Swept:
    """Sweep the table with nothing but its path and target, and what it is the example of."""
    name = request.param
    home = empty_home.copy(tmp_path_factory.mktemp(name))
    file = home.folder / f"{name}.csv"
    overrides = [*TABLES[name].write(file), *OPTIONS[name]]
    done = home.train(*SWEEP, *overrides)
    assert done.returncode == 0, done.stderr
    options = dict(word.removeprefix("data.").split("=") for word in OPTIONS[name])
    sample = int(options["sample"]) if "sample" in options else None
    dataset = load(str(file), target=TABLES[name].target, sample=sample, time=options.get("time"))
    return Swept(name, home, done.stdout + done.stderr, dataset)


def test_experiment_and_model_are_named_after_the_file(swept: Swept) -> None:
    """The sweep ends with a champion; trials and parent lie in one experiment."""
    assert f"{swept.name}_predictor 1 in Production, champion" in swept.console
    experiment = swept.home.client.get_experiment(swept.run.info.experiment_id)
    assert experiment.name == f"{swept.name}_prediction"
    assert len(swept.home.client.search_runs([experiment.experiment_id])) == 4
    assert "Warning" not in swept.console


def test_metrics_are_those_of_the_task(swept: Swept) -> None:
    """Numbers have errors, classes have what is right; both cross-validated and held out, and better than a guess."""
    metrics, task = swept.run.data.metrics, swept.dataset.task
    names = {"rmse", "mae", "mape", "r2"}
    if task.is_classification:
        names = {"log_loss", "accuracy", "balanced_accuracy", "f1", "roc_auc", "average_precision"}
    assert {f"{rows}_{name}" for rows in ("cv", "test") for name in names} <= set(metrics)
    assert list(task.classes) == CLASSES.get(swept.name, [])
    better = metrics["test_roc_auc"] > 0.75 if task.is_classification else metrics["test_r2"] > 0.25
    assert better, metrics
    assert swept.run.data.params["task"] == task.name


def test_run_shows_what_was_done_with_each_column(swept: Swept, tmp_path: Path) -> None:
    """columns.csv has a line for each column but the target, and the report the same task as the console."""
    columns = pd.read_csv(swept.artifact("columns.csv", tmp_path)).fillna("")
    assert list(columns["column"]) == [column.name for column in swept.dataset.columns]
    assert all(columns["treated"])
    if swept.name == "chicago":
        assert columns.set_index("column").loc["date", "treated"] == "parts of the date"
    if swept.name == "loans":
        assert columns.set_index("column")["missing"].gt(0.5).sum() >= 5
    report = json.loads(swept.artifact("evaluation_report.json", tmp_path).read_text())
    assert report["data"]["task"] == swept.dataset.task.name


def test_pictures_are_those_of_the_task(swept: Swept) -> None:
    """Classes have a confusion matrix, ROC and calibration curves, numbers their residuals."""
    kept = {file.path for file in swept.home.client.list_artifacts(swept.run.info.run_id)}
    numbers, classes = {"predicted_vs_actual", "residuals"}, {"confusion_matrix", "roc_curve", "calibration"}
    expected = classes if swept.dataset.task.is_classification else numbers
    assert {f"{name}.png" for name in expected} <= kept
    assert not {f"{name}.png" for name in (numbers | classes) - expected} & kept


def test_server_answers_what_the_model_predicts(swept: Swept) -> None:
    """The classes are those of the file, their probabilities add up, and all is what mlflow.pyfunc says."""
    rows = swept.dataset.take(np.arange(40)).X
    tracking.connect(swept.home.uri)
    expected = mlflow.pyfunc.load_model(f"models:/{swept.name}_predictor@champion").predict(rows)
    records = json.loads(rows.to_json(orient="records", date_format="iso"))
    for name in rows.select_dtypes("float"):  # pandas writes 15 places; all digits count where a tree splits
        for record, value in zip(records, rows[name].tolist(), strict=True):
            record[name] = None if np.isnan(value) else value
    with swept.home.serve() as url:
        answer = requests.post(f"{url}/invocations", json={"dataframe_records": records}, timeout=30)
        document = requests.get(f"{url}/openapi.json", timeout=30).json()
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found["predictions"] == expected.tolist()
    classes = CLASSES.get(swept.name)
    assert ("probabilities" in found) == (classes is not None)
    if classes:
        for label, shares in zip(found["predictions"], found["probabilities"], strict=True):
            assert list(shares) == classes
            assert sum(shares.values()) == pytest.approx(1)
            assert max(shares, key=lambda name: shares[name]) == label
        predictions = document["components"]["schemas"]["Predictions"]["properties"]["predictions"]
        assert predictions["items"]["enum"] == classes


def test_rows_are_split_as_the_table_asks(swept: Swept) -> None:
    """With data.time the console says that the latest rows are held out; without, which seed drew them."""
    [line] = [line for line in swept.console.splitlines() if line.startswith("split ")][-1:]
    assert re.search("the latest by date" if swept.name == "chicago" else "seed 42", line)
