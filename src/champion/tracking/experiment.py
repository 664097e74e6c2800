"""Decides which experiment a run belongs to, and that nothing is kept where earlier files are gone."""

from functools import cache

import mlflow
from mlflow.entities import Experiment
from mlflow.exceptions import MlflowException
from mlflow.utils.validation import _validate_experiment_name

from champion.base.errors import TrackingError
from champion.tracking import moved, patience
from champion.tracking.artifacts import check, lies_in, location, root
from champion.tracking.process import close_killed_runs

# Or MLflow's pages offer what agents and their traces would show, and no training runs.
KIND = {"mlflow.experimentKind": "custom_model_development"}


def check_name(experiment: str) -> None:
    """Raise TrackingError for an experiment's name that MLflow refuses, or that names another folder than its own."""
    try:
        _validate_experiment_name(experiment)
    except MlflowException as error:
        raise TrackingError(f"experiment_name '{experiment}' is refused by MLflow: {error.message}") from error
    if experiment in (".", ".."):
        raise TrackingError(f"experiment_name must be a name that a folder can have, but got '{experiment}'.")


@cache
def experiment_of(run_id: str) -> str:
    """Return the id of the experiment that a run belongs to."""
    return str(patience.client().get_run(run_id).info.experiment_id)


def experiment_named(name: str, artifacts: str | None) -> str:
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
