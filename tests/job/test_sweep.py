"""sweep.py and trial.py: what `python src/train.py -m` finds, promotes, and leaves in MLflow."""

import json
import os
import re
import shlex
import shutil
import signal
import sqlite3
import subprocess
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import mlflow
import optuna
import psutil
import pytest
import yaml
from mlflow.entities import Run
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from champion.data import Dataset
from champion.job import sweep
from tests.conftest import BOTH, REPOSITORY, SMALL, STUDY, Home, write_houses

LAST_JOB_FAILS = "hydra.sweeper.last_job_overrides=['model.learning_rate=-1']"


def study_of(home: Home, name: str = "prices") -> optuna.Study:
    """Open the study that a sweep left."""
    storage = JournalStorage(JournalFileBackend(str(home.folder / "multirun" / name / "study.journal")))
    return optuna.load_study(study_name=name, storage=storage)


def children_of(home: Home, parent: Run) -> dict[int, Run]:
    """Return the runs of a sweep's trials, by number."""
    found = home.client.search_runs([parent.info.experiment_id], max_results=1000)
    own = [run for run in found if run.data.tags.get("mlflow.parentRunId") == parent.info.run_id]
    return {int(run.data.tags["trial"]): run for run in own if "trial" in run.data.tags}


def parent_of(home: Home) -> Run:
    """Return the run that stands for the study."""
    return home.client.get_run(study_of(home).user_attrs["mlflow_run_id"])


def test_trials_are_children_of_one_run(swept: Home) -> None:
    """One parent run per study; trial and run know each other; pruned trials can be told from others."""
    parent, study = parent_of(swept), study_of(swept)
    children = children_of(swept, parent)
    assert parent.info.status == "FINISHED"
    assert parent.data.tags["study"] == "prices"
    assert sorted(children) == [trial.number for trial in study.trials] == list(range(7))
    for trial in study.trials:
        run = children[trial.number]
        assert trial.user_attrs["mlflow_run_id"] == run.info.run_id
        pruned = trial.state is TrialState.PRUNED
        assert (run.info.status, run.data.tags.get("trial_state")) == (
            ("KILLED", "PRUNED") if pruned else ("FINISHED", None)
        )
        if not pruned:
            assert run.data.metrics["cv_rmse"] == trial.value
    assert "PRUNED" in {trial.state.name for trial in study.trials}


def test_trials_hold_what_single_runs_hold(swept: Home) -> None:
    """The same flat params and metrics as a run on its own, and no model."""
    parent = parent_of(swept)
    runs = swept.client.search_runs([parent.info.experiment_id])
    [single] = [run for run in runs if run.info.run_id != parent.info.run_id and "trial" not in run.data.tags]
    for child in children_of(swept, parent).values():
        if child.data.params["model"] == single.data.params["model"]:
            assert set(child.data.params) == set(single.data.params)
            assert child.data.params["n_splits"] == "2"
        if child.info.status == "FINISHED":
            own = {name for name in child.data.metrics if not name.startswith("validation_loss/")}  # of its own folds
            assert {name for name in single.data.metrics if not name.startswith("test_")} == own
        assert child.data.tags["data_fingerprint"] == single.data.tags["data_fingerprint"]
        assert child.outputs.model_outputs == []
        kept = {file.path for file in swept.client.list_artifacts(child.info.run_id)}
        assert "config.yaml" in kept
        assert kept <= {"config.yaml", "evaluation_report.json"}


def test_defaults_of_each_model_come_first(swept: Home) -> None:
    """The configured models are the first trials, so a sweep never ends below a single run."""
    first, second = study_of(swept).trials[:2]
    assert (first.params["model"], first.params["gradient_boosting.learning_rate"]) == ("gradient_boosting", 0.08)
    assert (second.params["model"], second.params["xgboost.max_depth"]) == ("xgboost", 6)


