"""Decides which configuration a list of overrides stands for, once the files are read: Hydra's own, to the letter."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from hydra._internal.config_loader_impl import ConfigLoaderImpl, get_overrides_dirname
from omegaconf import DictConfig, OmegaConf

from hydra_plugins.champion_sweeper._parameter import Parameter, parsed

Given: TypeAlias = tuple[Parameter | str, ...]  # overrides in the order they are applied in: swept ones, and plain ones


def swept(given: Given) -> tuple[Parameter, ...]:
    """Return the swept ones."""
    return tuple(one for one in given if isinstance(one, Parameter))


def plain(given: Given) -> list[str]:
    """Return the others."""
    return [one for one in given if isinstance(one, str)]


def lines(given: Given, params: Mapping[str, Any]) -> list[str]:
    """Return all as a trial with these parameters has them."""
    return [one if isinstance(one, str) else one.override(params[one.name]) for one in given]


def applied(base: DictConfig, lines: Sequence[str]) -> DictConfig:
    """Return `base` with these overrides, but for the choices of groups that it was composed with.

    All that Hydra does after it has read the files is done here again, so that the result is its own to the letter.
    """
    config = copy.deepcopy(base)
    said, job = config.hydra.overrides, config.hydra.job
    overrides = [parsed(line) for line in lines]
    chosen = composed_with(config)
    values = [one for one in overrides if one.input_line not in (*chosen["task"], *chosen["hydra"])]
    ConfigLoaderImpl._apply_overrides_to_config(values, config)
    said.task = [one.input_line for one in overrides if not one.is_hydra_override()]
    said.hydra.extend([one.input_line for one in values if one.is_hydra_override()])
    names = job.config.override_dirname
    job.override_dirname = get_overrides_dirname(
        [one for one in overrides if not one.is_hydra_override()],
        exclude_keys=names.exclude_keys,
        item_sep=names.item_sep,
        kv_sep=names.kv_sep,
    )
    return config


def composed_with(config: DictConfig) -> dict[str, list[str]]:
    """Return the overrides that a configuration was composed with, as they were typed: they may hold ${…}."""
    found: Any = OmegaConf.to_container(config.hydra.overrides)
    return {"task": found["task"], "hydra": found["hydra"]}
