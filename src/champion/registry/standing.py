"""Decides where a version stands: aliases are the truth, stages and the tag `champion` mirror them."""

import warnings
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from filelock import FileLock
from mlflow.entities.model_registry import ModelVersion

from champion.base.home import home
from champion.registry import description, history
from champion.registry.version import CHALLENGER, CHAMPION, Version, aliases, get, stored_versions
from champion.tracking import patience


@contextmanager
def locked() -> Iterator[None]:
    """Let one process of this machine at a time decide who is champion."""
    folder = home() / "outputs"
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".registry.lock"):
        yield


def promote(version: Version, *, how: str = "promote", reason: str = "") -> Version:
    """Make `version` the champion, in Production, and remember it; whoever was champion goes to Archived."""
    name, number = version.name, version.version
    history.notice(name)
    standing = aliases(name).get(number, [])
    if CHAMPION not in standing:
        _set_alias(version, CHAMPION)  # from here on it is true
        history.record(name, version, how=how, reason=reason)
        description.describe(name)
    if CHALLENGER in standing:
        patience.client().delete_registered_model_alias(name, CHALLENGER)
    mirror(name)
    return get(name, number)


def challenge(version: Version) -> Version:
    """Make `version` the challenger, in Staging; whoever was challenger goes to Archived."""
    history.notice(version.name)
    _set_alias(version, CHALLENGER)
    mirror(version.name)
    return get(version.name, version.version)


def mirror(name: str) -> None:
    """Put the stage and the tag of every version right.

    Where the aliases move meanwhile it starts again: of several processes that promote at once, the last one to look
    leaves what the aliases say.
    """
    while True:
        standing = aliases(name)
        former = {event.version for event in history.events(name)}
        for found in stored_versions(name):
            number = int(found.version)
            _show(found, standing.get(number, []), was_champion=number in former)
        if aliases(name) == standing:
            return


def _show(found: ModelVersion, standing: Collection[str], *, was_champion: bool) -> None:
    stood = was_champion or found.current_stage != "None"
    if found.current_stage != (stage := _stage(standing, stood=stood)):
        with warnings.catch_warnings():
            # MLflow advises aliases instead of stages; the stages are for those who look at them.
            warnings.filterwarnings("ignore", category=FutureWarning, message=".*model registry stages")
            patience.client().transition_model_version_stage(found.name, found.version, stage)
    if CHAMPION in standing and found.tags.get(CHAMPION) != "true":
        patience.twice(patience.client().set_model_version_tag, found.name, found.version, CHAMPION, "true")
    elif CHAMPION not in standing and CHAMPION in found.tags:
        patience.twice(patience.client().delete_model_version_tag, found.name, found.version, CHAMPION)


def _set_alias(version: Version, alias: str) -> None:
    patience.twice(patience.client().set_registered_model_alias, version.name, alias, str(version.version))


def _stage(standing: Collection[str], *, stood: bool) -> str:
    if CHAMPION in standing:
        return "Production"
    if CHALLENGER in standing:
        return "Staging"
    return "Archived" if stood else "None"
