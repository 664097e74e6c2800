"""Decides what a command line sweeps, and where it sweeps no value, what the files that it chooses do."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.object_type import ObjectType
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig
from optuna.distributions import distribution_to_json

from hydra_plugins.champion_sweeper import _overrides
from hydra_plugins.champion_sweeper._errors import SweepError
from hydra_plugins.champion_sweeper._overrides import Given
from hydra_plugins.champion_sweeper._parameter import Parameter, parse, parsed
from hydra_plugins.champion_sweeper._space import Branch, Options, Space, product

Compose = Callable[[list[str]], DictConfig]


def read(
    arguments: Sequence[str],
    *,
    loader: ConfigLoader,
    compose: Compose,
    seed: int | None,
    searched: tuple[str | None, list[str]] = (None, []),
) -> Space:
    """Return the space of a command line: what it sweeps, or else `hydra.sweeper.params` of what it chooses.

    Options of a config group that are swept are composed each in turn, so that every one brings its own `params`, and
    those may sweep further groups. A value swept on the command line takes the place of all `params`; a value given
    there takes the place of one. `searched` is the name of the primary config, and the overrides that say where else
    groups are looked for.
    """
    line = _Line(arguments, loader=loader, compose=compose, seed=seed, searched=searched)
    nested = _apart({options: line.nested(point) for options, point in line.points.items()})
    points = [
        (groups, line.points[options] | point)
        for options, groups in nested.items()
        for point in product(_overrides.swept(groups))
    ]
    branches = {tuple(point.values()): line.branch(groups, point) for groups, point in points}
    own = _apart({options: branch.given for options, branch in branches.items()})
    branches = {
        options: replace(branch, given=(*nested[options[: len(line.groups)]], *own[options]))
        for options, branch in branches.items()
    }
    if not _overrides.swept(line.given) and not any(branch.parameters for branch in branches.values()):
        raise SweepError(
            "There is nothing to sweep: give values, as in key=1,2 or 'key=interval(0,1)', or hydra.sweeper.params."
        )
    return Space(line.given, branches, tuple(one.name for one in line.groups))


class _Line:
    """A command line, and the files that it is read with."""

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        loader: ConfigLoader,
        compose: Compose,
        seed: int | None,
        searched: tuple[str | None, list[str]],
    ) -> None:
        self._parser = OverridesParser.create(config_loader=loader)
        self._groups_of = cache(lambda key: loader.get_group_options(key, ObjectType.CONFIG, *searched))
        self._compose = cache(lambda *choices: compose(list(choices)))
        self._seed = seed
        self._typed = _in_force(self._parser.parse_overrides(list(arguments)))
        self.given = self._parsed(self._typed)
        self.groups = [one for one in _overrides.swept(self.given) if self._is_group(one.key)]
        self.points = {tuple(point.values()): point for point in product(self.groups)}
        self._is_searched = len(self.groups) == len(_overrides.swept(self.given))

    def nested(self, options: Mapping[str, Any]) -> Given:
        """Return the groups that the files of these options sweep."""
        found = [one for one in self._params(self._composed(self._lines(options))[1]) if one.is_sweep_override()]
        return self._parsed([one for one in found if self._is_group(one.key_or_group)])

    def branch(self, nested: Given, options: Mapping[str, Any]) -> Branch:
        """Return what these options bring, those of the `nested` groups among them."""
        groups = (*self.groups, *_overrides.swept(nested))
        paths = {one.path: options[one.name] for one in groups}
        chosen = [*self._lines(options), *_overrides.lines(nested, options)]
        base, config = self._composed(chosen)
        own = self._parsed([one for one in self._params(config) if one.key_or_group not in paths])
        if also := _overrides.plain(own):
            base, config = self._composed([*chosen, *also])
        given = tuple(one if isinstance(one, str) else _named(one, paths) for one in own)
        return Branch(base, config, options, given)

    def _lines(self, options: Mapping[str, Any]) -> list[str]:
        """Return the overrides of the command line, of the swept ones only those that choose options."""
        return _overrides.lines(tuple(one for one in self.given if isinstance(one, str) or one in self.groups), options)

    def _params(self, config: DictConfig) -> list[Override]:
        """Return the `params` of a configuration that the command line leaves to it."""
        params = config.hydra.sweeper.params or {} if self._is_searched else {}
        written = self._parser.parse_overrides([f"{key}={value}" for key, value in params.items()])
        chosen = [one.key_or_group for one in self._typed]
        keys = [key for one in self._typed for key in _keys(one) if not self._is_group(key)]
        return [one for one in written if one.key_or_group not in chosen and not any(_touch(one, key) for key in keys)]

    def _composed(self, lines: Sequence[str]) -> tuple[DictConfig, DictConfig]:
        """Return the configuration of the groups that are chosen, and that with all other overrides."""
        groups = [one for one in map(parsed, lines) if self._is_group(one.key_or_group)]
        base = self._compose(*(str(one.input_line) for one in groups if not isinstance(one.value(), dict)))
        return base, _overrides.applied(base, lines)

    def _parsed(self, overrides: Sequence[Override]) -> Given:
        return tuple(
            parse(one, seed=self._seed) if one.is_sweep_override() else str(one.input_line) for one in overrides
        )

    def _is_group(self, key: str) -> bool:
        return bool(self._groups_of(key.lstrip("+~").partition("@")[0]))


def _in_force(overrides: Sequence[Override]) -> list[Override]:
    """Leave out what is swept but given again later, as Hydra's own sweeper does."""
    last = {one.get_key_element(): one for one in overrides}
    return [one for one in overrides if one is last[one.get_key_element()] or not one.is_sweep_override()]


def _touch(override: Override, key: str) -> bool:
    """Tell whether an override is of this key, of one within it, or of one that holds it."""
    own = f"{override.key_or_group}."
    return own.startswith(f"{key}.") or f"{key}.".startswith(own)


def _keys(override: Override) -> list[str]:
    """Return the keys of the values that an override sets: of a dict, those within."""
    value = override.value()
    return [f"{override.key_or_group}.{key}" for key in value] if isinstance(value, dict) else [override.key_or_group]


def _named(parameter: Parameter, options: Mapping[str, Any]) -> Parameter:
    """Name `model.max_depth` after the option that brings it, as in `xgboost.max_depth`."""
    group, dot, rest = parameter.path.partition(".")
    return replace(parameter, name=f"{options[group]}{dot}{rest}") if dot and group in options else parameter


def _apart(found: Mapping[Options, Given]) -> dict[Options, Given]:
    """Give parameters of one name but several distributions a name for each branch: a study allows only one."""
    kinds: dict[str, set[str]] = {}
    for one in itertools.chain(*map(_overrides.swept, found.values())):
        kinds.setdefault(one.name, set()).add(distribution_to_json(one.distribution))

    def apart(one: Parameter | str, options: Options) -> Parameter | str:
        if isinstance(one, str) or len(kinds[one.name]) == 1:
            return one
        return replace(one, name=f"{'/'.join(options)}.{one.name}")

    return {options: tuple(apart(one, options) for one in given) for options, given in found.items()}