def test_best_trial_is_trained_once_more_and_promoted(swept: Home) -> None:
    """One ordinary job ends the sweep: its score is the best trial's, and its model is the champion."""
    [version] = swept.client.search_model_versions("name='housing_price_predictor'")
    run = swept.client.get_run(version.run_id)
    best = study_of(swept).best_trial
    assert version.current_stage == "Production"
    assert swept.client.get_model_version_by_alias("housing_price_predictor", "champion").version == version.version
    assert run.data.metrics["cv_rmse"] == pytest.approx(best.value, rel=1e-3)
    assert "test_rmse" in run.data.metrics
    assert "mlflow.parentRunId" not in run.data.tags
    results = yaml.safe_load((swept.folder / "multirun" / "prices" / "optimization_results.yaml").read_text())
    assert (results["best_trial"], results["best_value"]) == (best.number, best.value)
    assert shlex.split(run.data.tags["command"])[2:] == [
        *results["best_overrides"],
        f"team.sweep={swept.folder}/multirun/prices",
    ]


def test_console_shows_search_leaders_and_verdict(swept: Home) -> None:
    """One line a trial, the leaders with their spread and model, the best command, and what the final decided."""
    text = (swept.folder / "console.txt").read_text()
    lines = text.splitlines()
    assert lines[0].startswith("study ")
    assert sum(line.startswith("trial ") and "score" not in line for line in lines) == 7
    heading = next(line for line in lines if "score" in line)
    assert heading.split() == ["trial", "score", "model", "params", "seconds"]
    assert any("±" in line and "xgboost" in line for line in lines)
    [best] = [line for line in lines if line.startswith("best ")]
    assert re.match(r"best      python src/train\.py model=\w+ data\.sample=3000 n_splits=2 model\.", best)
    assert "housing_price_predictor 1 in Production, champion" in text
    assert f"folds     those of trial_{study_of(swept).best_trial.number}\n" in text
    assert "Warning" not in text
    assert text.index("best  ") < text.index("housing_price_predictor 1")
    assert re.search(r"^pages     mlflow ui", text, flags=re.MULTILINE)
    compared = re.search(r"^compare   http://localhost:5000/#/compare-runs\?runs=(\S+)&exp", text, flags=re.MULTILINE)
    assert compared
    assert set(json.loads(unquote(compared[1]))) == {
        trial.user_attrs["mlflow_run_id"] for trial in study_of(swept).trials
    }
    assert re.search(
        r"^trials    http://localhost:5000/#/experiments/\d+/runs\?searchFilter=", text, flags=re.MULTILINE
    )


def test_all_trials_can_be_compared(swept: Home) -> None:
    """Each has the mean of the folds that it came to, also one that was ended early, and boosting's curve of each."""
    study, children = study_of(swept), children_of(swept, parent_of(swept))
    for trial in study.trials:
        run = children[trial.number]
        shown = dict(trial.intermediate_values)
        so_far = [sum(list(shown.values())[:n]) / n for n in range(1, len(shown) + 1)]
        assert swept.curve(run, "fold_rmse") == shown
        assert swept.curve(run, "cv_rmse_so_far") == pytest.approx(dict(zip(shown, so_far, strict=True)))
        for number in shown:
            trees = swept.curve(run, f"validation_loss/fold_{number}")
            assert 2 < len(trees) <= 100
            assert min(trees) == 1
        assert f"validation_loss/fold_{len(shown) + 1}" not in run.data.metrics


def test_best_so_far_is_a_curve_over_the_trials(swept: Home) -> None:
    """The run of the study shows how the search got better: a step down, or none, as each trial ends."""
    study = study_of(swept)
    drawn = swept.curve(parent_of(swept), "cv_rmse")
    ended = sorted(study.trials, key=lambda trial: str(trial.datetime_complete))
    best: list[float] = []
    expected: dict[int, float] = {}
    for step, trial in enumerate(ended, 1):
        best += [trial.value] if trial.state is TrialState.COMPLETE and trial.value else []
        expected |= {step: min(best)} if best else {}
    assert drawn == expected
    assert drawn[7] == study.best_value


def test_parent_run_keeps_results_and_report(swept: Home) -> None:
    """The run of the study holds the best value, how trials ended, the results and the report."""
    parent = parent_of(swept)
    kept = {file.path for file in swept.client.list_artifacts(parent.info.run_id)}
    ended = [parent.data.metrics[f"trials_{state}"] for state in ("complete", "pruned", "fail")]
    assert kept == {"optimization_results.yaml", "report.html"}
    assert parent.data.metrics["cv_rmse"] == study_of(swept).best_value
    assert sum(ended) == 7
    assert ended[2] == 0


