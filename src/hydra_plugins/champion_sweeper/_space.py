"""Decides what a sweep may choose from, and which configuration a choice stands for."""

import copy
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

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


@dataclass(frozen=True)
class Space:
    """What is swept: parameters of every trial, and those that come with a combination of config group options."""

    parameters: tuple[Parameter, ...]
    fixed: tuple[str, ...]
    branches: Mapping[tuple[str, ...], "Branch"]
    groups: tuple[str, ...] = ()

    def suggest(self, trial: Trial) -> dict[str, Any]:
        """Let the study choose a value for each parameter of a trial; return them by their names."""
        shared = {one.name: one.suggest(trial) for one in self.parameters}
        return shared | {one.name: one.suggest(trial) for one in self.branch(shared).parameters}

    def overrides(self, params: Mapping[str, Any]) -> list[str]:
        """Return the overrides that stand for the parameters of a trial."""
        branch = self.branch(params)
        own = [parameter.override(params[parameter.name]) for parameter in branch.parameters]
        shared = [parameter.override(params[parameter.name]) for parameter in self.parameters]
        return [*self.fixed, *shared, *branch.fixed, *own]

    def compose(self, params: Mapping[str, Any]) -> DictConfig:
        """Return the configuration of a trial, as Hydra composes it from `overrides`, in a tenth of the time.

        The files were composed with the branch; what is left is to put the values in.
        """
        config = copy.deepcopy(self.branch(params).config)
        for parameter in self._of(params):
            if parameter.name not in self.groups:
                key, value = parameter.path, parameter.value(params[parameter.name])
                OmegaConf.update(config, key, value, merge=True, force_add=parameter.key.startswith("+"))
        overrides, job = self.overrides(params), config.hydra.job
        names = job.config.override_dirname
        told = sorted(one for one in overrides if one.partition("=")[0].lstrip("+~") not in names.exclude_keys)
        config.hydra.overrides.task = overrides
        job.override_dirname = names.item_sep.join(told).replace("=", names.kv_sep)
        return config

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
        free = (*may_change, *(one.path for one in self._all if one.name not in self.groups))
        written = {options: flat(branch.config, free) for options, branch in self.branches.items()}
        for options, content in written.items():
            for key, value in content.items():
                shared = all(other.get(key) == value for other in written.values())
                found[key if shared else f"{key} of {'/'.join(options)}"] = value
        return found | {f"the space of {one.name}": str(one) for one in self._all}


@dataclass(frozen=True)
class Branch:
    """What one combination of options brings: parameters, fixed overrides, and the configuration it stands for."""

    config: DictConfig = field(repr=False)
    parameters: tuple[Parameter, ...] = ()
    fixed: tuple[str, ...] = ()


def read(arguments: Sequence[str], *, loader: ConfigLoader, compose: Compose, seed: int | None) -> Space:
    """Return the space of a command line: what it sweeps, or else `hydra.sweeper.params` of what it chooses.

    Options of a config group that are swept are composed each in turn, so that every one brings its own `params`.
    A value swept on the command line takes the place of all `params`; a value given there takes the place of one.
    """
    parser = OverridesParser.create(config_loader=loader)
    given = parser.parse_overrides(list(arguments))
    fixed = [one for one in given if not one.is_sweep_override()]
    swept = [parse(one, seed=seed) for one in given if one.is_sweep_override()]
    lines = [str(one.input_line) for one in fixed]

    def of_params(config: DictConfig) -> list[Override]:
        params = config.hydra.sweeper.params or {}
        taken = {one.key_or_group for one in given}
        written = parser.parse_overrides([f"{key}={value}" for key, value in params.items()])
        return [one for one in written if one.key_or_group not in taken]

    def is_group(key: str) -> bool:
        return bool(loader.get_group_options(key.lstrip("+").partition("@")[0], ObjectType.CONFIG))

    from_files = all(is_group(one.key) for one in swept)
    if from_files:
        base = of_params(compose([*lines, *(one.override(one.values[0]) for one in swept if one.values)]))
        swept += [parse(one, seed=seed) for one in base if one.is_sweep_override() and is_group(one.key_or_group)]
    groups = [one for one in swept if is_group(one.key)]
    names = tuple(one.name for one in groups)
    branches = {}
    for point in _product(groups):
        chosen = [*lines, *(one.override(point[one.name]) for one in groups)]
        config = compose(chosen)
        own = [one for one in of_params(config) if one.get_key_element() not in names] if from_files else []
        also = [str(one.input_line) for one in own if not one.is_sweep_override()]
        branches[tuple(point.values())] = Branch(
            compose([*chosen, *also]) if also else config,
            tuple(_named(parse(one, seed=seed), point) for one in own if one.is_sweep_override()),
            tuple(also),
        )
    if not swept and not any(branch.parameters for branch in branches.values()):
        raise SweepError(
            "There is nothing to sweep: give values, as in key=1,2 or 'key=interval(0,1)', or hydra.sweeper.params."
        )
    return Space(tuple(swept), tuple(lines), _apart(branches), names)


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
    return {
        options: replace(
            branch,
            parameters=tuple(
                replace(one, name=f"{'/'.join(options)}.{one.name}") if len(kinds[one.name]) > 1 else one
                for one in branch.parameters
            ),
        )
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
