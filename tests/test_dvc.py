"""dvc.yaml: a fresh clone's `dvc repro` ends with a champion, and experiments are runs like any other."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import REPOSITORY, Home

pytestmark = pytest.mark.everything("dvc")

NAME = "housing_price_predictor"
SMALL = {"data.sample": 1000, "n_splits": 2, "model.max_iter": 20}  # seconds instead of minutes


@dataclass(frozen=True)
class Clone(Home):
    """A fresh clone of this repository, where DVC keeps all it has in folders beside it."""

    @property
    def env(self) -> dict[str, str]:
        """Environment of a user who has nothing but this clone, and our Python first."""
        aside = self.folder.parent
        outside = {key: value for key, value in super().env.items() if key not in ("CHAMPION_HOME", "PYTHONPATH")}
        return outside | {
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "HOME": str(aside),
            "DVC_SITE_CACHE_DIR": str(aside / "site"),
            "DVC_GLOBAL_CONFIG_DIR": str(aside / "global"),
            "DVC_SYSTEM_CONFIG_DIR": str(aside / "system"),
        }

    def dvc(self, *words: str) -> str:
        """Run `dvc` to its end, which must be a good one, and return what it printed."""
        command = [sys.executable, "-m", "dvc", *words]
        done = subprocess.run(command, cwd=self.folder, env=self.env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def runs(self) -> list[Any]:
        """Return params, tags and metrics of every run, as MLflow holds them, the first one first."""
        [experiment] = self.client.search_experiments(filter_string="name = 'housing_price_prediction'")
        found = self.client.search_runs([experiment.experiment_id], order_by=["attributes.start_time"])
        return [run.data for run in found]

    def versions(self) -> list[int]:
        """Return the numbers of the registered versions."""
        return sorted(int(version.version) for version in self.client.search_model_versions(f"name = '{NAME}'"))


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """Clone, and make the params smaller, as their file says them."""
    folder = tmp_path_factory.mktemp("dvc") / "clone"
    author = ["-c", "user.name=A user", "-c", "user.email=user@example.com"]  # DVC commits experiments
    subprocess.run(["git", "clone", "-q", *author, str(REPOSITORY), str(folder)], check=True)
    params = yaml.safe_load((folder / "params.yaml").read_text())
    for path, value in SMALL.items():
        group, _, key = path.rpartition(".")
        (params[group] if group else params)[key] = value
    (folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    return Clone(folder)


@pytest.fixture(scope="module")
def reproduced(clone: Clone) -> Clone:
    """Run the pipeline once."""
    clone.dvc("repro")
    return clone


def test_repro_ends_with_a_champion(reproduced: Clone) -> None:
    """The pipeline registers a model, which meets the champion and, being the first, becomes it."""
    assert int(reproduced.client.get_model_version_by_alias(NAME, "champion").version) == 1
    trained, promoted = reproduced.runs()
    assert "test_rmse" not in trained.metrics
    assert promoted.metrics["test_rmse"] > 0
    options = "n_splits=2 data=california_housing features=plain model=gradient_boosting"
    typed = f"python src/train.py promote=true {options} data.sample=1000 model.max_iter=20"
    assert promoted.tags["command"] == typed


def test_second_repro_does_nothing(reproduced: Clone) -> None:
    """Where nothing has changed no stage runs, and nothing more is registered."""
    before = len(reproduced.runs()), reproduced.versions()
    said = reproduced.dvc("repro")
    assert "Running stage" not in said
    assert "up to date" in said
    assert (len(reproduced.runs()), reproduced.versions()) == before


def test_metrics_params_and_plots_are_shown(reproduced: Clone, tmp_path: Path) -> None:
    """`dvc metrics show` has the numbers of the run, `dvc params diff` the params, `dvc plots show` its pictures."""
    shown = json.loads(reproduced.dvc("metrics", "show", "--json"))[""]["data"]
    metrics = shown["outputs/dvc/promote/metrics.json"]["data"]
    assert {key: reproduced.runs()[1].metrics[key] for key in metrics} == metrics
    assert "test_rmse" in metrics
    changed = json.loads(reproduced.dvc("params", "diff", "--json"))["params.yaml"]
    assert {key: change["new"] for key, change in changed.items()} == SMALL
    reproduced.dvc("plots", "show", "-o", str(tmp_path))
    assert {file.name.rpartition("_promote_")[2] for file in tmp_path.rglob("*.png")} == {
        "predicted_vs_actual.png",
        "residuals.png",
        "feature_importance.png",
    }


def test_experiment_is_a_run_of_its_model(reproduced: Clone) -> None:
    """`dvc exp run -S` takes an option of a group and a value of it, as train.py does, and puts the model forward."""
    chosen = ["model=random_forest", "model.n_estimators=5", "model.max_depth=4", "n_splits=2", "data.sample=1000"]
    reproduced.dvc("exp", "run", "--name", "forest", *(word for one in chosen for word in ("-S", one)))
    assert reproduced.versions() == [1, 2]
    run = reproduced.runs()[-1]
    assert run.params["model"] == "random_forest"
    assert run.params["max_depth"] == "4"
    [_, base] = json.loads(reproduced.dvc("exp", "show", "--json"))
    [revision] = base["experiments"][0]["revs"]
    assert revision["name"] == "forest"
    assert revision["data"]["params"]["params.yaml"]["data"]["model"]["max_depth"] == 4
    metrics = revision["data"]["metrics"]["outputs/dvc/promote/metrics.json"]["data"]
    assert metrics["test_rmse"] == run.metrics["test_rmse"]


def test_experiment_elsewhere_is_remembered_here(reproduced: Clone) -> None:
    """With --temp DVC works in a copy, yet the run is in the clone's database; up to train, nothing is registered."""
    before = reproduced.versions()
    chosen = ["model=xgboost", "model.n_estimators=5", "n_splits=2", "data.sample=1000"]
    reproduced.dvc("exp", "run", "--temp", "train", *(word for one in chosen for word in ("-S", one)))
    assert reproduced.runs()[-1].params["model"] == "xgboost"
    assert reproduced.versions() == before
