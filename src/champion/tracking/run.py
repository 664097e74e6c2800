"""Decides what a run holds in MLflow: start it, log to it, end it as what it was."""

import json
import logging
import shutil
import subprocess
import time
import warnings
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mlflow
import numpy as np
from mlflow.entities import Dataset as DatasetEntity
from mlflow.entities import DatasetInput, Experiment, InputTag, Metric, Param, RunInfo, RunTag
from mlflow.exceptions import MlflowException
from mlflow.tracking.context.registry import resolve_tags
from mlflow.utils.mlflow_tags import MLFLOW_DATASET_CONTEXT, MLFLOW_PARENT_RUN_ID
from mlflow.utils.validation import _validate_experiment_name

from champion import patience, trial
from champion.errors import TrackingError
from champion.home import REPOSITORY
from champion.redaction import redact
from champion.tracking import moved
from champion.tracking.artifacts import check, kept_at, lies_in, location, root
from champion.tracking.connection import refusals_in_one_line
from champion.tracking.process import alive, close_killed, close_killed_runs

if TYPE_CHECKING:
    from champion.data import Dataset, Summary
from hydra_plugins.champion_sweeper import stops_on_sigterm

# Without Git, MLflow says so three times in fifteen lines each; the tag git_commit says "none".
logging.getLogger("mlflow.utils.git_utils").setLevel(logging.ERROR)


TYPICAL_ROWS = 1000
# Or MLflow's pages offer what agents and their traces would show, and no training runs.
KIND = {"mlflow.experimentKind": "custom_model_development"}

_inputs: dict[tuple[str, str, str], DatasetInput] = {}  # the last one


@dataclass(frozen=True)
class Run:
    """An MLflow run that has started; everything logged goes to it, and files for it are made in `folder`."""

    id: str
    name: str
    experiment: str
    folder: Path

    def log_metrics(self, metrics: Mapping[str, float]) -> None:
        """Log all metrics in one call."""
        now = int(time.time() * 1000)
        patience.client().log_batch(self.id, metrics=[Metric(key, value, now, 0) for key, value in metrics.items()])

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Set all tags in one call."""
        patience.client().log_batch(self.id, tags=[RunTag(key, redact(value)) for key, value in tags.items()])

    def log_files(self, *files: Path) -> None:
        """Keep copies of the files among the run's artifacts."""
        for file in files:
            patience.client().log_artifact(self.id, str(file))

    def close_lost(self, run_ids: Collection[str]) -> None:
        """Mark runs as KILLED whose workers died while they were RUNNING: these on any machine, and others of this."""
        client = patience.client()
        experiment_id = client.get_run(self.id).info.experiment_id
        for run in client.search_runs([experiment_id], "attributes.status = 'RUNNING'"):
            if run.info.run_id in run_ids:
                close_killed(run.info.run_id)
        close_killed_runs(experiment_id)


def fetch(run_id: str, name: str, *, folder: str) -> Path | None:
    """Copy the artifact `name` of a run into `folder`, or return None where run or artifact is gone."""
    try:
        if name not in {file.path for file in patience.client().list_artifacts(run_id)}:
            return None  # asked before, as a server that lacks a file is asked for it for minutes
        found = patience.call(mlflow.artifacts.download_artifacts, run_id=run_id, artifact_path=name, dst_path=folder)
        return Path(found)
    except (MlflowException, OSError):
        return None


def check_name(experiment: str) -> None:
    """Raise TrackingError for an experiment's name that MLflow refuses, or that names another folder than its own."""
    try:
        _validate_experiment_name(experiment)
    except MlflowException as error:
        raise TrackingError(f"experiment_name '{experiment}' is refused by MLflow: {error.message}") from error
    if experiment in (".", ".."):
        raise TrackingError(f"experiment_name must be a name that a folder can have, but got '{experiment}'.")


@contextmanager
def start_run(
    experiment: str,
    *,
    name: str,
    artifacts: str | None,
    folder: Path,
    data: "Summary",
    typical: "Dataset",
    params: Mapping[str, Any],
    tags: Mapping[str, str],
    config: str,
) -> Iterator[Run]:
    """Start a run, log what is known before the work begins, and end it as FINISHED, FAILED or KILLED.

    A run that fails carries the reason in its tag `reason`. Runs of this machine whose process was killed before it
    could say so are marked KILLED first. A trial of a sweep becomes a child of the sweep's run; one that is pruned ends
    as KILLED, and its tag `trial_state` says PRUNED. `artifacts` is where a new experiment keeps its files, `folder`
    where this run's files are made, `data` what is learned from and `typical` some rows of it, `config` the whole
    configuration as YAML. Raises TrackingError for what MLflow
    refuses.
    """
    with refusals_in_one_line(), stops_on_sigterm(), alive(folder) as process_tags:
        parent = trial.parent()
        experiment_id = _experiment_of(parent) if parent else _experiment_id(experiment, artifacts)
        known = {**tags, **_provenance(data), **process_tags, **({MLFLOW_PARENT_RUN_ID: parent} if parent else {})}
        started = _create(experiment_id, name, known)
        run_id = str(started.run_id)
        with _ended(run_id):
            trial.link(run_id)
            client = patience.client()
            client.log_batch(run_id, params=[Param(key, str(value)) for key, value in params.items()])
            client.log_inputs(run_id, [_dataset_input(data, typical)])
            with kept_at(started.artifact_uri):
                client.log_text(run_id, redact(config), "config.yaml")
            yield Run(run_id, name, experiment, folder)


