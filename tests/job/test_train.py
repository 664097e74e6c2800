"""train.py: what a user sees and keeps of a run, started as the process it is."""

import csv
import json
import signal
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml
from mlflow.entities import Run

from tests import python
from tests.conftest import FINALS, REPOSITORY, SMALL, TRAIN, Home, report, train

LASTING = ["model=random_forest", "model.n_estimators=100", "data.sample=3000", "n_splits=100"]


def run_of(home: Home, name: str) -> Run:
    """Return the MLflow run of this name."""
    [experiment] = [found for found in home.client.search_experiments() if found.name == "housing_price_prediction"]
    [run] = home.client.search_runs([experiment.experiment_id], f"attributes.run_name = '{name}'")
    return run


def test_model_reaches_the_accuracy_that_the_table_allows(housing: Home) -> None:
    """R² on the held-out rows lies where a right split and right features put it: not lower, not higher."""
    assert 0.825 <= report(housing, "first")["metrics"]["test_r2"] <= 0.86


@pytest.mark.everything
@pytest.mark.parametrize(("model", "low", "high"), [("random_forest", 0.812, 0.830), ("xgboost", 0.838, 0.86)])
def test_other_models_reach_it_too(home: Home, model: str, low: float, high: float) -> None:
    """So do the others; and what they do is the same to the last digit when it is done again."""
    train(home, model, f"model={model}", "n_splits=2")
    assert low <= report(home, model)["metrics"]["test_r2"] <= high
    train(home, "again", f"model={model}", "n_splits=2", cold=True)
    assert repeatable(report(home, "again")) == repeatable(report(home, model))


def repeatable(found: dict[str, Any]) -> dict[str, float]:
    """Return the metrics that a repeated run must have to the last digit, whatever the threads did."""
    return {**found["metrics"], "fit_seconds": 0}


def test_same_command_gives_the_same_digits(finals: Home, home: Home) -> None:
    """A run that does its imports itself ends where the one ended that was forked."""
    name = "gradient_boosting_90"
    train(home, name, *FINALS[name], cold=True)
    assert repeatable(report(home, name)) == repeatable(report(finals, name))


@pytest.mark.everything
def test_first_command_gives_the_same_digits_again(housing: Home, home: Home) -> None:
    """Every metric of the README's first command, in whichever folder it runs."""
    train(home, "again")
    assert repeatable(report(home, "again")) == repeatable(report(housing, "first"))


def test_run_has_flat_params_under_the_names_of_the_command_line(finals: Home) -> None:
    """Params are what MLflow's parallel coordinates draw: one level, short names."""
    params = run_of(finals, "xgboost_15").data.params
    expected = {"model": "xgboost", "features": "plain", "n_estimators": "15", "max_depth": "6", "seed": "42"}
    assert expected.items() <= params.items()
    assert not [name for name in params if "." in name or name.startswith("_")]


def test_run_has_every_metric(housing: Home) -> None:
    """Cross-validated and held-out metrics and the time stand in MLflow as they do in the report."""
    metrics = run_of(housing, "gradient_boosting_800").data.metrics
    others = ("final_", "fold_", "validation_loss/", "cv_rmse_so_far")
    metrics = {name: value for name, value in metrics.items() if not name.startswith(others)}
    named = {"cv_rmse", "cv_rmse_std", "cv_r2", "test_rmse", "test_r2", "test_mae", "test_mape", "fit_seconds"}
    assert named <= set(metrics)
    assert metrics == pytest.approx(report(housing, "first")["metrics"])


def test_run_is_drawn_fold_by_fold(finals: Home) -> None:
    """Each fold is a step of its metrics' curves, and so is the mean so far, which ends where all folds do."""
    name = "gradient_boosting_90"
    run, folds = run_of(finals, name), report(finals, name)["folds"]
    for metric in ("rmse", "mae", "mape", "r2"):
        assert finals.curve(run, f"fold_{metric}") == {fold["number"]: fold["metrics"][metric] for fold in folds}
    so_far = finals.curve(run, "cv_rmse_so_far")
    assert so_far[1] == folds[0]["metrics"]["rmse"]
    assert so_far[len(folds)] == pytest.approx(run.data.metrics["cv_rmse"])


