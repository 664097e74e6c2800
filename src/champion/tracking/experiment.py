"""Decides which experiment a run belongs to, and that nothing is kept where earlier files are gone."""

from functools import cache

import mlflow
from mlflow.entities import Experiment
from mlflow.exceptions import MlflowException
from mlflow.utils.mlflow_tags import MLFLOW_RUN_NOTE
from mlflow.utils.validation import _validate_experiment_name

from champion.base.errors import TrackingError
from champion.tracking import moved, patience
from champion.tracking.artifacts import check, lies_in, location, root
from champion.tracking.process import close_killed_runs

TAGS = {
    # Or MLflow's pages offer what agents and their traces would show, and no training runs.
    "mlflow.experimentKind": "custom_model_development",
    MLFLOW_RUN_NOTE: (
        "A run trains one configuration. A sweep is a run with its trials below it, which the sign before its name"
        " shows; its own page has the leaderboard. `cv_…` is the mean over the folds, `test_…` of the held-out rows,"
        " `cv_…_so_far` of the folds so far, which trials have, too, that were ended early."
    ),
}


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
            return str(client.create_experiment(name, artifact_location=where, tags=TAGS))
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