@contextmanager
def start_sweep(
    experiment: str,
    *,
    name: str,
    run_id: str | None,
    artifacts: str | None,
    folder: Path,
    data: "Summary",
    typical: "Dataset",
    tags: Mapping[str, str],
) -> Iterator[Run]:
    """Start the run that stands for a sweep, or go on with that of `run_id`, and end it as `start_run` does."""
    with refusals_in_one_line(), alive(folder) as process_tags:
        experiment_id = _experiment_id(experiment, artifacts)
        known = {**tags, **_provenance(data), **process_tags}
        if run_id is None or not _goes_on(run_id):
            run_id = str(_create(experiment_id, name, known).run_id)
            patience.client().log_inputs(run_id, [_dataset_input(data, typical)])
        with _ended(run_id):
            yield Run(run_id, name, experiment, folder)


def _create(experiment_id: str, name: str, tags: Mapping[str, str]) -> RunInfo:
    shown = {key: redact(value) for key, value in tags.items()}
    return patience.client().create_run(experiment_id, run_name=name, tags={**_context_tags(), **shown}).info


def _goes_on(run_id: str) -> bool:
    """Mark the run as RUNNING again; tell whether it is still there."""
    try:
        patience.client().update_run(run_id, status="RUNNING")
    except MlflowException:
        return False
    return True


@contextmanager
def _ended(run_id: str) -> Iterator[None]:
    """Mark the run as FINISHED, FAILED or KILLED when what is done in it ends."""
    client = patience.client()
    try:
        yield
    except BaseException as error:
        pruned = trial.was_pruned(error)
        with patience.last_words(error):
            tags = {"reason": redact(f"{type(error).__name__}: {error}")[:5000]}
            tags |= {"trial_state": "PRUNED"} if pruned else {}
            client.log_batch(run_id, tags=[RunTag(key, value) for key, value in tags.items()])
            client.set_terminated(run_id, "FAILED" if isinstance(error, Exception) and not pruned else "KILLED")
        raise
    client.set_terminated(run_id, "FINISHED")


@cache
def _experiment_of(run_id: str) -> str:
    return str(patience.client().get_run(run_id).info.experiment_id)


def _experiment_id(name: str, artifacts: str | None) -> str:
    """Return the id of the experiment, made where there is none; runs in it whose process is gone are closed."""
    client = patience.client()
    if (found := client.get_experiment_by_name(name)) is None:
        where = location(artifacts, name)
        try:
            return str(client.create_experiment(name, artifact_location=where, tags=KIND))
        except MlflowException as error:
            if (found := client.get_experiment_by_name(name)) is None:  # no other process was quicker
                raise TrackingError(f"experiment_name '{name}' is refused by MLflow: {error.message}") from error
    if found.lifecycle_stage == "deleted":
        raise TrackingError(f"experiment_name '{name}' was deleted in MLflow. Restore it there or choose another name.")
    check(artifacts, name, found.artifact_location)
    if not lies_in(root(artifacts, mlflow.get_tracking_uri()), found.artifact_location):
        _check_files(found)
    close_killed_runs(found.experiment_id)
    return str(found.experiment_id)


def _check_files(experiment: Experiment) -> None:
    """Raise TrackingError where earlier runs left files in a folder that is gone: MLflow would make it again."""
    folder = moved.gone(experiment.artifact_location)
    if folder and patience.client().search_runs([experiment.experiment_id], max_results=1):
        says = f"experiment_name '{experiment.name}' keeps its files in {folder}, and that folder is gone"
        raise TrackingError(f"{says}. Bring it back, or choose another experiment_name.")


def _provenance(data: "Summary") -> dict[str, str]:
    """Return which data and which code."""
    return {
        "data_fingerprint": data.fingerprint,
        "data_rows": str(data.rows),
        "data_columns": str(data.columns),
        "git_commit": _commit(),
    }


@cache
def _commit() -> str:
    """Return the commit of the code, with -dirty where files differ from it, or "none"."""
    if git := shutil.which("git"):
        describe = [git, "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
        commit = subprocess.run(describe, cwd=REPOSITORY, capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603
        return commit or "none"
    return "none"


@cache
def _context_tags() -> dict[str, str]:
    """Return what MLflow itself notes of a process: user, program, commit."""
    found: dict[str, str] = resolve_tags()
    return found


def _dataset_input(data: "Summary", typical: "Dataset") -> DatasetInput:
    """Return what MLflow keeps of the table, made once for the same one.

    Its types are those of some typical rows: MLflow looks at every cell of text, which takes a minute for a million.
    """
    known = (data.name, data.source, data.fingerprint)
    if known not in _inputs:
        with _quiet():
            used = mlflow.data.from_pandas(
                typical.take(np.arange(min(len(typical), TYPICAL_ROWS))).table,
                source=data.source,
                targets=data.target,
                name=data.name,
                digest=data.fingerprint,
            )
            facts = used._to_mlflow_entity().to_dictionary()
        facts["profile"] = json.dumps({"num_rows": data.rows, "num_elements": data.rows * data.columns})
        _inputs.clear()
        _inputs[known] = DatasetInput(DatasetEntity(**facts), [InputTag(MLFLOW_DATASET_CONTEXT, "training")])
    return _inputs[known]


@contextmanager
def _quiet() -> Iterator[None]:
    """Hide two of MLflow's warnings that the user can do nothing about."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*can be interpreted in multiple ways")  # of a file's path
        warnings.filterwarnings("ignore", message=".*Inferred schema contains integer column")  # they are meant
        yield