def test_programs_read_what_was_found(swept: Home) -> None:
    """result.json of the sweep names the best trial and holds the result of its last job, with the decision."""
    folder = swept.folder / "multirun" / "prices"
    found, last = (json.loads((one / "result.json").read_text()) for one in (folder, folder / "best"))
    study = study_of(swept)
    assert (found["kind"], found["study"], found["objective"]) == ("sweep", "prices", "cv_rmse")
    assert found["run"]["id"] == parent_of(swept).info.run_id
    assert (found["best"]["trial"], found["best"]["value"]) == (study.best_trial.number, study.best_value)
    assert sum(found["trials"].values()) == 7
    assert found["choice"]["said"][0].startswith("the search has ended: all trials are done")
    assert found["last_job"] == last
    assert last["kind"] == "last job"
    assert last["decision"] == {"promoted": True, "reason": "Champion as the first of its name."}
    assert last["version"]["stage"] == "Production"
    assert last["value"] == last["metrics"]["cv_rmse"]
    assert last["next"]["serve"].endswith("serve.py")


def test_leaderboard_is_read_from_mlflow(swept: Home) -> None:
    """Complete trials come first, the best one at the top; then those that ended early, with what they had shown."""
    shown = swept.run("-m", "champion", "leaderboard", "--json")
    assert shown.returncode == 0, shown.stderr
    found = json.loads(shown.stdout)
    assert (found["study"], found["objective"]) == ("prices", "cv_rmse")
    study = study_of(swept)
    ranked = sorted(study.get_trials(states=[TrialState.COMPLETE]), key=lambda trial: trial.value or 0)
    complete = [trial for trial in found["trials"] if trial["state"] == "complete"]
    assert [trial["trial"] for trial in complete] == [trial.number for trial in ranked]
    assert [trial["trial"] for trial in found["trials"]][: len(complete)] == [trial["trial"] for trial in complete]
    assert all(trial["value"] is not None for trial in found["trials"])
    assert complete[0]["params"]["model"] in ("gradient_boosting", "xgboost")
    text = swept.run("-m", "champion", "leaderboard", "prices").stdout
    assert text.splitlines()[0] == "sweep       prices, by cv_rmse"
    assert len(text.splitlines()) == 2 + 1 + 7
    missing = swept.run("-m", "champion", "leaderboard", "price")
    assert missing.returncode == 1
    assert "There is no sweep price in MLflow. Did you mean 'prices'?" in missing.stderr


def test_rivals_meet_on_other_folds(home: Home) -> None:
    """Runs of their own in MLflow, which are no trials; what the choice is worth stands in MLflow and in the report."""
    rates = "model.learning_rate=0.1,0.1001,0.1002"
    again = ("hydra.sweeper.again.share=1", "hydra.sweeper.pruner=null", "team.size=2")
    done = home.train("-m", *SMALL, "promote=true", "n_splits=3", rates, STUDY, *again)
    assert done.returncode == 0, done.stderr
    parent = parent_of(home)
    found = home.client.search_runs([parent.info.experiment_id], "tags.again != ''")
    assert {run.info.run_name for run in found} == {f"trial_{number}_again" for number in range(3)}
    trials = children_of(home, parent)
    for run in found:
        number = int(run.data.tags["again"].removeprefix("trial_"))
        first, other = (home.curve(one, "fold_rmse") for one in (trials[number], run))
        assert (run.data.params["repeat"], run.data.tags["study"]) == ("1", "prices")
        assert len(other) == 3
        assert not set(first.values()) & set(other.values())
        assert "repeat" not in trials[number].data.params
    choice = study_of(home).user_attrs["choice"]
    assert parent.data.metrics["cv_rmse_stated"] == choice["stated"]
    means = {run.data.tags["again"].removeprefix("trial_"): run.data.metrics["cv_rmse"] for run in found}
    assert choice["again"] == pytest.approx(means)
    report = (home.folder / "multirun" / "prices" / "report.html").read_text()
    assert f"Trial {choice['best']} is chosen by all folds" in report
    assert "★" in parent.data.tags["mlflow.note.content"]
    assert "[All about the sweep](#/experiments/" in parent.data.tags["mlflow.note.content"]
    assert len(list((home.folder / "multirun" / "prices").glob("**/recipe.json"))) == 3  # of which a team is made


