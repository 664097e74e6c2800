"""Decides what a search takes over from earlier ones: their best trials are tried before the sampler chooses."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import optuna
from omegaconf import DictConfig
from optuna.trial import FrozenTrial

from hydra_plugins.champion_sweeper import AGAIN
from hydra_plugins.champion_sweeper._errors import SweepError
from hydra_plugins.champion_sweeper._parameter import chosen
from hydra_plugins.champion_sweeper._space import Space
from hydra_plugins.champion_sweeper._store import Store

LEADERS = "leaders"  # of a study: its best trials, by the keys of the command line
MOST = 10  # trials that a study hands on


def told(leaders: Sequence[FrozenTrial], space: Space) -> list[dict[str, Any]]:
    """Return what later searches may learn: the options and the values of the best trials."""
    points = [chosen(trial) for trial in leaders[:MOST]]
    values = [{key.lstrip("+~"): value for key, value in space.params(point).items()} for point in points]
    return [{"choices": dict(space.choices(point)), "params": own} for point, own in zip(points, values, strict=True)]


def points(space: Space, settings: DictConfig, *, folder: Path, address: str) -> list[dict[str, Any]]:
    """Return the points of this space at which studies of `hydra.sweeper.learn_from` found their best trials.

    A study is named as it was, or by its folder. Raises SweepError for one that isn't there, or hasn't ended.
    """
    given = settings.learn_from
    names = [given] if isinstance(given, str) else list(given or ())
    found: list[dict[str, Any]] = []
    for name in names:
        known = _leaders(str(name), root=Path(str(folder).removesuffix(str(settings.study_name))), address=address)
        fitting = [point for one in known if (point := _point(space, one))]
        if not fitting:
            raise SweepError(f"hydra.sweeper.learn_from: none of the best trials of '{name}' fits what is searched.")
        found += [point for point in fitting if point not in found]
    return found


def _leaders(name: str, *, root: Path, address: str) -> list[Mapping[str, Any]]:
    for store in _stores(name, root=root, address=address):
        with suppress(KeyError):  # no study of this name
            attrs = store.study().user_attrs
            if LEADERS not in attrs:
                raise SweepError(f"hydra.sweeper.learn_from: study '{name}' hasn't ended. Let it end first.")
            return list(attrs[LEADERS])
    raise SweepError(f"hydra.sweeper.learn_from: there is no study '{name}', neither as a folder nor by its name.")


def _stores(name: str, *, root: Path, address: str) -> Iterator[Store]:
    """Yield where a study of this name may be kept: in a folder, beside that of this sweep, or where this one is."""
    for folder in (Path(name), root / name):
        if (file := folder / "study.journal").is_file():
            names = optuna.get_all_study_names(Store(str(file), "").storage)
            yield from (Store(str(file), one) for one in names if not one.endswith(f", {AGAIN}"))
    if "://" in address or Path(address).is_file():
        yield Store(address, name)


def _point(space: Space, known: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return a point with these options and values, or None where the space has none."""
    for params in space.examples():
        branch = space.branch(params)
        choices = branch.config.hydra.runtime.choices
        if any(choices.get(group) != option for group, option in known["choices"].items()):
            continue
        point: dict[str, Any] = dict(branch.options)
        wanted = [one for one in (*space.parameters, *branch.parameters) if one.name not in point]
        for one in wanted:
            if one.path not in known["params"] or not one.holds(written := one.written(known["params"][one.path])):
                break
            point[one.name] = written
        else:
            return point
    return None
