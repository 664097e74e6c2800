"""Decides what a registered version is called and where it stands: aliases are the truth, stages mirror them."""

import json
import os
import shlex
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import mlflow
import pandas as pd
from filelock import FileLock
from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.models import Model
from sklearn.pipeline import Pipeline

from champion import persistence
from champion.errors import ModelError
from champion.home import home
from champion.redaction import redact
from champion.schema import KINDS, Column, Schema

CHAMPION = "champion"  # the alias that serve.py follows, and the tag that shows it in lists


@dataclass(frozen=True)
class Version:
    """One version of a registered model; `metrics` are those it was registered with."""

    name: str
    version: int
    stage: str
    aliases: list[str]
    created: str
    run_id: str
    description: str
    metrics: dict[str, float]

    @property
    def uri(self) -> str:
        """MLflow's address of this version, such as models:/housing_price_predictor/3."""
        return f"models:/{self.name}/{self.version}"


@dataclass(frozen=True)
class Stored:
    """What a version's files hold: the pipeline, the columns that it wants, and example rows that show them."""

    pipeline: Pipeline
    schema: Schema
    example: pd.DataFrame


@contextmanager
def locked() -> Iterator[None]:
    """Let one process of this machine at a time decide who is champion."""
    folder = home() / "outputs"
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".registry.lock"):
        yield


def register(name: str, *, model_id: str, run_id: str, metrics: Mapping[str, float], description: str) -> Version:
    """Add the logged model as the next version of `name`, in stage Staging, with its metrics as tags."""
    client = MlflowClient()
    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise ModelError(f"registered_model '{name}' is refused by MLflow: {error.message}") from error
    added = client.create_model_version(
        name,
        source=f"models:/{model_id}",
        model_id=model_id,
        run_id=run_id,
        tags={metric: repr(value) for metric, value in metrics.items()},
        description=description,
    )
    _set_stage(added, "Staging")
    return get(name, int(added.version))


def get(name: str, version: int) -> Version:
    """Return that version, or raise ModelError where there is none."""
    try:
        return _version(MlflowClient().get_model_version(name, str(version)), _aliases(name))
    except MlflowException as error:
        raise ModelError(f"Model '{name}' has no version {version}.") from error


def by_alias(name: str, alias: str = CHAMPION) -> Version | None:
    """Return the version that `alias` points at, or None."""
    number = {alias: number for number, aliases in _aliases(name).items() for alias in aliases}.get(alias)
    return get(name, number) if number else None


def names() -> list[str]:
    """Return the names of all registered models that have a champion."""
    return [model.name for model in MlflowClient().search_registered_models() if CHAMPION in model.aliases]


def serve_command(name: str) -> str:
    """Return the command that serves the champion of this name, in as few words as it needs."""
    uri = mlflow.get_tracking_uri()
    words = ["python", "serve.py"]
    words += [] if names() == [name] else ["--model", name]
    words += [] if uri == f"sqlite:///{home() / 'mlflow.db'}" else ["--tracking-uri", redact(uri)]
    return shlex.join(words)


def load(version: Version) -> Stored:
    """Fetch and load the version's files; raise ModelError where they are gone or hold a type that isn't trusted."""
    with TemporaryDirectory() as folder:
        try:
            files = mlflow.artifacts.download_artifacts(version.uri, dst_path=folder)
            saved = Model.load(files)
            example = saved.load_input_example(files)
        except (MlflowException, OSError) as error:
            raise ModelError(f"The files of {version.uri} are gone: {error}") from error
        if saved.signature is None or example is None:
            raise ModelError(f"{version.uri} has no signature or no input example; models saved by champion have both.")
        columns = [Column(column.name, str(column.type.name), column.required) for column in saved.signature.inputs]
        if strange := [column.name for column in columns if column.type not in KINDS]:
            raise ModelError(f"{version.uri} wants columns of types that can't be served: {', '.join(strange)}.")
        return Stored(persistence.load(files), Schema(columns), example)


def promote(version: Version) -> Version:
    """Make `version` the champion, in Production; whoever was champion goes to Archived."""
    client = MlflowClient()
    client.set_registered_model_alias(version.name, CHAMPION, str(version.version))  # from here on it is true
    for other in client.search_model_versions(f"name = '{version.name}'"):
        if int(other.version) == version.version:
            client.set_model_version_tag(version.name, other.version, CHAMPION, "true")
            _set_stage(other, "Production")
        elif other.current_stage == "Production" or CHAMPION in other.tags:
            client.delete_model_version_tag(version.name, other.version, CHAMPION)
            _set_stage(other, "Archived")
    return get(version.name, version.version)


def describe(version: Version, *, tags: Mapping[str, str], description: str) -> Version:
    """Write the tags and the description to the version."""
    client = MlflowClient()
    for key, value in tags.items():
        client.set_model_version_tag(version.name, str(version.version), key, value)
    client.update_model_version(version.name, str(version.version), description)
    return get(version.name, version.version)


def export() -> Path:
    """Write every model's versions, stages, aliases and metrics to outputs/registry.json, all or nothing."""
    file = home() / "outputs" / "registry.json"
    client = MlflowClient()
    models = {}
    for model in client.search_registered_models():
        aliases = _aliases(model.name)
        versions = client.search_model_versions(f"name = '{model.name}'")
        models[model.name] = [asdict(_version(version, aliases)) for version in versions]
    draft = file.with_suffix(".draft")
    draft.write_text(json.dumps(models, indent=2) + "\n")
    os.replace(draft, file)
    return file


def _version(found: ModelVersion, aliases: Mapping[int, list[str]]) -> Version:
    return Version(
        name=found.name,
        version=int(found.version),
        stage=found.current_stage or "None",
        aliases=aliases.get(int(found.version), []),
        created=datetime.fromtimestamp(found.creation_timestamp / 1000, UTC).isoformat(timespec="seconds"),
        run_id=found.run_id or "",
        description=found.description or "",
        metrics={key: float(value) for key, value in found.tags.items() if key.startswith(("cv_", "test_", "fit_"))},
    )


def _aliases(name: str) -> dict[int, list[str]]:
    by_version: dict[int, list[str]] = {}
    try:
        model = MlflowClient().get_registered_model(name)
    except MlflowException as error:
        raise ModelError(f"There is no registered model '{name}'.") from error
    for alias, number in sorted(model.aliases.items()):
        by_version.setdefault(int(number), []).append(alias)
    return by_version


def _set_stage(version: ModelVersion, stage: str) -> None:
    with warnings.catch_warnings():
        # MLflow advises aliases instead of stages; here the stages mirror the aliases for those who look at them.
        warnings.filterwarnings("ignore", category=FutureWarning, message=".*model registry stages")
        MlflowClient().transition_model_version_stage(version.name, version.version, stage)