def test_report_that_cannot_be_written_costs_no_sweep(
    tmp_path: Path, small: Dataset, caplog: pytest.LogCaptureFixture
) -> None:
    """Where report.html can't be written, that is said, and the sweep goes on to its end."""
    (tmp_path / "report.html").mkdir()
    study = optuna.create_study()
    study.add_trial(optuna.trial.create_trial(value=1.0))
    sweep._write_report(tmp_path, study, "cv_rmse", small, command="python src/train.py -m")
    assert "report.html can't be written" in caplog.text


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        (["seed=7"], "seed was 42, but is 7 now"),
        (["test_size=0.3"], "test_size was 0.2, but is 0.3 now"),
        (["n_splits=3"], "n_splits was 2, but is 3 now"),
        (["objective=cv_mae"], "objective was None, but is cv_mae now"),
        (["features.max_categories=3"], "features.max_categories was"),
        (["data.drop=[households]"], "data.drop was [], but is ['households'] now"),
    ],
)
def test_another_question_is_refused(swept: Home, changed: list[str], says: str) -> None:
    """Scores of other data, another split, seed or metric don't go into one study; nothing is run."""
    before = len(study_of(swept).trials)
    done = swept.train(*BOTH, "hydra.sweeper.n_trials=30", *changed)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: Study 'prices' can't go on: ")
    assert says in done.stderr
    assert done.stderr.count("\n") == 1
    assert len(study_of(swept).trials) == before


@pytest.fixture
def table(home: Home) -> list[str]:
    """Write a small table; return the overrides that learn from it with a small model."""
    data = ["data=csv", f"data.path={write_houses(home.folder)}", "data.target=price", "promote=false"]
    return [*data, "model=gradient_boosting", "n_splits=2"]


def test_study_goes_on_in_the_same_run(home: Home, table: list[str]) -> None:
    """With a larger total the study goes on: numbers, folders and the parent run are those of before."""
    command = ("-m", *table, "model.max_iter=5", "model.learning_rate=interval(0.05,0.2)", STUDY)
    first = home.train(*command, "promote=true", "hydra.sweeper.n_trials=3")
    assert first.returncode == 0, first.stderr
    parent, before = parent_of(home), study_of(home).trials
    done = home.train(*command, "hydra.sweeper.n_trials=5")
    assert done.returncode == 0, done.stderr
    assert study_of(home).trials[:3] == before
    assert parent_of(home).info.run_id == parent.info.run_id
    assert sorted(children_of(home, parent)) == list(range(5))
    assert parent_of(home).info.status == "FINISHED"
    assert len(home.client.search_model_versions("name='houses_predictor'")) == 1
    assert (home.folder / "multirun" / "prices" / "4" / "console.txt").is_file()


def test_other_rows_under_the_same_name_are_refused(home: Home, table: list[str]) -> None:
    """A file that has changed is noticed by its fingerprint."""
    command = ("-m", *table, "model.max_iter=5,6", STUDY)
    assert home.train(*command).returncode == 0
    file = home.folder / "houses.csv"
    file.write_text(file.read_text().replace("\n597,2,", "\n597,3,"))
    done = home.train(*command)
    assert done.returncode == 1
    assert "Study 'prices' was made with other data: its fingerprint was " in done.stderr


def test_direction_that_makes_models_worse_is_refused(home: Home, table: list[str]) -> None:
    """R² is to be maximized; a sweep that would look for the worst model doesn't begin."""
    command = ("-m", *table, "model.max_iter=2,20", "objective=cv_r2", STUDY)
    done = home.train(*command)
    assert done.returncode == 1
    assert "hydra.sweeper.direction must be maximize for objective=cv_r2, but got 'minimize'." in done.stderr
    assert not study_of(home).trials
    done = home.train(*command[:-1], "hydra.sweeper.direction=maximize", "hydra.sweeper.study_name=better")
    assert done.returncode == 0, done.stderr
    assert study_of(home, "better").best_trial.params == {"model.max_iter": "20"}


