"""Decides what a sweep may choose from, and which configuration a choice stands for."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Protocol, TypeAlias

from omegaconf import DictConfig, OmegaConf
from optuna import Trial

from hydra_plugins.champion_sweeper import _overrides
from hydra_plugins.champion_sweeper._errors import SweepError
from hydra_plugins.champion_sweeper._overrides import Given
from hydra_plugins.champion_sweeper._parameter import OUTSIDE, Parameter

Options: TypeAlias = tuple[str, ...]  # of the groups that are swept, in the order of their parameters


class Searched(Protocol):
    """What trials are made of: what a worker lets the study choose, and composes."""

    def grid(self, limit: int | None) -> list[dict[str, Any]] | None:
        """Return every point, or None where there are more than `limit`."""

    def first(self) -> list[dict[str, Any]]:
        """Return the first trials."""

    def examples(self) -> list[dict[str, Any]]:
        """Return some points."""

    def suggest(self, trial: Trial, *, queued: Mapping[str, Any]) -> dict[str, Any]:
        """Let the study choose, or take what was queued."""

    def overrides(self, params: Mapping[str, Any]) -> list[str]:
        """Return the overrides that stand for a point."""

    def compose(self, params: Mapping[str, Any]) -> DictConfig:
        """Return the configuration of a point."""


@dataclass(frozen=True)
class Space:
    """What is swept: parameters of every trial, and those that come with a combination of config group options.

    `given` is what the command line says, in its order; `known` are points that earlier searches found good.
    """

    given: Given
    branches: Mapping[Options, "Branch"]
    groups: tuple[str, ...] = ()
    known: tuple[Mapping[str, Any], ...] = ()

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The parameters of every trial."""
        return _overrides.swept(self.given)

    def suggest(self, trial: Trial, *, queued: Mapping[str, Any] = MappingProxyType({})) -> dict[str, Any]:
        """Let the study choose a value for each parameter of a trial; return them by their names.

        What the trial was `queued` with and the space doesn't hold stands, and is noted.
        """

        def choose(parameters: Sequence[Parameter]) -> dict[str, Any]:
            return {
                one.name: one.suggest(trial) if one.holds(queued.get(one.name)) else queued[one.name]
                for one in parameters
            }

        found = choose(self.parameters)
        found |= choose(self._nested(found))
        found |= choose(self.branch(found).own)
        if outside := {
            one.name: one.value(found[one.name]) for one in self._of(found) if not one.holds(found[one.name])
        }:
            trial.set_user_attr(OUTSIDE, outside)
        return found

    def overrides(self, params: Mapping[str, Any]) -> list[str]:
        """Return the overrides that stand for the parameters of a trial, in the order they are applied in."""
        return _overrides.lines((*self.given, *self.branch(params).given), params)

    def compose(self, params: Mapping[str, Any]) -> DictConfig:
        """Return the configuration of a trial, as Hydra composes it from `overrides`, in a tenth of the time.

        The files were composed with the branch; what is left is to apply the overrides.
        """
        return _overrides.applied(self.branch(params).base, self.overrides(params))

    def params(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters of a trial under the keys that the command line uses."""
        return {one.key: one.value(params[one.name]) for one in self._of(params) if one.name in params}

    def choices(self, params: Mapping[str, Any]) -> dict[str, str]:
        """Return the config group options that a trial's parameters belong to, such as `model: xgboost`."""
        chosen = self.branch(params).config.hydra.runtime.choices
        groups = dict.fromkeys(one.path.partition(".")[0] for one in self._of(params))
        return {group: str(chosen[group]) for group in groups if group in chosen}

    def _of(self, params: Mapping[str, Any]) -> tuple[Parameter, ...]:
        return (*self.parameters, *self.branch(params).parameters)

    def branch(self, params: Mapping[str, Any]) -> "Branch":
        """Return what comes with the options that a trial has chosen."""
        return self.branches[self._chosen(params) + tuple(str(params[one.name]) for one in self._nested(params))]

    def _nested(self, params: Mapping[str, Any]) -> tuple[Parameter, ...]:
        """Return the groups that the files of the chosen options sweep."""
        chosen = self._chosen(params)
        branch = next(branch for options, branch in self.branches.items() if options[: len(chosen)] == chosen)
        return tuple(one for one in branch.parameters if one.name in branch.options)

    def _chosen(self, params: Mapping[str, Any]) -> Options:
        return tuple(str(params[group]) for group in self.groups)

    def examples(self, *, last: bool = False) -> list[dict[str, Any]]:
        """Return one point of each branch, with the first value of each parameter or with the last one."""
        ends = {one.name: one.ends[last] for one in self._all}
        return [{**ends, **branch.options} for branch in self.branches.values()]

    def first(self) -> list[dict[str, Any]]:
        """Return the first trials, each branch taking turns.

        They are the configured values of each branch, and then these again but for what `hydra.sweeper.first` says,
        whether the space of the files holds them or not, and then those that are known from earlier searches. What the
        command line sweeps takes the place of what is configured.
        """
        turns = [self.first_of(branch) for branch in self.branches.values()]
        found = [params for turn in itertools.zip_longest(*turns) for params in turn if params is not None]
        return [*found, *(dict(point) for point in self.known if point not in found)]

    def first_of(self, branch: "Branch") -> list[dict[str, Any]]:
        """Return the first trials of one branch."""
        found = []
        for changed in ({}, *(branch.config.hydra.sweeper.get("first") or ())):
            for key in changed:
                if OmegaConf.select(branch.config, key, default=self) is self:
                    raise SweepError(f"hydra.sweeper.first: {key} is no key of the configuration.")
            params: dict[str, Any] = dict(branch.options)
            for one in self._of(params):
                value = one.written(changed[one.path]) if one.path in changed else one.configured(branch.config)
                if one.name not in params and value is not None and (one in branch.parameters or one.holds(value)):
                    params[one.name] = value
            found.append(params)
        return found

    def grid(self, limit: int | None) -> list[dict[str, Any]] | None:
        """Return every point, or None where there are more than `limit`, or an interval has no end of them.

        Where files give the space, the first trials are the first points, also those outside it.
        """
        if any(one.values is None for one in self._all):
            return None
        first: list[dict[str, Any]] = []
        for params in self.first() if any(branch.parameters for branch in self.branches.values()) else ():
            if params not in first and {one.name for one in self._of(params)} == set(params):
                first.append(params)
        points = itertools.islice(self._points(), None if limit is None else limit + 1)
        listed = [*first, *(point for point in points if point not in first)]
        return listed if limit is None or len(listed) <= limit else None

    def _points(self) -> Iterator[dict[str, Any]]:
        for shared in product(self.parameters):
            for options in product(self._nested(shared)):
                for own in product(self.branch(shared | options).own):
                    yield shared | options | own

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
        groups = {name for branch in self.branches.values() for name in branch.options}
        swept = {one.path for one in self._all if one.name not in groups}
        written = {options: flat(branch.config, may_change) for options, branch in self.branches.items()}
        for options, content in written.items():
            for key, value in ((key, value) for key, value in content.items() if key not in swept):
                shared = all(other.get(key) == value for other in written.values())
                found[key if shared else f"{key} of {'/'.join(options)}"] = value
        return found | {f"the space of {one.name}": str(one) for one in self._all}


@dataclass(frozen=True)
class Branch:
    """What one combination of options brings: overrides of its own, and the configuration that it stands for.

    `base` is that of the files alone, without any override of a value; `options` are the chosen ones, by the names of
    their parameters.
    """

    base: DictConfig = field(repr=False)
    config: DictConfig = field(repr=False)
    options: Mapping[str, str]
    given: Given = ()

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The parameters that trials of other options don't have; first the groups that files sweep."""
        return _overrides.swept(self.given)

    @property
    def own(self) -> tuple[Parameter, ...]:
        """Those without the groups."""
        return tuple(one for one in self.parameters if one.name not in self.options)


def product(parameters: Sequence[Parameter]) -> Iterator[dict[str, Any]]:
    """Yield every combination of the listed values, the last parameter fastest."""
    names = [parameter.name for parameter in parameters]
    for values in itertools.product(*(parameter.values or () for parameter in parameters)):
        yield dict(zip(names, values, strict=True))


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
