"""Decides where MLflow keeps things: a server that answers, or a database that is whole."""

import logging
import os
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from math import inf
from pathlib import Path
from typing import Any

import mlflow
from filelock import FileLock
from mlflow.exceptions import MlflowException
from mlflow.utils.credentials import get_default_host_creds
from mlflow.utils.rest_utils import http_request
from omegaconf import OmegaConf
from requests import HTTPError
from sqlalchemy.exc import SQLAlchemyError

from champion import patience, trial
from champion.errors import ConfigError, TrackingError
from champion.home import REPOSITORY, home
from champion.redaction import redact

SERVER_SECONDS = 5  # a server that takes longer to say it is there is taken for dead
SQLITE = "sqlite:///"
QUIET = {"MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false", "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true"}  # MLflow
LOCAL = REPOSITORY / "conf" / "tracking" / "local.yaml"


def connect(uri: str, *, artifacts: str | None = None, create: bool = True, wait: float | None = None) -> None:
    """Point MLflow at `uri`; where it names an SQLite file that isn't there, create it if `create`.

    An outage that comes later is waited out, `wait` seconds at most, and by a trial one that is there already. Raises
    TrackingError when a server doesn't answer within seconds, or there is no database.
    """
    if not isinstance(uri, str):
        raise ConfigError(f"tracking.uri must be the address of a database or an MLflow server, but got {uri!r}.")
    if wait is not None:
        _be_patient(wait)
    first = patience.call if trial.is_running() else _at_once
    mlflow.set_tracking_uri(uri)
    if uri.startswith(("http://", "https://")):
        first(partial(_check_server, uri))
    elif uri.startswith(SQLITE):
        file = Path(uri.removeprefix(SQLITE))
        if create and not file.exists():
            _create_database(file, artifacts or "mlruns")
        elif not file.exists():
            raise TrackingError(f"There is no champion yet, nor a database {file}. Train one: `python src/train.py`.")
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    with refusals_in_one_line(SQLAlchemyError):
        first(mlflow.MlflowClient)


def connect_chosen(uri: str | None) -> None:
    """Point MLflow at `uri`, else at $MLFLOW_TRACKING_URI, else where conf/tracking/local.yaml says it is.

    Raises TrackingError when there is no such database, or none of the three says where to look.
    """
    home()  # conf/ needs CHAMPION_HOME
    chosen = uri or os.environ.get("MLFLOW_TRACKING_URI")
    if not chosen and not LOCAL.is_file():
        raise TrackingError(f"There is no {LOCAL}. Give --tracking-uri URI, or set MLFLOW_TRACKING_URI.")
    connect(chosen or OmegaConf.load(LOCAL).uri, create=False)


def ui_command() -> str:
    """Return what shows the runs in a browser: a command, or the address of a server that already does."""
    uri = mlflow.get_tracking_uri()
    if not uri.startswith(SQLITE):
        return redact(uri)
    at_hand = Path(uri.removeprefix(SQLITE)) == Path.cwd() / "mlflow.db"  # where MLflow looks by itself
    return "mlflow ui" if at_hand else f"mlflow ui --backend-store-uri {shlex.quote(uri)}"


@contextmanager
def refusals_in_one_line(*also: type[Exception]) -> Iterator[None]:
    """Turn what MLflow refuses into a TrackingError; `also` what else of a kind only MLflow can mean here."""
    try:
        yield
    except (MlflowException, *also) as error:
        reason = redact(str(error)).partition("\n")[0][:300]
        raise TrackingError(f"MLflow at '{redact(mlflow.get_tracking_uri())}' refuses: {reason}") from error


def _be_patient(wait: float) -> None:
    if isinstance(wait, bool) or not isinstance(wait, int | float) or not 0 <= wait < inf:
        raise ConfigError(f"tracking.patience must be a number of seconds from 0, but got {wait!r}.")
    patience.begin(wait)


def _at_once(work: Callable[[], Any]) -> None:
    work()


def _check_server(uri: str) -> None:
    """Ask once, where MLflow itself would try again for minutes."""
    try:
        answer = http_request(get_default_host_creds(uri), "/health", "GET", timeout=SERVER_SECONDS, max_retries=0)
        answer.raise_for_status()
    except (MlflowException, HTTPError) as error:
        status = f"status {error.response.status_code}" if isinstance(error, HTTPError) else ""
        says = f"tracking.uri '{redact(uri)}' is no MLflow server that answers"
        remedy = "Start one with `mlflow server`, or choose tracking=local."
        raise TrackingError(f"{says}: {status or patience.reason(error) or 'no connection'}. {remedy}") from error


def _create_database(file: Path, artifacts: str) -> None:
    """Create the database beside its place and move it there whole: a killed process leaves none half made."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore  # takes a second, which a server spares

    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{file}.lock"):
            if file.exists():
                return
            draft = file.with_name(f"{file.name}.draft")
            draft.unlink(missing_ok=True)
            logging.getLogger("mlflow.store.db").setLevel(logging.WARNING)
            SqlAlchemyStore(f"{SQLITE}{draft}", artifacts).engine.dispose()
            os.replace(draft, file)
    except OSError as error:
        raise TrackingError(f"tracking.uri: the database {file} can't be created: {error.strerror}.") from error
