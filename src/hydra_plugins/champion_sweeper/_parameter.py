"""Decides how Hydra's sweep grammar becomes distributions, and how a value of one becomes an override again."""

import random
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import (
    ChoiceSweep,
    FloatRange,
    IntervalSweep,
    Override,
    Quote,
    QuotedString,
    RangeSweep,
    Sweep,
    Transformer,
)
from omegaconf import DictConfig, OmegaConf
from optuna import Trial
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial

from hydra_plugins.champion_sweeper._errors import SweepError

Numbers: TypeAlias = IntDistribution | FloatDistribution
PLAIN = re.compile(r"[\w./-]+", re.ASCII)  # text that Hydra's grammar takes without quotes
OUTSIDE = "outside_space"  # of a trial: values that it was queued with and its space doesn't hold, by their names


@dataclass(frozen=True)
class Parameter:
    """One dimension: the key as an override writes it, its name in the study, and what values it may take.

    `values` lists them in the order they were written where they can be listed; an interval has none. The choices of
    a categorical distribution are the values as they are typed: `null`, `0.1`, `[1,2]`.
    """

    key: str
    name: str
    distribution: CategoricalDistribution | Numbers
    values: tuple[Any, ...] | None = None

    def __str__(self) -> str:
        """Return the values in short, as in `log 0.01 to 0.3`."""
        kind = self.distribution
        if isinstance(kind, CategoricalDistribution):
            return " | ".join(map(str, kind.choices))
        step = f" by {kind.step}" if kind.step not in (None, 1) else ""
        return f"{'log ' if kind.log else ''}{kind.low} to {kind.high}{step}"

    @property
    def path(self) -> str:
        """The key without the signs that tell Hydra to add it."""
        return self.key.lstrip("+~")

    @property
    def ends(self) -> tuple[Any, Any]:
        """Two of the values, where there are two."""
        kind = self.distribution
        if isinstance(kind, CategoricalDistribution):
            return kind.choices[0], kind.choices[-1]
        return kind.low, kind.high

    def override(self, value: Any) -> str:
        """Return the override that sets the key to this value."""
        return f"{self.key}={value}"

    def value(self, chosen: Any) -> Any:
        """Return what the configuration holds for a value of the distribution."""
        return _read(chosen) if isinstance(chosen, str) else chosen

    def configured(self, config: DictConfig) -> Any:
        """Return the value that `config` has for the key, as `written`, or None where it has no such key."""
        value = OmegaConf.select(config, self.path, default=self)  # itself: no such key
        return None if value is self else self.written(value)

    def written(self, value: Any) -> Any:
        """Return a value as the distribution writes it, and one outside its range as the command line does."""
        plain = OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value
        within = self._within(plain)
        return typed(plain) if within is None else within

    def holds(self, written: Any) -> bool:
        """Tell whether a value, as `written`, is one of the distribution's."""
        return not isinstance(written, str) or written in getattr(self.distribution, "choices", ())

    def _within(self, value: Any) -> Any:
        kind = self.distribution
        if isinstance(kind, CategoricalDistribution):
            return next((typed for typed in kind.choices if _same(_read(str(typed)), value)), None)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        if self.values is not None:
            return next((number for number in self.values if number == value), None)
        return type(kind.low)(value) if kind.low <= value <= kind.high and type(kind.low)(value) == value else None

    def suggest(self, trial: Trial) -> Any:
        """Let the study choose a value."""
        kind = self.distribution
        if isinstance(kind, CategoricalDistribution):
            return trial.suggest_categorical(self.name, kind.choices)
        if isinstance(kind, IntDistribution):
            return trial.suggest_int(self.name, kind.low, kind.high, step=kind.step, log=kind.log)
        return trial.suggest_float(self.name, kind.low, kind.high, step=kind.step, log=kind.log)


def parse(override: Override, *, seed: int | None) -> Parameter:
    """Return the parameter of one swept override, such as `model.max_depth=range(3,9)`.

    `seed` decides the order of shuffled values. Raises SweepError for what is no space.
    """
    key, value = override.get_key_element(), override.value()
    tags = value.tags if isinstance(value, Sweep) else set()
    if unknown := tags - {"log"}:
        raise SweepError(f"{key}: tag({min(unknown)}, …) is not known; the one tag with a meaning is log.")
    log = "log" in tags
    try:
        if isinstance(value, IntervalSweep):
            return Parameter(key, key, _interval(value, log=log))
        if isinstance(value, RangeSweep):
            numbers = list(value.range())
            order = _shuffled(numbers, seed) if value.shuffle else numbers
            return Parameter(key, key, _range(value, numbers, log=log), tuple(order))
        shuffle = isinstance(value, ChoiceSweep) and value.shuffle
        written = value.list if isinstance(value, ChoiceSweep) else override.sweep_iterator()
        typed = list(dict.fromkeys(map(Transformer.str, written)))
        return Parameter(key, key, CategoricalDistribution(typed), tuple(_shuffled(typed, seed) if shuffle else typed))
    except ValueError as error:
        raise SweepError(f"'{override.input_line}' is no space to choose from: {error}") from error


def _interval(value: IntervalSweep, *, log: bool) -> Numbers:
    if isinstance(value.start, int) and isinstance(value.end, int):
        return IntDistribution(value.start, value.end, log=log)
    return FloatDistribution(float(value.start or 0), float(value.end or 0), log=log)


def _range(value: RangeSweep, numbers: list[Any], *, log: bool) -> Numbers:
    if not numbers:
        raise ValueError("it is empty, since stop is not part of it.")
    low, high, step = min(numbers), max(numbers), abs(value.step)
    whole = not isinstance(value.range(), FloatRange)
    if log:
        return IntDistribution(low, high, log=True) if whole else FloatDistribution(low, high, log=True)
    return IntDistribution(low, high, step=int(step)) if whole else FloatDistribution(low, high, step=float(step))


def _shuffled(values: list[Any], seed: int | None) -> list[Any]:
    return random.Random(seed).sample(values, len(values))  # noqa: S311


@lru_cache(maxsize=1024)
def parsed(line: str) -> Override:
    """Return what an override says."""
    return OverridesParser.create().parse_override(line)


def _read(typed: str) -> Any:
    """Return the value of what was typed, as the configuration would hold it."""
    return parsed(f"key={typed}").value()


def chosen(trial: FrozenTrial | Trial) -> dict[str, Any]:
    """Return the parameters of a trial, also those whose values its space doesn't hold, which a study can't know."""
    outside = trial.user_attrs.get(OUTSIDE, {})
    return trial.params | {name: typed(value) for name, value in outside.items()}


def typed(value: Any) -> str:
    """Return a value as the command line has it."""
    return Transformer.str(_quoted(value))


def _quoted(value: Any) -> Any:
    """Return the value with its texts in quotes where they would be read as something else without."""
    if isinstance(value, list):
        return [_quoted(one) for one in value]
    if isinstance(value, dict):
        return {key: _quoted(one) for key, one in value.items()}
    if value is None or isinstance(value, bool | int | float):
        return value
    text = str(value)
    return text if PLAIN.fullmatch(text) and _read(text) == text else QuotedString(text, Quote.single)


def _same(one: Any, other: Any) -> bool:
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)