def test_what_changes_the_folds_prunes_nothing(home: Home, table: list[str]) -> None:
    """Trials on other rows are all finished, and console and report say why they aren't ranked."""
    own = [word for word in table if not word.startswith("n_splits")]
    done = home.train("-m", *own, "model.max_iter=5", "seed=1,2,3", "n_splits=3,4", STUDY)
    assert done.returncode == 0, done.stderr
    assert [trial.state for trial in study_of(home).trials] == [TrialState.COMPLETE] * 6
    assert (
        "note      trials differ in n_splits, seed, so their scores can't be ranked, being of other rows" in done.stdout
    )
    page = (home.folder / "multirun" / "prices" / "report.html").read_text()
    assert "trials differ in n_splits, seed, " in page


def test_tables_can_be_swept(home: Home, table: list[str]) -> None:
    """Each trial learns from its own table; the parent run is where the first one's is."""
    rows = (home.folder / "houses.csv").read_text()
    (home.folder / "villas.csv").write_text(rows)
    paths = f"data.path={home.folder}/houses.csv,{home.folder}/villas.csv"
    own = [word for word in table if not word.startswith("data.path")]
    done = home.train("-m", *own, "model.max_iter=5", paths, STUDY)
    assert done.returncode == 0, done.stderr
    assert "note      trials differ in data, " in done.stdout
    assert home.client.get_experiment(parent_of(home).info.experiment_id).name == "houses_prediction"


def test_sweep_of_another_table_is_no_help(swept: Home, home: Home, table: list[str]) -> None:
    """Folds of other rows aren't taken; the run fits its own, and says so."""
    folder = swept.folder / "multirun" / "prices"
    done = home.train(*table, "model.max_iter=5", f"team.sweep={folder}")
    assert done.returncode == 0, done.stderr
    assert f"note      team.sweep={folder} holds no trial of this model, table, features and split" in done.stdout
    assert "fold 1/" in done.stdout


@pytest.mark.parametrize("winner", ["kept", "put_forward"])
def test_last_job_follows_the_promote_of_the_winner(home: Home, table: list[str], winner: str) -> None:
    """What wins is trained once more and put forward where its own recipe says so, whatever others say."""
    folder = home.folder / "more" / "experiment"
    folder.mkdir(parents=True)
    for name in ("kept", "put_forward"):
        trees, promote = (20 if name == winner else 1), name == "put_forward"
        content = f"{{promote: {promote}, model: {{max_iter: {trees}}}, hydra: {{sweeper: {{params: null}}}}}}"
        (folder / f"{name}.yaml").write_text(f"# @package _global_\n{content}\n")
    own = [word for word in table if not word.startswith("promote")]
    done = home.train("--config-dir", str(folder.parent), "-m", *own, "experiment=kept,put_forward", STUDY)
    assert done.returncode == 0, done.stderr
    typed = f"python src/train.py --config-dir={folder.parent} "
    assert f"best      {typed}" in done.stdout
    runs = home.client.search_runs([parent_of(home).info.experiment_id])
    assert all(run.data.tags["command"].startswith(typed) for run in runs if "trial" in run.data.tags)
    assert study_of(home).best_trial.params == {"experiment": winner}
    promoted = [version.current_stage for version in home.client.search_model_versions("name='houses_predictor'")]
    assert promoted == (["Production"] if winner == "put_forward" else [])
    assert (home.folder / "multirun" / "prices" / "best").exists() == (winner == "put_forward")


def test_rule_that_cannot_be_meant_is_refused(home: Home, table: list[str]) -> None:
    """What the final would refuse in the end is refused before the first trial."""
    done = home.train("-m", *table, "model.max_iter=2,20", "final.confidence=2", STUDY)
    assert done.returncode == 1
    assert done.stderr == "Error: final.confidence must lie between 0.5 and 1, but got 2.\n"
    assert not study_of(home).trials


def test_hydras_own_sweeper_runs_each_point_as_an_ordinary_job(home: Home, table: list[str]) -> None:
    """hydra/sweeper=basic knows no study: each of its jobs is tracked like any run, in a folder of the sweep's."""
    done = home.train("-m", "hydra/sweeper=basic", "model.max_iter=5,9", *table)
    assert done.returncode == 0, done.stderr
    assert home.statuses() == {"gradient_boosting_5": ["FINISHED"], "gradient_boosting_9": ["FINISHED"]}
    assert {file.name for file in home.folder.glob("multirun/*/*/[0-9]")} == {"0", "1"}


