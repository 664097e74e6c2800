"""Decides what a registered version is and what it carries; where it stands is decided in standing.py."""

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

import mlflow
from mlflow.entities.model_registry import ModelVersion, RegisteredModel
from mlflow.exceptions import MlflowException
from mlflow.utils.validation import _validate_model_name

from champion.base.errors import ModelError
from champion.base.words import did_you_mean
from champion.tracking import patience

CHAMPION = "champion"  # the alias that serve.py follows, and the tag that shows it in lists
CHALLENGER = "challenger"  # the alias of the last version that lost a final
HISTORY = "history."  # what the keys of the tags begin with that remember former champions
NUMBERS = ("cv_", "test_", "fit_", "final_")  # what the keys of the tags begin with that hold a metric
FACTS = ("run_name", "command", "data_fingerprint", "held_out_fingerprint", "decision", "reason")
LOST = set("?'\"\t\r\n")  # what MLflow registers, but can't find again at an address, or by a search
LONGEST = 5000  # characters in a tag that every store of MLflow takes


@dataclass(frozen=True)
class Version:
    """One version of a registered model, with the metrics of its run and its final, and the facts known about it.

    `decision` and `reason` are those of its final, and empty before it; `command` is the one that trained it.
    """

    name: str
    version: int
    stage: str
    aliases: list[str]
    created: str
    run_id: str
    description: str
    metrics: dict[str, float]
    run_name: str = ""
    command: str = ""
    data_fingerprint: str = ""
    held_out_fingerprint: str = ""
    decision: str = ""
    reason: str = ""

    @property
    def uri(self) -> str:
        """MLflow's address of this version, such as models:/housing_price_predictor/3."""
        return f"models:/{self.name}/{self.version}"


def check_name(name: str) -> None:
    """Raise ModelError for a name that MLflow can't register, or can't find again."""
    try:
        _validate_model_name(name)
    except MlflowException as error:
        raise ModelError(f"registered_model '{name}' is refused by MLflow: {error.message}") from error
    if found := sorted(LOST & set(name)):
        raise ModelError(f"registered_model '{name}' must hold none of ? ' \" and line breaks, but has {found[0]!r}.")


def register(
    name: str,
    *,
    model_id: str,
    run_id: str,
    metrics: Mapping[str, float],
    description: str,
    facts: Mapping[str, str] | None = None,
) -> Version:
    """Add the logged model as the next version of `name`, in no stage yet, with metrics and facts as tags."""
    client = patience.client()
    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise ModelError(f"registered_model '{name}' is refused by MLflow: {error.message}") from error
    numbers = {metric: repr(value) for metric, value in metrics.items()}
    added = client.create_model_version(
        name,
        source=f"models:/{model_id}",
        model_id=model_id,
        run_id=run_id,
        tags=_short({**numbers, **(facts or {})}),
        description=description,
    )
    return get(name, int(added.version))


def describe(version: Version, *, tags: Mapping[str, str], description: str) -> Version:
    """Write the tags and the description to the version."""
    client = patience.client()
    for key, value in _short(tags).items():
        client.set_model_version_tag(version.name, str(version.version), key, value)
    client.update_model_version(version.name, str(version.version), description[:LONGEST])
    return get(version.name, version.version)


def get(name: str, version: int) -> Version:
    """Return that version, or raise ModelError where there is none."""
    try:
        return _version(patience.client().get_model_version(name, str(version)), aliases(name))
    except MlflowException as error:
        raise ModelError(f"Model '{name}' has no version {version}.") from error


def by_alias(name: str, alias: str = CHAMPION) -> Version | None:
    """Return the version that `alias` points at, or None."""
    number = registered(name).aliases.get(alias)
    return get(name, int(number)) if number else None


def versions(name: str) -> list[Version]:
    """Return all versions of the model, oldest first."""
    standing = aliases(name)
    return sorted((_version(found, standing) for found in stored_versions(name)), key=lambda version: version.version)


def names() -> list[str]:
    """Return the names of all registered models that have a champion."""
    return [model.name for model in all_registered() if CHAMPION in model.aliases]


def only(names: Sequence[str]) -> str:
    """Return the only one of the names; raise ModelError where there are several to choose from."""
    if len(names) > 1:
        raise ModelError(f"Several models have a champion: {', '.join(names)}. Choose one with --model NAME.")
    return names[0]


def names_with_a_past() -> list[str]:
    """Return the names of all registered models that have or had a champion, or a challenger.

    A registry that is shared holds others too, and their stages are none of our business.
    """
    return [
        model.name
        for model in all_registered()
        if {CHAMPION, CHALLENGER} & set(model.aliases) or any(key.startswith(HISTORY) for key in model.tags)
    ]


def all_registered() -> list[RegisteredModel]:
    """Return what MLflow holds of each model as a whole."""
    return list(patience.call(mlflow.search_registered_models))


def registered(name: str) -> RegisteredModel:
    """Return what MLflow holds of the model as a whole; raise ModelError where there is none of this name."""
    try:
        return patience.client().get_registered_model(name)
    except MlflowException as error:
        hint = did_you_mean(name, (model.name for model in all_registered()))
        raise ModelError(f"There is no registered model '{name}'.{hint}") from error


def stored_versions(name: str) -> list[ModelVersion]:
    """Return all versions of the model as MLflow holds them; their aliases are to be had from `aliases`."""
    return list(patience.call(mlflow.search_model_versions, filter_string=f"name = '{name}'"))


def aliases(name: str) -> dict[int, list[str]]:
    """Return the aliases of each version that has any."""
    by_version: dict[int, list[str]] = {}
    for alias, number in sorted(registered(name).aliases.items()):
        by_version.setdefault(int(number), []).append(alias)
    return by_version


def _version(found: ModelVersion, standing: Mapping[int, list[str]]) -> Version:
    return Version(
        name=found.name,
        version=int(found.version),
        stage=found.current_stage or "None",
        aliases=standing.get(int(found.version), []),
        created=datetime.fromtimestamp(found.creation_timestamp / 1000, UTC).isoformat(timespec="seconds"),
        run_id=found.run_id or "",
        description=found.description or "",
        metrics=_metrics(found.tags),
        **{fact: found.tags.get(fact, "") for fact in FACTS},
    )


def _metrics(tags: Mapping[str, str]) -> dict[str, float]:
    """Return the numbers among the tags; somebody's note under a like key is none."""
    metrics = {}
    for key, value in tags.items():
        if key.startswith(NUMBERS):
            with suppress(ValueError):
                metrics[key] = float(value)
    return {key: value for key, value in metrics.items() if math.isfinite(value)}


def _short(tags: Mapping[str, str]) -> dict[str, str]:
    return {key: " ".join(value.split())[:LONGEST] for key, value in tags.items()}
