"""Decides where MLflow keeps things: a server that answers, or a database that is whole."""

import logging
import operator
import os
import re
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import mlflow
from alembic.util import CommandError
from filelock import FileLock
from mlflow.exceptions import MlflowException
from mlflow.store.db.db_types import DATABASE_ENGINES
from mlflow.utils.credentials import get_default_host_creds
from mlflow.utils.file_utils import local_file_uri_to_path
from mlflow.utils.rest_utils import http_request
from requests import HTTPError
from sqlalchemy import URL, NullPool, create_engine, inspect
from sqlalchemy.exc import SQLAlchemyError

from champion.base import invocation
from champion.base.errors import ConfigError, TrackingError
from champion.base.home import CONF, VARIABLE, absolute, home, sqlite, tracking_uri
from champion.base.redaction import redact
from champion.tracking import moved, patience
from champion.tracking.artifacts import root
from hydra_plugins.champion_sweeper import database

SERVER_SECONDS = 5  # a server that takes longer to say it is there is taken for dead
SERVER = ("http:", "https:")
BARE = ("databricks", "databricks-uc", "uc")  # addresses of MLflow's that consist of a word
REGISTRY = "MLFLOW_REGISTRY_URI"
REMEDIES = {"tracking.uri": "choose tracking=local", REGISTRY: "unset it"}
QUIET = {"MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false", "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true"}  # MLflow


def connect(
    uri: str,
    *,
    artifacts: str | None = None,
    create: bool = True,
    named: str = "tracking.uri",
    wait: float | None = None,
    told: Callable[..., None] | None = None,
) -> None:
    """Point MLflow at `uri`; where it names an SQLite file that isn't there, create it if `create`.

    The addresses in one that is there follow their files, should the project have moved. `named` says what a user gave
    the address by. An outage that comes later is waited out, `wait` seconds at most, and told; where a trial is `told`,
    whose sweep has seen to the addresses, so is one that is there already. Raises TrackingError when a server doesn't
    answer within seconds, or there is no database.
    """
    if not isinstance(uri, str) or not uri.strip():
        raise ConfigError(f"tracking.uri must be the address of a database or an MLflow server, but got {uri!r}.")
    if wait is not None:
        patience.begin(wait, told=told)
    first, url = patience.call if told else operator.call, _database(uri, named=named)
    uri = absolute(uri)
    file = Path(str(url.database)) if url and url.get_backend_name() == "sqlite" else None
    _point_mlflow_at(uri)
    if uri.startswith(SERVER):
        first(_check_server, uri, named=named)
    elif file:
        if create and not file.exists():
            _create_database(file, root(artifacts, uri))
        elif not file.exists():
            trained = invocation.train(uri=uri)
            raise TrackingError(f"There is no champion yet, nor a database {file}. Train one: `{trained}`.")
    if (registry := mlflow.get_registry_uri()) != uri and registry.startswith(SERVER):
        first(_check_server, registry, named=REGISTRY)
    with refusals_in_one_line(SQLAlchemyError, CommandError):
        if url:
            first(_check_owner, uri, named=named)
        first(mlflow.MlflowClient)
    if file and not told:
        moved.follow(file, roots=[file.parent, home(), *_folders(root(artifacts, uri) or "")])


def _folders(place: str) -> list[Path]:
    """Return the folder that an address names, where it names one."""
    return [Path(local_file_uri_to_path(place))] if place.startswith("file:") else []


def connect_chosen(uri: str | None) -> None:
    """Point MLflow at `uri`, else where train.py would keep things without a word: $MLFLOW_TRACKING_URI, or conf/.

    Raises TrackingError when there is no such database, or none of the three says where to look.
    """
    chosen = uri or tracking_uri()
    if chosen is None:
        raise TrackingError(f"{CONF / 'tracking'} says nothing. Give --tracking-uri URI, or set {VARIABLE}.")
    named = "--tracking-uri" if uri else VARIABLE if VARIABLE in os.environ else "conf/tracking/"
    connect(chosen, create=False, named=named)


