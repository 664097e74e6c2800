"""Decides what a search was: which trials are ranked, and in which words and digits they are told."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from statistics import pstdev
from typing import Any

from optuna import Study
from optuna.trial import FrozenTrial, TrialState

from champion.learning.baseline import Baseline
from champion.learning.evaluation import direction

REASON, LOST, TWIN, OUTSIDE = "reason", "lost", "same_as", "outside_space"  # what the sweeper notes of a trial
CHOICE = "choice"  # what it notes of a study: the trial that is chosen, who may be as good, and what is to be known


@dataclass(frozen=True, eq=False)
class Search:
    """The trials of a study with one objective, the baselines that have it too, and the choice, once it is made."""

    trials: Sequence[FrozenTrial]
    objective: str
    baselines: Sequence[Baseline]
    choice: Mapping[str, Any] = field(default_factory=dict)

    @property
    def sign(self) -> int:
        """What a value is multiplied by, so that less is better."""
        return -1 if direction(self.objective) == "maximize" else 1

    @cached_property
    def ranked(self) -> list[FrozenTrial]:
        """The complete trials, best first, without those that only repeat another one."""
        complete = [one for one in self.trials if one.state is TrialState.COMPLETE and TWIN not in one.user_attrs]
        return sorted(complete, key=lambda trial: self.sign * value(trial))

    @property
    def best(self) -> FrozenTrial | None:
        """The trial that is chosen, or the first."""
        own = [one for one in self.ranked if one.number == self.choice.get("best")]
        return next(iter([*own, *self.ranked]), None)

    @cached_property
    def labels(self) -> dict[str, str]:
        """What each parameter is called: the last part of its name, unless that is two parameters' in one trial."""
        names = list(dict.fromkeys(name for trial in self.trials for name in chosen(trial)))
        short = {name: name.rpartition(".")[2] or name for name in names}
        clash = any(len({short[name] for name in own}) < len(own) for own in map(chosen, self.trials))
        return {name: name for name in names} if clash else short

    @cached_property
    def shown(self) -> Callable[[float], str]:
        """How values are written: with so many decimals that the best one has four digits."""
        known = [*map(value, self.ranked), *(self.level(one) for one in self.baselines)]
        best = next((abs(number) for number in known if number and math.isfinite(number)), 1.0)
        decimals = max(0, 3 - math.floor(math.log10(best)))
        return lambda number: f"{number:,.{decimals}f}" if decimals < 9 else f"{number:.4g}"

    def level(self, baseline: Baseline) -> float:
        """Return a baseline's value of the objective."""
        return baseline.metrics[self.objective]

    def told(self, trial: FrozenTrial) -> str:
        """Return the value of a trial, with the spread of what it reported where it reported several."""
        steps = list(trial.intermediate_values.values())
        return self.with_spread(value(trial), pstdev(steps) if len(steps) > 1 else None)

    def with_spread(self, number: float, spread: float | None) -> str:
        """Return a value and, where it is known, its spread."""
        return self.shown(number) + ("" if spread is None else f" ± {self.shown(spread)}")

    def params(self, trial: FrozenTrial) -> dict[str, str]:
        """Return the parameters of a trial by what they are called."""
        return {self.labels[name]: amount(found) for name, found in chosen(trial).items()}


def read(study: Study, objective: str, baselines: Sequence[Baseline]) -> Search:
    """Return what a study is by now."""
    known = [one for one in baselines if objective in one.metrics]
    return Search(study.get_trials(deepcopy=False), objective, known, study.user_attrs.get(CHOICE, {}))


def chosen(trial: FrozenTrial) -> dict[str, Any]:
    """Return the parameters of a trial, also those whose values its space doesn't hold."""
    return {**trial.params, **trial.user_attrs.get(OUTSIDE, {})}


def value(trial: FrozenTrial) -> float:
    """Return the objective of a complete trial, the last value that another one reported, or NaN."""
    if trial.state is TrialState.COMPLETE and trial.value is not None:
        return trial.value
    last = trial.last_step
    return math.nan if last is None else trial.intermediate_values[last]


def amount(found: object) -> str:
    """Return a number with four digits, more where they come before the point, and anything else as it is."""
    if isinstance(found, bool) or not isinstance(found, float):
        return str(found)
    return f"{found:,.0f}" if 1000 <= abs(found) < 1e9 else f"{found:.4g}"