def test_programs_read_what_a_run_found(finals: Home) -> None:
    """result.json says what ran, where, its scores, its version and the decision, and what to type next."""
    name = "xgboost_15"
    run, found = run_of(finals, name), json.loads((finals.folder / name / "result.json").read_text())
    assert (found["kind"], found["objective"], found["value"]) == ("run", "cv_rmse", run.data.metrics["cv_rmse"])
    assert (found["run"]["id"], found["command"]) == (run.info.run_id, run.data.tags["command"])
    assert found["params"] == run.data.params
    assert found["decision"] == {"promoted": False, "reason": run.data.tags["reason"]}
    assert (found["version"]["version"], found["version"]["stage"]) == (3, "Staging")
    assert found["data"]["rows"] == 3000
    assert found["next"]["compare"].startswith("mlflow ui")


def test_run_and_version_say_how_the_final_went(finals: Home) -> None:
    """Numbers, decision and reason stand in the run and in the version; the same words are on the console."""
    name = "gradient_boosting_90"
    run, version = run_of(finals, name), finals.client.get_model_version("housing_price_predictor", "2")
    numbers = {name: value for name, value in run.data.metrics.items() if name.startswith("final_")}
    assert {name: float(version.tags[name]) for name in numbers} == pytest.approx(numbers)
    assert (numbers["final_opponent"], numbers["final_rows"]) == (1, 600)
    assert 0 < numbers["final_improvement_low"] < numbers["final_improvement"] < 0.6
    assert numbers["final_rmse"] == pytest.approx(report(finals, name)["metrics"]["test_rmse"])
    for tag in ("decision", "reason", "command", "data_fingerprint", "held_out_fingerprint"):
        assert version.tags[tag] == run.data.tags[tag]
    assert version.tags["run_name"] == name
    shown = (finals.folder / name / "console.txt").read_text()
    assert f"2 in Production, champion\n          {version.tags['reason']}\n" in shown
    assert "3 in Staging, challenger\n" in (finals.folder / "xgboost_15" / "console.txt").read_text()


def test_model_that_cannot_be_saved_is_explained_all_the_same(home: Home, tmp_path: Path) -> None:
    """The run has failed, and nothing is registered; what it says of the model it holds."""
    conf = tmp_path / "model"
    conf.mkdir()
    (conf / "nearest.yaml").write_text("_target_: sklearn.neighbors.KNeighborsRegressor\n")
    done = home.train(f"--config-dir={tmp_path}", "model=nearest", "data.sample=500", "n_splits=2", "team.size=2")
    assert done.returncode == 1
    assert "note      team.size=2 is of a sweep: with -m " in done.stdout
    assert "The model can't be saved without pickle" in done.stderr
    assert home.statuses() == {"nearest": ["FAILED"]}
    kept = {file.path for file in home.client.list_artifacts(run_of(home, "nearest").info.run_id)}
    assert {"feature_importance.csv", "errors_by_group.csv", "error_map.png"} <= kept, kept
    assert not home.client.search_registered_models()


@pytest.mark.everything
def test_model_over_a_limit_is_registered_but_not_served(home: Home) -> None:
    """A first model that is too large is a challenger; nothing is said of serving it."""
    done = home.train(*SMALL, "promote=true", "final.max_model_mb=0.001", "run_name=2024.10", "data.unit=1000")
    assert done.returncode == 0, done.stderr
    assert "run       2024.10 in housing_price_prediction" in done.stdout  # a name that looks like a number
    assert "housing_price_predictor 1 in Staging, challenger\n          The saved model takes 0." in done.stdout
    assert "python serve.py" not in done.stdout
    known = json.loads((home.folder / "outputs" / "registry.json").read_text())["housing_price_predictor"]
    assert (known["champion"], known["challenger"], known["history"]) == (None, 1, [])