def test_names_in_mlflow_are_those_that_were_typed(home: Home, table: list[str]) -> None:
    """Of the sweep's run as of the last job's and its model, though Hydra reads numbers: 2024.10 isn't 2024.1."""
    names = ("experiment_name=2024.10", "registered_model=1e3", "hydra.sweeper.study_name=2024.10")
    done = home.train("-m", "model.max_iter=5,9", *names, *table, "promote=true")
    assert done.returncode == 0, done.stderr
    assert home.statuses().keys() == {"2024.10", "trial_0", "trial_1", "gradient_boosting_9"}
    experiments = [one.name for one in home.client.search_experiments() if one.name != "Default"]
    assert experiments == ["2024.10"]
    assert [model.name for model in home.client.search_registered_models()] == ["1e3"]


def test_refused_values_fail_their_trials(home: Home, table: list[str]) -> None:
    """A value that the model refuses fails its trial, in MLflow too, and the sweep ends with the others."""
    done = home.train("-m", *table, "model.max_iter=5,abc", STUDY)
    assert done.returncode == 0, done.stderr
    assert home.statuses() == {"prices": ["FINISHED"], "trial_0": ["FINISHED"], "trial_1": ["FAILED"]}
    reason = "ConfigError: The model can't be fitted with model.max_iter=abc"
    assert study_of(home).trials[1].user_attrs["reason"].startswith(reason)
    assert not home.client.search_registered_models()


def test_sweep_where_all_fail(home: Home, table: list[str]) -> None:
    """One line with the first reason, status 1, and a parent run that says FAILED."""
    done = home.train("-m", *table, "model.max_iter=abc,def", STUDY)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: All 2 trials failed. The first, trial 0: ConfigError: The model can't be")
    assert done.stderr.count("\n") == 1
    assert home.statuses() == {"prices": ["FAILED"], "trial_0": ["FAILED"], "trial_1": ["FAILED"]}


def test_last_job_that_fails_fails_the_command(home: Home, table: list[str]) -> None:
    """A sweep whose best model can't be put forward ends with status 1 and one line, and keeps its study."""
    done = home.train("-m", *table, "promote=true", "model.max_iter=5,6", LAST_JOB_FAILS, STUDY)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: ")
    assert done.stderr.count("\n") == 1
    assert [trial.state for trial in study_of(home).trials] == [TrialState.COMPLETE] * 2
    assert home.statuses()["prices"] == ["FINISHED"]
    assert home.statuses()["gradient_boosting_6"] == ["FAILED"]


@pytest.mark.everything
@pytest.mark.parametrize("threads", ["null", "5"])
def test_cores_are_shared_among_workers(home: Home, table: list[str], threads: str) -> None:
    """Folds of a small table have a core each, whether a worker has its part of all or what the config says."""
    conf = home.folder / "more" / "model"
    conf.mkdir(parents=True)
    (conf / "watched.yaml").write_text("_target_: watched.Watched\nsize: 1\nrandom_state: ${seed}\n")
    env = {**home.env, "PYTHONPATH": str(REPOSITORY / "tests" / "toy")}
    watched = [word for word in table if not word.startswith("model=")]
    own = ["hydra.sweeper.workers=2", f"threads={threads}", STUDY]
    command = ("--config-dir", str(conf.parent), "-m", *watched, "model=watched", "model.size=1,2", *own)
    assert home.train(*command, env=env).returncode == 1
    reasons = {trial.user_attrs["reason"] for trial in study_of(home).trials}
    assert reasons == {"RuntimeError: 1 threads"}


@pytest.mark.everything
def test_training_listens_on_nothing(home: Home) -> None:
    """Neither a sweep nor its workers, their folds and the last job open a port that somebody could ask."""
    most, listening = 1, set()
    own = ("promote=true", "hydra.sweeper.workers=2", "hydra.sweeper.n_trials=2")
    with home.start_training("-m", *SMALL, *own) as training:
        while training.poll() is None:
            with suppress(psutil.NoSuchProcess):
                family = [command := psutil.Process(training.pid), *command.children(recursive=True)]
                most = max(most, len(family))
                found = [connection for one in family for connection in one.net_connections("inet")]
                listening |= {connection.laddr for connection in found if connection.status == psutil.CONN_LISTEN}
            time.sleep(0.3)
        _, err = training.communicate(timeout=60)
    assert training.returncode == 0, err
    assert most >= 4  # the command, what it forks, and the workers
    assert not listening


