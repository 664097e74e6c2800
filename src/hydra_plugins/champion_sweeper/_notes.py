"""Decides what is worth knowing of a sweep before its leaderboard is believed, each in one line."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from hydra_plugins.champion_sweeper import _space
from hydra_plugins.champion_sweeper._errors import SweepError
from hydra_plugins.champion_sweeper._space import Space

Whose: TypeAlias = dict[tuple[str, str], list[str]]  # what is said, around the options that it is said of
OWN = ("params", "first", "last_job")  # settings of which each option that is swept has its own


def outside(space: Space) -> list[str]:
    """Say of each value that the first trials have and the space doesn't hold that it is tried all the same."""
    found: Whose = {}
    for branch in space.branches.values():
        for params, one in itertools.product(space.first_of(branch), branch.parameters):
            if not one.holds(params.get(one.name)):
                why = f"lies outside its space, {one}: it is tried first, as configured"
                _add(found, (one.override(params[one.name]), why), branch.options)
    return _listed(found)


def not_followed(space: Space, settings: DictConfig) -> list[str]:
    """Say which settings of the sweep an option that is swept would change: they are read before it is chosen."""
    found: Whose = {}
    ours = as_written(settings)
    for branch in space.branches.values():
        for name, value in as_written(branch.config.hydra.sweeper).items():
            if name not in OWN and value != ours.get(name, value):
                why = "isn't followed: a sweep has one for all its trials, that of its command line"
                _add(found, (f"hydra.sweeper.{name}", why), {group: branch.options[group] for group in space.groups})
    return _listed(found)


def as_written(settings: DictConfig) -> dict[str, Any]:
    """Return the settings with their interpolations."""
    return {str(name): value for name, value in OmegaConf.to_container(settings).items()}  # type: ignore[union-attr]


def differing(space: Space, keys: Sequence[str]) -> list[str]:
    """Return those of the keys under which not all configurations of the space hold the same.

    Raises SweepError for one that none of them has.
    """
    configs = [space.compose(point) for last in (False, True) for point in space.examples(last=last)]
    for key in keys:
        if all(OmegaConf.select(config, key, default=keys) is keys for config in configs):
            raise SweepError(f"hydra.sweeper.incomparable: {key} is no key of the configuration.")
    return [key for key in keys if any(_held(config, key) != _held(configs[0], key) for config in configs)]


def not_ranked(keys: Sequence[str]) -> list[str]:
    """Say why trials that differ in these keys can't be ranked."""
    what = (
        f"trials differ in {', '.join(keys)}, so their scores can't be ranked, being of other rows or of another kind"
    )
    return [f"{what}: none is pruned; hydra.sweeper.incomparable=[] prunes all the same"] if keys else []


def _held(config: DictConfig, key: str) -> Any:
    """Return what the configuration has under a key, with interpolations resolved where they can be."""
    try:
        value = OmegaConf.select(config, key)
        return OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value
    except OmegaConfBaseException:  # a resolver that only a job can have
        return {name: text for name, text in _space.flat(config).items() if f"{name}.".startswith(f"{key}.")}


def _add(found: Whose, said: tuple[str, str], options: Mapping[str, str]) -> None:
    whose = ", ".join(f"{group}={option}" for group, option in options.items())
    known = found.setdefault(said, [])
    known += [whose] if whose and whose not in known else []


def _listed(found: Whose) -> list[str]:
    return [f"{what}{' of ' if whose else ''}{'; '.join(whose)} {why}" for (what, why), whose in found.items()]