def ui_command() -> str:
    """Return what shows the runs in a browser: a command, or the address of a server that already does."""
    uri, registry = mlflow.get_tracking_uri(), mlflow.get_registry_uri()
    if uri.startswith(SERVER):
        return redact(uri)
    at_hand = uri == sqlite(Path.cwd() / "mlflow.db") and "MLFLOW_BACKEND_STORE_URI" not in os.environ
    words = [] if at_hand else ["--backend-store-uri", _typed(uri)]
    return " ".join(["mlflow ui", *words, *(["--registry-store-uri", _typed(registry)] if registry != uri else [])])


def _typed(uri: str) -> str:
    """Return the address as a shell takes it; one with a password stays in the variable that it may have come from."""
    if redact(uri) != uri and os.environ.get(VARIABLE) == uri:
        return f'"${VARIABLE}"'
    return shlex.quote(redact(uri))


def _point_mlflow_at(uri: str) -> None:
    """Tell MLflow, and leave the variable that it sets as the shell has it: printed commands are to work there."""
    before = os.environ.get(VARIABLE)
    mlflow.set_tracking_uri(uri)
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    logging.getLogger("mlflow.store.model_registry").setLevel(logging.WARNING)  # it waits for nothing here
    if before is None:
        os.environ.pop(VARIABLE, None)
    else:
        os.environ[VARIABLE] = before


@contextmanager
def refusals_in_one_line(*also: type[Exception]) -> Iterator[None]:
    """Turn what MLflow refuses into a TrackingError; `also` what else of a kind only MLflow can mean here."""
    try:
        yield
    except (MlflowException, *also) as error:
        reason = redact(str(error)).partition("\n")[0][:300]
        raise TrackingError(f"MLflow at '{redact(mlflow.get_tracking_uri())}' refuses: {reason}") from error


def _check_server(uri: str, *, named: str) -> None:
    """Ask once, where MLflow itself would try again for minutes."""
    try:
        answer = http_request(get_default_host_creds(uri), "/health", "GET", timeout=SERVER_SECONDS, max_retries=0)
        answer.raise_for_status()
    except (MlflowException, HTTPError) as error:
        status = f"status {error.response.status_code}" if isinstance(error, HTTPError) else ""
        says = f"{named} '{redact(uri)}' is no MLflow server that answers"
        other = REMEDIES.get(named, "give another --tracking-uri")
        why = status or patience.reason(error) or "no connection"
        raise TrackingError(f"{says}: {why}. Start one{_at(uri)}, or {other}.") from error


def _at(uri: str) -> str:
    """Return how a server is started that answers at `uri`, where that is this machine."""
    parts = urlsplit(uri)
    if parts.hostname not in ("127.0.0.1", "localhost"):
        return " there"
    return f" with `mlflow server{'' if parts.port in (None, 5000) else f' --port {parts.port}'}`"


def _database(uri: str, *, named: str) -> URL | None:
    """Return what the address of a database says, or None for what is none; raise ConfigError where it is neither."""
    if uri.partition(":")[0].partition("+")[0] in (*DATABASE_ENGINES, "postgres"):
        try:
            return database(uri)
        except ValueError as error:
            raise ConfigError(f"{named} '{redact(uri)}' can't be used: {error}.") from error
    if re.fullmatch(r"[\w.-]+:\d+", uri):
        raise ConfigError(f"{named} '{uri}' must begin with http:// for a server, as in http://{uri}.")
    if ":" not in uri and uri not in BARE and not Path(uri).is_dir():
        raise ConfigError(f"{named} '{uri}' is a path. An SQLite file is written {sqlite(Path(uri).absolute())}.")
    return None


@cache
def _check_owner(uri: str, *, named: str) -> None:
    """Raise TrackingError, before anything is written, where a database's tables are something else's.

    MLflow would add its own to them, and then not know their Alembic version.
    """
    with create_engine(uri, poolclass=NullPool).connect() as connection:
        tables = inspect(connection).get_table_names()
    if "alembic_version" in tables and "experiments" not in tables:
        kept = "is the database of something else, such as Optuna's studies. Choose another one for MLflow"
        raise TrackingError(f"{named} '{redact(uri)}' {kept}.")


def _create_database(file: Path, artifacts: str | None) -> None:
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
            SqlAlchemyStore(sqlite(draft), artifacts).engine.dispose()
            os.replace(draft, file)
    except OSError as error:
        raise TrackingError(f"tracking.uri: the database {file} can't be created: {error.strerror}.") from error