def test_run_says_which_data_code_and_command_made_it(finals: Home) -> None:
    """The tags and the dataset input are enough to repeat the run."""
    run = run_of(finals, "xgboost_15")
    assert run.data.tags["command"] == f"python src/train.py {' '.join(FINALS['xgboost_15'])}"
    assert run.data.tags["data_fingerprint"] == report(finals, "xgboost_15")["data"]["fingerprint"]
    assert (run.data.tags["data_rows"], run.data.tags["data_columns"]) == ("3000", "10")
    assert run.data.tags["git_commit"]
    [used] = run.inputs.dataset_inputs
    assert (used.dataset.name, used.dataset.digest) == ("housing_price", run.data.tags["data_fingerprint"])


def test_run_keeps_config_report_and_pictures(housing: Home, tmp_path: Path) -> None:
    """The artifacts hold the resolved config, the report, what was done with each column, importance and pictures."""
    run = run_of(housing, "gradient_boosting_800")
    kept = {file.path for file in housing.client.list_artifacts(run.info.run_id)}
    assert kept == {
        "columns.csv",
        "config.yaml",
        "error_map.png",
        "errors_by_group.csv",
        "evaluation_report.json",
        "feature_importance.csv",
        "feature_importance.png",
        "predicted_vs_actual.png",
        "residuals.png",
        "train_rows.npy",
        *(("shap.csv", "shap.png") if find_spec("shap") else ()),
    }
    config = yaml.safe_load(
        Path(housing.client.download_artifacts(run.info.run_id, "config.yaml", str(tmp_path))).read_text()
    )
    assert config["model"]["random_state"] == 42


