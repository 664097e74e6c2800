"""Decides what a sweep may choose from, and which configuration a choice stands for."""

import copy
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from typing import Any, TypeAlias

from hydra._internal.config_loader_impl import ConfigLoaderImpl, get_overrides_dirname
from hydra.core.config_loader import ConfigLoader
from hydra.core.object_type import ObjectType
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf
from optuna import Trial
from optuna.distributions import distribution_to_json

from hydra_plugins.champion_sweeper._errors import SweepError
from hydra_plugins.champion_sweeper._parameter import Parameter, parse

Compose = Callable[[list[str]], DictConfig]
Given: TypeAlias = tuple[Parameter | str, ...]  # overrides in the order they are applied in: swept ones, and plain ones


@dataclass(frozen=True)
class Space:
    """What is swept: parameters of every trial, and those that come with a combination of config group options.

    `given` is what the command line says, in its order.
    """

    given: Given
    branches: Mapping[tuple[str, ...], "Branch"]
    groups: tuple[str, ...] = ()

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The parameters of every trial."""
        return _swept(self.given)

    @property
    def fixed(self) -> list[str]:
        """The overrides that every trial has."""
        return _plain(self.given)

    def suggest(self, trial: Trial) -> dict[str, Any]:
        """Let the study choose a value for each parameter of a trial; return them by their names."""
        shared = {one.name: one.suggest(trial) for one in self.parameters}
        return shared | {one.name: one.suggest(trial) for one in self.branch(shared).parameters}

    def overrides(self, params: Mapping[str, Any]) -> list[str]:
        """Return the overrides that stand for the parameters of a trial, in the order they are applied in."""
        return _lines((*self.given, *self.branch(params).given), params)

    def compose(self, params: Mapping[str, Any]) -> DictConfig:
        """Return the configuration of a trial, as Hydra composes it from `overrides`, in a tenth of the time.

        The files were composed with the branch; what is left is to apply the overrides.
        """
        return _applied(self.branch(params).base, self.overrides(params))

    def params(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters of a trial under the keys that the command line uses."""
        return {one.key: params[one.name] for one in self._of(params) if one.name in params}

    def choices(self, params: Mapping[str, Any]) -> dict[str, str]:
        """Return the config group options that a trial's parameters belong to, such as `model: xgboost`."""
        chosen = self.branch(params).config.hydra.runtime.choices
        groups = dict.fromkeys(one.path.partition(".")[0] for one in self._of(params))
        return {group: str(chosen[group]) for group in groups if group in chosen}

    def _of(self, params: Mapping[str, Any]) -> tuple[Parameter, ...]:
        return (*self.parameters, *self.branch(params).parameters)

    def branch(self, params: Mapping[str, Any]) -> "Branch":
        """Return what comes with the options that a trial has chosen."""
        return self.branches[tuple(str(params[group]) for group in self.groups)]

    def examples(self) -> list[list[str]]:
        """Return the overrides of one point of each branch."""
        first = {one.name: one.first for one in self._all}
        return [self.overrides(first | dict(zip(self.groups, options, strict=True))) for options in self.branches]

    def first(self) -> list[dict[str, Any]]:
        """Return the first trials, as far as the space holds their values, each branch taking turns.

        They are the configured values of each branch, and then these again but for what `hydra.sweeper.first` says.
        """
        turns = [self._first(options, branch) for options, branch in self.branches.items()]
        return [params for turn in itertools.zip_longest(*turns) for params in turn if params is not None]

    def _first(self, options: Sequence[str], branch: "Branch") -> list[dict[str, Any]]:
        found = []
        for changed in ({}, *(branch.config.hydra.sweeper.get("first") or ())):
            for key in changed:
                if OmegaConf.select(branch.config, key, default=self) is self:
                    raise SweepError(f"hydra.sweeper.first: {key} is no key of the configuration.")
            params: dict[str, Any] = dict(zip(self.groups, options, strict=True))
            for one in (*self.parameters, *branch.parameters):
                value = one.written(changed[one.path]) if one.path in changed else one.configured(branch.config)
                if one.name not in params and value is not None:
                    params[one.name] = value
            found.append(params)
        return found

    def grid(self, limit: int | None) -> list[dict[str, Any]] | None:
        """Return every point, or None where there are more than `limit`, or an interval has no end of them."""
        listed = list(itertools.islice(self._points(), None if limit is None else limit + 1)) if self._finite else []
        return listed if self._finite and (limit is None or len(listed) <= limit) else None

    @property
    def _finite(self) -> bool:
        return all(parameter.values is not None for parameter in self._all)

    def _points(self) -> Iterator[dict[str, Any]]:
        for shared in _product(self.parameters):
            for own in _product(self.branch(shared).parameters):
                yield shared | own

    @property
    def _all(self) -> list[Parameter]:
        return [*self.parameters, *(one for branch in self.branches.values() for one in branch.parameters)]

    @property
    def names(self) -> list[str]:
        """The parameters' names in the study."""
        return list(dict.fromkeys(one.name for one in self._all))

    def made_with(self, *, may_change: Sequence[str]) -> dict[str, str]:
        """Return what must stay as it is while a study goes on: the configuration beside the space, and the space.

        Keys of several branches carry the options they belong to where the branches differ.
        """
        found: dict[str, str] = {}
        swept = {one.path for one in self._all if one.name not in self.groups}
        written = {options: flat(branch.config, may_change) for options, branch in self.branches.items()}
        for options, content in written.items():
            for key, value in ((key, value) for key, value in content.items() if key not in swept):
                shared = all(other.get(key) == value for other in written.values())
                found[key if shared else f"{key} of {'/'.join(options)}"] = value
        return found | {f"the space of {one.name}": str(one) for one in self._all}