@pytest.mark.everything
def test_output_that_cannot_be_written_loses_no_run(home: Home, table: list[str]) -> None:
    """A sweep whose log is on a full disk trains its champion all the same, and so does a run; both say so."""
    with open("/dev/full", "w") as full:
        own = {"stdout": full, "stderr": subprocess.PIPE}
        swept = home.train("-m", *table, "promote=true", "model.max_iter=5,6", STUDY, **own)
        trained = home.train(*table, "promote=true", "run_name=single", **own)
    for done in (swept, trained):
        assert done.returncode == 1
        says = "Error: The standard output can't be written: No space left on device. All else is done.\n"
        assert done.stderr == says
    assert {status for own in home.statuses().values() for status in own} == {"FINISHED"}
    assert len(home.statuses()) == 5  # the study, two trials, the last job and the run on its own
    assert len(home.client.search_model_versions("name='houses_predictor'")) == 2


@pytest.mark.everything
def test_workers_whose_command_was_killed_leave_and_close_their_runs(home: Home, table: list[str]) -> None:
    """In the middle of a fit, too: within seconds nobody is left, and MLflow knows that the trials were KILLED."""
    endless = ("model.early_stopping=false", "model.max_iter=100000,100001")
    command = ("-m", *table, *endless, "hydra.sweeper.workers=2", STUDY)
    with home.start_training(*command, start_new_session=True) as process:
        deadline = time.monotonic() + 120
        try:
            while len(home.statuses()) < 3:
                assert time.monotonic() < deadline
                time.sleep(0.2)
            others = psutil.Process(process.pid).children(recursive=True)
            process.kill()
            process.communicate(timeout=15)  # which the workers' end of its pipes would hold up
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    assert len(others) >= 3
    assert not psutil.wait_procs(others, timeout=15)[1]
    statuses = home.statuses()
    assert statuses.pop("prices") == ["RUNNING"]  # the same command closes that
    assert statuses == {"trial_0": ["KILLED"], "trial_1": ["KILLED"]}


@pytest.mark.everything
def test_killed_sweep_leaves_nothing_running(home: Home, table: list[str]) -> None:
    """After kill -9 of everything the same command goes on; in MLflow nothing stays RUNNING."""
    command = (
        "-m",
        *table,
        "model.max_iter=range(1000,1008)",
        "hydra.sweeper.workers=2",
        STUDY,
        "hydra.sweeper.pruner=null",
    )
    with home.start_training(*command, start_new_session=True) as process:
        deadline = time.monotonic() + 60
        while "FINISHED" not in str(home.statuses()):
            assert time.monotonic() < deadline
            time.sleep(0.2)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    assert "RUNNING" in home.statuses()["prices"]
    done = home.train(*command)
    assert done.returncode == 0, done.stderr
    statuses = home.statuses()
    assert statuses.pop("prices") == ["FINISHED"]
    ended = [status for own in statuses.values() for status in own]
    assert set(ended) <= {"FINISHED", "KILLED"}
    done_trials = [trial for trial in study_of(home).trials if trial.state is TrialState.COMPLETE]
    assert sorted(trial.params["model.max_iter"] for trial in done_trials) == list(range(1000, 1008))
    # A worker that is killed before it can tell the study of a run that has finished leaves one more than are needed.
    assert 8 <= ended.count("FINISHED") <= 10


