"""Decides how a run is remembered in MLflow: connect, start a run, log to it, end it whatever happens."""

import logging
import os
import re
import shlex
import signal
import socket
import subprocess
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import mlflow
import requests
from filelock import FileLock, Timeout
from mlflow.entities import Run as MlflowRun
from mlflow.exceptions import MlflowException
from mlflow.models import Model, infer_signature
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from sklearn.pipeline import Pipeline
from sqlalchemy.exc import SQLAlchemyError

from champion import persistence
from champion.data import Dataset
from champion.errors import ConfigError, ModelError, TrackingError
from champion.home import REPOSITORY

SERVER_SECONDS = 5  # a server that takes longer to say it is there is taken for dead
ALIVE = ".running"  # locked by a run's process as long as it lives, in the run's output folder


@dataclass(frozen=True)
class Run:
    """An MLflow run that has started; everything logged goes to it."""

    id: str
    name: str
    experiment: str

    def log_metrics(self, metrics: Mapping[str, float], *, model_id: str | None = None) -> None:
        """Log all metrics in one call, to the run and to the model of that id."""
        mlflow.log_metrics(dict(metrics), run_id=self.id, model_id=model_id)

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


def connect(uri: str, *, artifacts: str | None = None, create: bool = True) -> None:
    """Point MLflow at `uri`; where it names an SQLite file that isn't there, create it if `create`.

    Raises TrackingError when a server doesn't answer within seconds, or there is no database.
    """
    if not isinstance(uri, str):
        raise ConfigError(f"tracking.uri must be the address of a database or an MLflow server, but got {uri!r}.")
    if uri.startswith(("http://", "https://")):
        _check_server(uri)
    elif uri.startswith("sqlite:///"):
        file = Path(uri.removeprefix("sqlite:///"))
        if create:
            _create_database(file, artifacts or "mlruns")
        elif not file.exists():
            raise TrackingError(f"There is no champion yet, nor a database {file}. Train one: `python src/train.py`.")
    mlflow.set_tracking_uri(uri)
    with _answered():
        mlflow.MlflowClient()


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
    run's files are made, `config` the whole configuration as YAML.
    """
    tags = {**tags, **_provenance(dataset), "host": socket.gethostname(), "output_dir": str(folder)}
    with _answered(), _stops_on_sigterm(), _alive(folder):
        experiment_id = _experiment_id(experiment, artifacts)
        _close_killed_runs(experiment_id)
        with _run(experiment_id, name, {key: redact(value) for key, value in tags.items()}) as run:
            mlflow.log_params(dict(params))
            _log_dataset(dataset)
            mlflow.log_text(redact(config), "config.yaml")
            yield Run(run.info.run_id, name, experiment)


def ui_command() -> str:
    """Return what shows the runs in a browser: a command, or the address of a server that already does."""
    uri = mlflow.get_tracking_uri()
    if not uri.startswith("sqlite:///"):
        return redact(uri)
    at_hand = Path(uri.removeprefix("sqlite:///")) == Path.cwd() / "mlflow.db"  # where MLflow looks by itself
    return "mlflow ui" if at_hand else f"mlflow ui --backend-store-uri {shlex.quote(uri)}"


def redact(text: str) -> str:
    """Return `text` with the password of every URL in it replaced by ***."""
    return re.sub(r"(\w+://[^\s:/@]*):[^\s/@]+@", r"\1:***@", text)


@contextmanager
def _answered() -> Iterator[None]:
    """Turn what MLflow or its database refuses into a TrackingError of one line."""
    try:
        yield
    except (MlflowException, SQLAlchemyError) as error:
        reason = str(error).partition("\n")[0][:300]
        raise TrackingError(f"MLflow at '{redact(mlflow.get_tracking_uri())}' refuses: {reason}") from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Hide two of MLflow's warnings that the user can do nothing about."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*can be interpreted in multiple ways")  # of a file's path
        warnings.filterwarnings("ignore", message=".*Inferred schema contains integer column")  # they are meant
        yield


@contextmanager
def _run(experiment_id: str, name: str, tags: dict[str, str]) -> Iterator[MlflowRun]:
    run = mlflow.start_run(experiment_id=experiment_id, run_name=name, tags=tags)
    try:
        yield run
    except BaseException as error:
        failed = isinstance(error, Exception)
        mlflow.set_tag("reason", f"{type(error).__name__}: {redact(str(error))}"[:5000])
        mlflow.end_run("FAILED" if failed else "KILLED")
        raise
    mlflow.end_run("FINISHED")


def _provenance(dataset: Dataset) -> dict[str, str]:
    """Return which data and which code: the commit ends in -dirty where files differ from it."""
    facts = dataset.summary
    described = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],  # noqa: S607, git is where it is
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    return {
        "data_fingerprint": facts["fingerprint"],
        "data_rows": str(facts["rows"]),
        "data_columns": str(facts["columns"]),
        "git_commit": described.stdout.strip() or "none",
    }


@contextmanager
def _stops_on_sigterm() -> Iterator[None]:
    """Let a SIGTERM end the run as an exception does, so that it is marked; only a main thread can be told."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(signum: int, _frame: object) -> NoReturn:
        raise SystemExit(128 + signum)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _alive(folder: Path) -> Iterator[None]:
    """Hold the lock that shows other runs that this one's process lives; the system drops it with the process."""
    try:
        with FileLock(folder / ALIVE):
            yield
    finally:
        (folder / ALIVE).unlink(missing_ok=True)