@dataclass(frozen=True)
class Branch:
    """What one combination of options brings: overrides of its own, and the configuration that it stands for.

    `base` is that of the files alone, without any override of a value.
    """

    base: DictConfig = field(repr=False)
    config: DictConfig = field(repr=False)
    given: Given = ()

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The parameters that trials of other options don't have."""
        return _swept(self.given)


def read(
    arguments: Sequence[str],
    *,
    loader: ConfigLoader,
    compose: Compose,
    seed: int | None,
    searched: tuple[str | None, list[str]] = (None, []),
) -> Space:
    """Return the space of a command line: what it sweeps, or else `hydra.sweeper.params` of what it chooses.

    Options of a config group that are swept are composed each in turn, so that every one brings its own `params`.
    A value swept on the command line takes the place of all `params`; a value given there takes the place of one.
    `searched` is the name of the primary config, and the overrides that say where else groups are looked for.
    """
    parser = OverridesParser.create(config_loader=loader)
    overrides = _in_force(parser.parse_overrides(list(arguments)))

    @cache
    def is_group(key: str) -> bool:
        return bool(loader.get_group_options(key.lstrip("+~").partition("@")[0], ObjectType.CONFIG, *searched))

    def of_params(config: DictConfig) -> list[Override]:
        params = config.hydra.sweeper.params or {}
        written = parser.parse_overrides([f"{key}={value}" for key, value in params.items()])
        return [one for one in written if one.key_or_group not in chosen and not any(_touch(one, key) for key in keys)]

    def read_all(overrides: Sequence[Override]) -> Given:
        return tuple(parse(one, seed=seed) if one.is_sweep_override() else str(one.input_line) for one in overrides)

    @cache
    def of_files(*choices: str) -> DictConfig:
        return compose(list(choices))

    def composed(lines: list[str]) -> tuple[DictConfig, DictConfig]:
        choices = [one for one in map(_read, lines) if is_group(one.key_or_group) and not isinstance(one.value(), dict)]
        base = of_files(*(str(one.input_line) for one in choices))
        return base, _applied(base, lines)

    chosen = [one.key_or_group for one in overrides]
    keys = [key for one in overrides for key in _keys(one) if not is_group(key)]
    given = read_all(overrides)
    from_files = all(is_group(one.key) for one in _swept(given))
    if from_files:
        first = composed(_lines(given, {one.name: one.first for one in _swept(given)}))[1]
        given += read_all([one for one in of_params(first) if one.is_sweep_override() and is_group(one.key_or_group)])
    groups = [one for one in _swept(given) if is_group(one.key)]
    names = tuple(one.name for one in groups)
    branches = {}
    for point in _product(groups):
        plain = _lines(tuple(one for one in given if isinstance(one, str) or one in groups), point)
        base, config = composed(plain)
        own = [one for one in of_params(config) if one.get_key_element() not in names] if from_files else []
        also = tuple(one if isinstance(one, str) else _named(one, point) for one in read_all(own))
        if _plain(also):
            base, config = composed([*plain, *_plain(also)])
        branches[tuple(point.values())] = Branch(base, config, also)
    if not _swept(given) and not any(branch.parameters for branch in branches.values()):
        raise SweepError(
            "There is nothing to sweep: give values, as in key=1,2 or 'key=interval(0,1)', or hydra.sweeper.params."
        )
    return Space(given, _apart(branches), names)