@pytest.mark.everything
def test_many_workers_on_one_fresh_database_lose_nothing(tmp_path: Path, table: list[str]) -> None:
    """200 trials on 4 workers that start at once against no database at all: 200 child runs, none RUNNING."""
    home = Home(tmp_path / "fresh")
    command = ("-m", *table, "model.max_iter=range(1,201)", "hydra.sweeper.workers=4", "hydra.sweeper.n_trials=200")
    done = home.train(*command, STUDY, "hydra.sweeper.pruner=null", "hydra.sweeper.again=null")
    assert done.returncode == 0, done.stderr
    with closing(sqlite3.connect(home.folder / "mlflow.db")) as database:
        query = "select count(*) from tags join runs using (run_uuid) where key = 'mlflow.parentRunId' and status = ?"
        counts = {status: database.execute(query, (status,)).fetchone()[0] for status in ("FINISHED", "RUNNING")}
        [(params,)] = database.execute("select count(distinct value) from params where key = 'max_iter'")
    assert counts == {"FINISHED": 200, "RUNNING": 0}
    assert params == 200
    assert {trial.state for trial in study_of(home).trials} == {TrialState.COMPLETE}
    assert len({trial.user_attrs["worker"] for trial in study_of(home).trials}) == 4


@pytest.mark.everything
def test_sweep_its_workers_and_who_asks_later_agree_where_things_are(empty_home: Home, tmp_path: Path) -> None:
    """With tracking and registry in the variables all that a sweep leaves is there, and is found there.

    Addresses and paths are seen from where the command was typed, though Hydra changes the directory of each job.
    """
    home, rows = Home(tmp_path / "home"), write_houses(tmp_path)
    for database in ("team.db", "models.db"):
        shutil.copy(empty_home.folder / "mlflow.db", tmp_path / database)
    own = {"MLFLOW_TRACKING_URI": "sqlite:///team.db", "MLFLOW_REGISTRY_URI": "sqlite:///models.db"}
    shell: dict[str, Any] = {"cwd": tmp_path, "env": home.env | own, "check": True}
    done = home.train(
        *("-m", "data=csv", f"data.path={rows.name}", "data.target=price", "n_splits=2", "hydra.job.chdir=true"),
        *("model.max_iter=3,4", "hydra.sweeper.workers=2", "hydra.sweeper.storage=sqlite:///study.db"),
        "hydra.sweeper.pruner=null",
        **shell,
    )
    client = mlflow.MlflowClient(f"sqlite:///{tmp_path}/team.db", f"sqlite:///{tmp_path}/models.db")
    experiment = client.get_experiment_by_name("houses_prediction")
    statuses = [run.info.status for run in client.search_runs([experiment.experiment_id])]
    assert statuses == ["FINISHED"] * 4  # of the sweep, its two trials and the last job
    assert [model.name for model in client.search_registered_models()] == ["houses_predictor"]
    assert (tmp_path / "study.db").exists()
    assert not (home.folder / "mlflow.db").exists()
    assert f"--backend-store-uri sqlite:///{tmp_path}/team.db --registry-store-uri sqlite:///models.db" in done.stdout
    assert re.search(r"^serve +python \S*serve\.py$", done.stdout, re.MULTILINE)
    assert "houses_predictor" in home.run("-m", "champion", "status", **shell).stdout


@pytest.mark.everything
def test_study_of_a_moved_project_goes_on_there(tmp_path: Path) -> None:
    """Its trials are children of the same run, and nothing is written to the old place."""
    before, after = Home(tmp_path / "before"), Home(tmp_path / "after")
    sweep = ("-m", *SMALL, "promote=true", STUDY)
    before.train(*sweep, "hydra.sweeper.n_trials=2", check=True)
    before.folder.rename(after.folder)
    after.train(*sweep, "hydra.sweeper.n_trials=4", check=True)
    assert sorted(children_of(after, parent_of(after))) == [0, 1, 2, 3]
    first, second = after.client.search_model_versions("name='housing_price_predictor'", order_by=["version_number"])
    assert "can't be loaded" not in first.tags["reason"] + second.tags["reason"]
    assert not before.folder.exists()


@pytest.mark.parametrize("kind", ["sqlite:///", ""])
def test_no_study_is_kept_where_mlflow_keeps_its_runs(tmp_path: Path, kind: str) -> None:
    """A storage that is tracking.uri's database is refused before either of them has made it."""
    home = Home(tmp_path)
    done = home.train("-m", *SMALL, "model.max_iter=10,12", f"hydra.sweeper.storage={kind}{tmp_path}/mlflow.db")
    assert done.returncode == 1
    said = f"Error: hydra.sweeper.storage '{kind}{tmp_path}/mlflow.db' is the database of something else, such as"
    assert done.stderr == f"{said} MLflow. Choose another one for studies.\n"
    assert not list(tmp_path.iterdir())