def test_income_and_place_matter_most(housing: Home) -> None:
    """The feature importance names what every study of this table names."""
    with (housing.folder / "first" / "feature_importance.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["feature"] for row in rows[:3]} == {"longitude", "latitude", "median_income"}


def test_console_shows_data_folds_results_and_what_next(housing: Home, everything: bool) -> None:
    """A person sees what was learned from what, each fold, results in dollars, and the next commands."""
    text = (housing.folder / "first" / "console.txt").read_text()
    folds = 5 if everything else 2
    for part in (
        "20,640 rows, 9 columns to predict median_house_value, in dollars",
        "16,512 rows to train on, 4,128 held out, seed 42",
        f"fold 1/{folds}",
        f"fold {folds}/{folds}",
        "gradient_boosting_800 in housing_price_prediction",
        "mlflow ui --backend-store-uri",
        "python serve.py",
    ):
        assert part in text
    assert "Warning" not in text
    assert "INFO" not in text


def test_help_shows_program_groups_and_examples() -> None:
    """--help fits a screen and names every group with its options."""
    lines = python.run(TRAIN, "--help", check=True).stdout.strip().splitlines()
    assert len(lines) < 25
    for group in ("data", "experiment", "features", "model", "tracking"):
        options = sorted(file.stem for file in (REPOSITORY / "conf" / group).glob("*.yaml"))
        assert f"{group}: {', '.join(options)}" in lines
    assert sum(line.strip().startswith("python src/train.py") for line in lines) == 3


@pytest.mark.parametrize("flags", [["--help"], ["--cfg", "job"]])
def test_looking_at_the_config_imports_nothing_heavy(flags: list[str], tmp_path: Path) -> None:
    """--help and --cfg job answer without mlflow, scikit-learn, xgboost or pandas, and leave nothing behind."""
    done = Home(tmp_path).run("-X", "importtime", TRAIN, *flags, cold=True)
    assert done.returncode == 0
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert imported & {"hydra"}
    assert not imported & {"mlflow", "sklearn", "xgboost", "pandas", "optuna"}
    assert not list(tmp_path.iterdir())


def test_traceback_on_request(home: Home) -> None:
    """HYDRA_FULL_ERROR=1 shows where a mistake was noticed, as for every Hydra application."""
    done = home.train("test_size=2", cold=True, env={**home.env, "HYDRA_FULL_ERROR": "1"})
    assert done.returncode == 1
    assert "Traceback" in done.stderr


def test_failed_run_carries_its_reason(home: Home) -> None:
    """A run that fails after it began is FAILED in MLflow, and says why."""
    home.train("model.max_depth=abc")
    assert home.statuses() == {"gradient_boosting_800": ["FAILED"]}
    reason = run_of(home, "gradient_boosting_800").data.tags["reason"]
    assert reason.startswith("ConfigError: The model can't be fitted with model.max_depth=abc")


def wait_for_fold(process: "subprocess.Popen[str]") -> None:
    """Return when the process has printed its first fold."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("fold 1"):
            return
    raise AssertionError("no fold was finished")


@pytest.mark.parametrize(("sent", "status"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)])
def test_stopped_run_is_marked_killed(home: Home, sent: signal.Signals, status: int) -> None:
    """A run that is told to stop says so in MLflow before it goes."""
    with home.start_training(*LASTING) as training:
        wait_for_fold(training)
        training.send_signal(sent)
        _, err = training.communicate(timeout=60)
    assert training.returncode == status, err
    assert "Traceback" not in err
    assert home.statuses() == {"random_forest_100": ["KILLED"]}


def test_next_run_closes_a_killed_one(home: Home) -> None:
    """A run killed without warning leaves a RUNNING entry; the next run marks it KILLED, and spares living ones."""
    with home.start_training(*LASTING) as killed:
        wait_for_fold(killed)
        killed.kill()
    with home.start_training(*SMALL, "n_splits=60", "run_name=alive") as alive:
        wait_for_fold(alive)
        alive.send_signal(signal.SIGSTOP)
        try:
            done = home.train(*SMALL)
            assert done.returncode == 0, done.stderr
            assert home.statuses()["random_forest_100"] == ["KILLED"]
            assert home.statuses()["alive"] == ["RUNNING"]
        finally:
            alive.send_signal(signal.SIGCONT)
        alive.communicate(timeout=120)
    assert home.statuses()["alive"] == ["FINISHED"]
    assert not list((home.folder / "outputs").rglob(".running"))


@pytest.mark.parametrize("after", [0, *(pytest.param(after, marks=pytest.mark.everything) for after in (0.3, 0.6))])
def test_killed_first_run_leaves_no_broken_database(tmp_path: Path, after: float) -> None:
    """A process killed while the database is being made leaves nothing that the next one trips over."""
    home = Home(tmp_path)
    with home.start_training(*SMALL) as first:
        while not (tmp_path / "mlflow.db.draft").exists():
            assert first.poll() is None
            time.sleep(0.01)
        time.sleep(after)
        first.kill()
    done = home.train(*SMALL)
    assert done.returncode == 0, done.stderr
    assert home.statuses()["gradient_boosting_10"][-1] == "FINISHED"


def test_three_first_runs_at_once(tmp_path: Path) -> None:
    """Processes that start together in a fresh clone share one whole database and agree on one champion."""
    home = Home(tmp_path)
    started = [home.start_training(*SMALL, "promote=true", f"seed={seed}") for seed in range(3)]
    for training in started:
        _, err = training.communicate(timeout=300)
        assert training.returncode == 0, err
    assert home.statuses() == {"gradient_boosting_10": ["FINISHED"] * 3}
    versions = json.loads((home.folder / "outputs" / "registry.json").read_text())["housing_price_predictor"][
        "versions"
    ]
    assert len(versions) == 3
    assert [version["stage"] for version in versions].count("Production") == 1
    assert [version["aliases"] for version in versions].count(["champion"]) == 1


@pytest.mark.everything
def test_terminal_without_the_letters_fails_no_run(home: Home) -> None:
    """A terminal that knows only ASCII gets a question mark for each letter that it lacks."""
    done = home.train(*SMALL, env={**home.env, "PYTHONIOENCODING": "ascii"}, cold=True)
    assert done.returncode == 0, done.stderr
    assert "R? 0." in done.stdout


def test_own_table_needs_only_a_path_and_a_target(home: Home) -> None:
    """A CSV file of the user's trains and registers under its own name, relative to where the command is typed."""
    rows = [f"{size},{'sea' if size % 2 else 'hill'},{size * 1000 + 5000 * (size % 2)}" for size in range(0, 300, 3)]
    (home.folder / "houses.csv").write_text("\n".join(["size,place,price", *rows]))
    done = home.train("data=csv", "data.path=houses.csv", "data.target=price", "model=xgboost", cwd=home.folder)
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    assert [model.name for model in home.client.search_registered_models()] == ["houses_predictor"]
    assert "compare   mlflow ui\n" in done.stdout
