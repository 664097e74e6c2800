"""Decides what a run holds in MLflow: start it, log to it, end it as what it was."""

import logging
import shutil
import subprocess
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import mlflow
from mlflow.entities import Run as MlflowRun
from mlflow.exceptions import MlflowException
from mlflow.models import Model, infer_signature
from sklearn.pipeline import Pipeline

from champion import persistence
from champion.data import Dataset
from champion.errors import ModelError, TrackingError
from champion.home import REPOSITORY
from champion.redaction import redact
from champion.tracking.connection import refusals_in_one_line
from champion.tracking.process import alive, close_killed_runs, stops_on_sigterm

# Without Git, MLflow says so three times in fifteen lines each; the tag git_commit says "none".
logging.getLogger("mlflow.utils.git_utils").setLevel(logging.ERROR)


@dataclass(frozen=True)
class Run:
    """An MLflow run that has started; everything logged goes to it."""

    id: str
    name: str
    experiment: str

    def log_metrics(self, metrics: Mapping[str, float]) -> None:
        """Log all metrics in one call."""
        mlflow.log_metrics(dict(metrics), run_id=self.id)

    def log_files(self, *files: Path) -> None:
        """Keep copies of the files among the run's artifacts."""
        for file in files:
            mlflow.log_artifact(str(file), run_id=self.id)

    def log_model(self, model: Pipeline, train: Dataset) -> str:
        """Save `model` with its signature, three example rows and pinned requirements; return the model's id."""
        try:
            with _quiet():
                logged = _LoggedOnce.log(
                    None,
                    mlflow.sklearn,
                    name="model",
                    run_id=self.id,
                    sk_model=model,
                    serialization_format="skops",
                    skops_trusted_types=persistence.TRUSTED_TYPES,
                    signature=infer_signature(train.X, model.predict(train.X.head())),
                    input_example=train.X.head(3),
                    pip_requirements=persistence.requirements(model),
                )
        except MlflowException as error:
            trusted = "champion.persistence.TRUSTED_TYPES lists the types that it may hold"
            raise ModelError(f"The model can't be saved without pickle, {trusted}: {error.__context__}") from error
        return str(logged.model_id)


class _LoggedOnce(Model):  # type: ignore[misc]
    """An MLflow model that isn't tried on its example when it is logged: being saved has just loaded it again."""

    def get_serving_input(self, path: str) -> None:
        """Name no example to try."""


@contextmanager
def start_run(
    experiment: str,
    *,
    name: str,
    artifacts: str | None,
    folder: Path,
    dataset: Dataset,
    params: Mapping[str, Any],
    tags: Mapping[str, str],
    config: str,
) -> Iterator[Run]:
    """Start a run, log what is known before the work begins, and end it as FINISHED, FAILED or KILLED.

    A run that fails carries the reason in its tag `reason`. Runs of this machine whose process was killed before it
    could say so are marked KILLED first. `artifacts` is where a new experiment keeps its files, `folder` where this
    run's files are made, `config` the whole configuration as YAML. Raises TrackingError for what MLflow refuses.
    """
    with refusals_in_one_line(), stops_on_sigterm(), alive(folder) as process_tags:
        experiment_id = _experiment_id(experiment, artifacts)
        close_killed_runs(experiment_id)
        known = {**tags, **_provenance(dataset), **process_tags}
        with _ended(experiment_id, name, {key: redact(value) for key, value in known.items()}) as run:
            mlflow.log_params(dict(params))
            _log_dataset(dataset)
            mlflow.log_text(redact(config), "config.yaml")
            yield Run(run.info.run_id, name, experiment)


@contextmanager
def _ended(experiment_id: str, name: str, tags: dict[str, str]) -> Iterator[MlflowRun]:
    run = mlflow.start_run(experiment_id=experiment_id, run_name=name, tags=tags)
    try:
        yield run
    except BaseException as error:
        mlflow.set_tag("reason", redact(f"{type(error).__name__}: {error}")[:5000])
        mlflow.end_run("FAILED" if isinstance(error, Exception) else "KILLED")
        raise
    mlflow.end_run("FINISHED")


def _experiment_id(name: str, artifacts: str | None) -> str:
    location = (Path(artifacts).absolute() / quote(name, safe=" ")).as_uri() if artifacts else None
    client = mlflow.MlflowClient()
    if (found := client.get_experiment_by_name(name)) is None:
        try:
            return str(client.create_experiment(name, artifact_location=location))
        except MlflowException as error:
            if (found := client.get_experiment_by_name(name)) is None:  # no other process was quicker
                raise TrackingError(f"experiment_name '{name}' is refused by MLflow: {error.message}") from error
    if found.lifecycle_stage == "deleted":
        raise TrackingError(f"experiment_name '{name}' was deleted in MLflow. Restore it there or choose another name.")
    return str(found.experiment_id)


def _provenance(dataset: Dataset) -> dict[str, str]:
    """Return which data and which code: the commit ends in -dirty where files differ from it."""
    facts = dataset.summary
    commit = ""
    if git := shutil.which("git"):
        describe = [git, "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
        commit = subprocess.run(describe, cwd=REPOSITORY, capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603
    return {
        "data_fingerprint": facts["fingerprint"],
        "data_rows": str(facts["rows"]),
        "data_columns": str(facts["columns"]),
        "git_commit": commit or "none",
    }


def _log_dataset(dataset: Dataset) -> None:
    with _quiet():
        used = mlflow.data.from_pandas(
            dataset.table,
            source=redact(dataset.source),
            targets=dataset.target,
            name=dataset.name,
            digest=dataset.fingerprint,
        )
        mlflow.log_input(used, context="training")


@contextmanager
def _quiet() -> Iterator[None]:
    """Hide two of MLflow's warnings that the user can do nothing about."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*can be interpreted in multiple ways")  # of a file's path
        warnings.filterwarnings("ignore", message=".*Inferred schema contains integer column")  # they are meant
        yield
