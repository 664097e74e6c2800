"""Decides where an experiment keeps its files, and how one is had again; what is kept of a run, run.py decides."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, urlsplit

import mlflow
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow.store.db.db_types import DATABASE_ENGINES
from mlflow.utils.file_utils import local_file_uri_to_path
from mlflow.utils.uri import append_to_uri_path, get_uri_scheme

from champion.base.errors import ConfigError, TrackingError
from champion.base.home import home
from champion.base.redaction import redact
from champion.base.remedy import installation
from champion.tracking import patience
from champion.tracking.patience import OutageError

logging.getLogger("botocore").setLevel(logging.WARNING)  # or it says where it has found credentials


def root(artifacts: str | None, uri: str) -> str | None:
    """Return the address below which new experiments keep their files, or None where the server at `uri` is to choose.

    `artifacts` is a folder, relative ones in the working directory, or any address that MLflow knows. Without one it is
    mlruns/ in the home, which is no place for what a server keeps.
    """
    own = home() / "mlruns"
    if artifacts is None or artifacts == str(own):
        return own.as_uri() if get_uri_scheme(uri) in DATABASE_ENGINES else None
    if not isinstance(artifacts, str) or not artifacts.strip():
        raise ConfigError(f"tracking.artifacts must be a folder, an address or null, but got {artifacts!r}.")
    address = urlsplit(artifacts)
    if get_uri_scheme(artifacts) not in ("", "file"):
        return artifacts
    if address.scheme and address.netloc not in ("", "localhost"):
        meant = f"file:///{address.netloc}{address.path}"
        raise ConfigError(
            f"tracking.artifacts '{artifacts}' names a machine. A folder is written as its path, or {meant}."
        )
    return Path(local_file_uri_to_path(artifacts) if address.scheme else artifacts).absolute().as_uri()


def location(artifacts: str | None, experiment: str) -> str | None:
    """Return the address where a new experiment keeps its files, or None where the server is to choose.

    Raises TrackingError where nothing can be kept there, so that no experiment is bound to it.
    """
    base = root(artifacts, mlflow.get_tracking_uri())
    if base is None:
        return None
    folder = quote(experiment, safe=" ")
    where = str(append_to_uri_path(base, quote(folder) if base.startswith("file:") else folder))
    with kept_at(where):
        if base.startswith("file:"):
            Path(local_file_uri_to_path(where)).mkdir(parents=True, exist_ok=True)
        get_artifact_repository(where, tracking_uri=mlflow.get_tracking_uri()).list_artifacts()
    return where


def check(artifacts: str | None, experiment: str, kept: str) -> None:
    """Raise ConfigError where `artifacts` names another place than the one where the experiment has its files."""
    base = root(artifacts, mlflow.get_tracking_uri())
    if artifacts in (None, str(home() / "mlruns")) or base is None or lies_in(base, kept):
        return
    raise ConfigError(
        f"tracking.artifacts is '{redact(base)}', but experiment_name '{experiment}' has its files at '{redact(kept)}'."
        " Leave tracking.artifacts as it is, or choose another experiment_name."
    )


def lies_in(base: str | None, kept: str) -> bool:
    """Tell whether an address is below another one, if there is one."""
    return base is not None and f"{kept}/".startswith(f"{base.rstrip('/')}/")


@contextmanager
def kept_at(where: str) -> Iterator[None]:
    """Turn whatever an artifact store raises, which each library does in kinds of its own, into a TrackingError."""
    try:
        yield
    except OutageError:
        raise
    except ImportError as error:
        raise TrackingError(f"tracking.artifacts: for files at '{redact(where)}' {installation(error)}.") from error
    except Exception as error:  # each library's own kinds
        reason = redact(str(error)).partition("\n")[0][:300].removesuffix(".")
        raise TrackingError(f"tracking.artifacts: no files can be kept at '{redact(where)}': {reason}.") from error


def fetch(run_id: str, name: str, *, folder: str) -> Path | None:
    """Copy the artifact `name` of a run into `folder`, or return None where run or artifact is gone."""
    try:
        if name not in {file.path for file in patience.client().list_artifacts(run_id)}:
            return None  # asked before, as a server that lacks a file is asked for it for minutes
        found = patience.call(mlflow.artifacts.download_artifacts, run_id=run_id, artifact_path=name, dst_path=folder)
        return Path(found)
    except (MlflowException, OSError):
        return None
