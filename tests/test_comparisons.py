"""docs/comparisons/: the same experiment as people write it, which must work where its library is installed."""

import os
import re
from pathlib import Path

import mlflow
import pandas as pd
import pytest

from tests import python
from tests.conftest import REPOSITORY

FOLDER = REPOSITORY / "docs" / "comparisons"
PAGE = (FOLDER / "README.md").read_text()
SCRIPTS = sorted(FOLDER.glob("*.py"))
TABLE = REPOSITORY / "src" / "champion" / "data" / "datasets" / "california_housing.csv.gz"


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_scripts_are_python(script: Path) -> None:
    """Those whose library isn't there can't be run, but read."""
    compile(script.read_text(), str(script), "exec")
    assert f"]({script.name})" in PAGE


def test_lines_are_counted() -> None:
    """The page says how many lines each way takes to write and to keep: those that aren't blank."""
    row = next(line for line in PAGE.splitlines() if line.startswith("| lines to write"))
    said = [sum(map(int, re.findall(r"\d+", cell))) for cell in row.split("|")[3:-1]]
    ways = (("by_hand.py", "conf/by_hand.yaml"), ("by_autogluon.py",), ("by_flaml.py",))
    assert said == [
        sum(bool(line.strip()) for name in way for line in (FOLDER / name).read_text().splitlines()) for way in ways
    ]


@pytest.mark.everything
def test_by_hand_searches_registers_and_predicts(tmp_path: Path) -> None:
    """Every trial is a run below that of the search, and the champion predicts without pickle."""
    env = {key: value for key, value in os.environ.items() if key != "MLFLOW_TRACKING_URI"}
    few = ("n_trials=3", "n_splits=2", "ints.n_estimators.high=150")
    done = python.run(FOLDER / "by_hand.py", *few, cwd=tmp_path, env=env)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"housing_by_hand 1: RMSE \d\d,\d{3} dollars", done.stdout.splitlines()[-1])
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    client = mlflow.MlflowClient(uri)
    version = client.get_model_version_by_alias("housing_by_hand", "champion")
    experiment = client.get_run(version.run_id).info.experiment_id
    runs = client.search_runs([experiment], f"tags.`mlflow.parentRunId` = '{version.run_id}'")
    assert {run.info.run_name for run in runs} == {"trial_0", "trial_1", "trial_2"}
    assert min(run.data.metrics["cv_rmse"] for run in runs) == client.get_run(version.run_id).data.metrics["cv_rmse"]
    [model] = (tmp_path / "mlruns").rglob("model.skops")
    row = pd.read_csv(TABLE).drop(columns="median_house_value").head(1)
    assert 100_000 < mlflow.pyfunc.load_model(str(model.parent)).predict(row)[0] < 600_000