def _in_force(overrides: Sequence[Override]) -> list[Override]:
    """Leave out what is swept but given again later, as Hydra's own sweeper does."""
    last = {one.get_key_element(): one for one in overrides}
    return [one for one in overrides if one is last[one.get_key_element()] or not one.is_sweep_override()]


def _swept(given: Given) -> tuple[Parameter, ...]:
    return tuple(one for one in given if isinstance(one, Parameter))


def _plain(given: Given) -> list[str]:
    return [one for one in given if isinstance(one, str)]


def _lines(given: Given, params: Mapping[str, Any]) -> list[str]:
    return [one if isinstance(one, str) else one.override(params[one.name]) for one in given]


def _touch(override: Override, key: str) -> bool:
    """Tell whether an override is of this key, of one within it, or of one that holds it."""
    own = f"{override.key_or_group}."
    return own.startswith(f"{key}.") or f"{key}.".startswith(own)


def _keys(override: Override) -> list[str]:
    """Return the keys of the values that an override sets: of a dict, those within."""
    value = override.value()
    return [f"{override.key_or_group}.{key}" for key in value] if isinstance(value, dict) else [override.key_or_group]


@lru_cache(maxsize=1024)
def _read(line: str) -> Override:
    return OverridesParser.create().parse_override(line)


def _applied(base: DictConfig, lines: Sequence[str]) -> DictConfig:
    """Return `base` with these overrides, but for the choices of groups that it was composed with.

    All that Hydra does after it has read the files is done here again, so that the result is its own to the letter.
    """
    config = copy.deepcopy(base)
    said, job = config.hydra.overrides, config.hydra.job
    overrides = [_read(line) for line in lines]
    chosen = typed(config)
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


def typed(config: DictConfig) -> dict[str, list[str]]:
    """Return the overrides that a configuration was composed with, as they were typed: they may hold ${…}."""
    found: Any = OmegaConf.to_container(config.hydra.overrides)
    return {"task": found["task"], "hydra": found["hydra"]}


def _product(parameters: Sequence[Parameter]) -> Iterator[dict[str, Any]]:
    names = [parameter.name for parameter in parameters]
    for values in itertools.product(*(parameter.values or () for parameter in parameters)):
        yield dict(zip(names, values, strict=True))


def _named(parameter: Parameter, options: Mapping[str, Any]) -> Parameter:
    """Name `model.max_depth` after the option that brings it, as in `xgboost.max_depth`."""
    group, dot, rest = parameter.path.partition(".")
    return replace(parameter, name=f"{options[group]}{dot}{rest}") if dot and group in options else parameter


def _apart(branches: dict[tuple[str, ...], Branch]) -> dict[tuple[str, ...], Branch]:
    """Give parameters of one name but several distributions a name for each branch: a study allows only one."""
    kinds: dict[str, set[str]] = {}
    for branch in branches.values():
        for one in branch.parameters:
            kinds.setdefault(one.name, set()).add(distribution_to_json(one.distribution))

    def apart(one: Parameter | str, options: tuple[str, ...]) -> Parameter | str:
        if isinstance(one, str) or len(kinds[one.name]) == 1:
            return one
        return replace(one, name=f"{'/'.join(options)}.{one.name}")

    return {
        options: replace(branch, given=tuple(apart(one, options) for one in branch.given))
        for options, branch in branches.items()
    }


def flat(config: DictConfig, free: Sequence[str] = ()) -> dict[str, str]:
    """Return the configuration as it is written, one level deep, without Hydra's part and the `free` keys."""
    found: dict[str, str] = {}

    def collect(prefix: str, node: Any) -> None:
        for key, value in node.items():
            name = f"{prefix}{key}"
            if name in free or name == "hydra":
                continue
            if isinstance(value, dict):
                collect(f"{name}.", value)
            else:
                found[name] = str(value)

    collect("", OmegaConf.to_container(config))
    return found