def _check_server(uri: str) -> None:
    remedy = "Start one with `mlflow server`, or choose tracking=local."
    try:
        answer = requests.get(f"{uri.rstrip('/')}/health", timeout=SERVER_SECONDS)
    except requests.RequestException as error:
        reason = "no answer in time" if isinstance(error, requests.Timeout) else "no connection"
        raise TrackingError(
            f"tracking.uri '{redact(uri)}' is no MLflow server that answers: {reason}. {remedy}"
        ) from error
    if not answer.ok:
        reason = f"status {answer.status_code}"
        raise TrackingError(f"tracking.uri '{redact(uri)}' is no MLflow server that answers: {reason}. {remedy}")


def _create_database(file: Path, artifacts: str) -> None:
    """Create the database beside its place and move it there whole: a killed process leaves none half made."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{file}.lock"):
            if file.exists():
                return
            draft = file.with_name(f"{file.name}.draft")
            draft.unlink(missing_ok=True)
            logging.getLogger("mlflow.store.db").setLevel(logging.WARNING)
            SqlAlchemyStore(f"sqlite:///{draft}", artifacts).engine.dispose()
            os.replace(draft, file)
    except OSError as error:
        raise TrackingError(f"tracking.uri: the database {file} can't be created: {error.strerror}.") from error


def _experiment_id(name: str, artifacts: str | None) -> str:
    location = (Path(artifacts).absolute() / name).as_uri() if artifacts else None
    client = mlflow.MlflowClient()
    if (found := client.get_experiment_by_name(name)) is None:
        try:
            return str(client.create_experiment(name, artifact_location=location))
        except MlflowException:  # another process was quicker
            found = client.get_experiment_by_name(name)
    if found is None or found.lifecycle_stage == "deleted":
        raise TrackingError(f"experiment_name '{name}' was deleted in MLflow. Restore it there or choose another name.")
    return str(found.experiment_id)


def _close_killed_runs(experiment_id: str) -> None:
    client = mlflow.MlflowClient()
    mine = f"attributes.status = 'RUNNING' and tags.host = '{socket.gethostname()}'"
    for run in client.search_runs([experiment_id], mine):
        output_dir = Path(run.data.tags.get("output_dir", ""))
        if output_dir.is_dir():
            try:
                FileLock(output_dir / ALIVE, timeout=0).acquire().lock.release()
            except Timeout:
                continue
            (output_dir / ALIVE).unlink(missing_ok=True)
        client.set_tag(run.info.run_id, "reason", "its process was killed")
        client.set_terminated(run.info.run_id, "KILLED")


def _log_dataset(dataset: Dataset) -> None:
    with _quiet():
        used = mlflow.data.from_pandas(
            dataset.table, source=dataset.source, targets=dataset.target, name=dataset.name, digest=dataset.fingerprint
        )
        mlflow.log_input(used, context="training")
