"""Decides which trials are run again when a search ends, and which one is chosen: the best of many is partly luck."""

import copy
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np
import optuna
from omegaconf import DictConfig
from optuna import Trial
from optuna.trial import FrozenTrial, TrialState

from hydra_plugins.champion_sweeper import AGAIN, REPEATED, _console, _luck, _overrides, _results, _study
from hydra_plugins.champion_sweeper._errors import SweepError
from hydra_plugins.champion_sweeper._parameter import chosen
from hydra_plugins.champion_sweeper._search import search
from hydra_plugins.champion_sweeper._space import Space
from hydra_plugins.champion_sweeper._store import Store
from hydra_plugins.champion_sweeper._worker import Worker

MOST = 2**31  # of numbers


@dataclass(frozen=True)
class Found:
    """What a search has found: its leaders, the best first, and which of them is chosen.

    `as_good` are the numbers of others whose distance from it may be chance, `again` the means of those that were run
    again. `stated` is what the choice is worth on folds that had no part in it, and `luck` the share of the lowest mean
    that this one promises beyond that.
    """

    leaders: Sequence[FrozenTrial]
    best: FrozenTrial
    as_good: Collection[int] = ()
    again: Mapping[int, float] = field(default_factory=dict)
    stated: float | None = None
    luck: float = 0.0

    @property
    def said(self) -> Iterator[str]:
        """What is to be known of the choice."""
        lowest, number = self.leaders[0], self.best.number
        if self.stated is not None and lowest.value is not None:
            part = "nothing" if self.luck < 0.0005 else f"{100 * self.luck:.1f} %" if self.luck < 1 else "most of it"
            yield (
                f"trial {number} is chosen by all folds, and worth {_console.amount(self.stated)} by those without a"
                f" part in that; the best mean, {_console.amount(lowest.value)} of trial {lowest.number}, owes {part}"
                " to luck"
            )
        if self.as_good:
            others = f"{len(self.as_good)} other{'s' if len(self.as_good) > 1 else ''}"
            yield f"{others} may be as good as trial {number} (≈), as far as folds can tell"

    @property
    def known(self) -> dict[str, Any]:
        """All of it, as JSON."""
        return {
            "best": self.best.number,
            "as_good": sorted(self.as_good),
            "again": {str(number): mean for number, mean in self.again.items()},
            "stated": self.stated,
            "luck": self.luck,
        }


@dataclass(frozen=True)
class Repeats:
    """What is run again, as a space: trials, by their numbers, each so many times with another value of a key."""

    space: Space
    trials: Mapping[int, Mapping[str, Any]]
    points: Sequence[Mapping[str, int]]
    key: str

    def grid(self, _: int | None) -> list[dict[str, int]]:
        """Return every point."""
        return [dict(point) for point in self.points]

    def first(self) -> list[dict[str, int]]:
        """Return no point: there are no others than those of the grid."""
        return []

    def examples(self) -> list[dict[str, int]]:
        """Return one point."""
        return self.grid(None)[:1]

    def suggest(self, trial: Trial, *, queued: Mapping[str, Any] = MappingProxyType({})) -> dict[str, int]:
        """Return what the trial was queued with."""
        return {name: trial.suggest_int(name, 0, MOST) for name in queued}

    def overrides(self, params: Mapping[str, Any]) -> list[str]:
        """Return the overrides that stand for a repetition: those of the trial, and another value of the key."""
        number, value = params[REPEATED], params[self.key]
        own = [f"{self.key}={value}", f"hydra.sweep.subdir={AGAIN}/{number}-{value}"]
        return [*self.space.overrides(self.trials[number]), *own]

    def compose(self, params: Mapping[str, Any]) -> DictConfig:
        """Return the configuration of a repetition."""
        return _overrides.applied(self.space.branch(self.trials[params[REPEATED]]).base, self.overrides(params))


def run(worker: Worker, space: Space, study: optuna.Study, *, comparable: bool) -> Found | None:
    """Run the best trials again that their folds can't tell apart, and choose one; None: another command does.

    Of several objectives, and where scores aren't `comparable`, the first leader is taken.
    """
    leaders, settings = _results.leaders(study), worker.config.hydra.sweeper.again
    if len(study.directions) > 1 or not comparable:
        return Found(leaders, leaders[0])
    sign = -1 if study.direction == optuna.study.StudyDirection.MAXIMIZE else 1
    rivals = [one for one in leaders if _may_be_as_good(one, leaders[0], sign)]
    told = rivals if len(_shown(leaders[0])) > 1 else []  # or nothing is known of them
    by_search = Found(leaders, leaders[0], [one.number for one in told if one is not leaders[0]])
    done = sum(trial.state in (TrialState.COMPLETE, TrialState.PRUNED) for trial in worker.store.counted())
    most = int(settings.share * done) if settings else 0
    if settings is None or len(rivals[:most]) < 2:
        return by_search
    again = _repetitions(worker, space, study, leaders, rivals[:most])
    if again is None:
        return None
    both = [one for one in rivals[:most] if one.number in again]
    if len(both) < 2:
        return by_search
    return _chosen(leaders, both, again, sign, rule=settings.choose)


def _chosen(
    leaders: Sequence[FrozenTrial],
    rivals: Sequence[FrozenTrial],
    again: Mapping[int, Sequence[float]],
    sign: int,
    *,
    rule: str,
) -> Found:
    """Choose by all folds of the rivals, those of the search and the others."""
    folds = len(_shown(rivals[0]))
    first = sign * np.array([list(_shown(one).values()) for one in rivals])
    more = sign * np.array([again[one.number] for one in rivals])
    seconds = [one.duration.total_seconds() if one.duration else 0.0 for one in rivals]
    choose = partial(_choice, folds=folds, seconds=seconds if rule == "fastest" else None)
    everything = np.hstack([first, more])
    best = choose(everything)
    near = (everything[position] - everything[best] for position in range(len(rivals)))
    alike = [one for one, far in zip(rivals, near, strict=True) if _luck.may_be_chance(far, folds=folds)]
    alike += [one for one in leaders if one not in rivals and _may_be_as_good(one, rivals[best], sign)]
    worth, lowest = _luck.stated(first, more, choose), sign * (leaders[0].value or 0)
    return Found(
        leaders,
        rivals[best],
        [one.number for one in alike if one is not rivals[best]],
        {one.number: float(np.mean(again[one.number])) for one in rivals},
        sign * worth,
        (worth - lowest) / abs(lowest) if lowest else 0.0,
    )


def _choice(scores: np.ndarray, *, folds: int, seconds: Sequence[float] | None) -> int:
    """Return the position of the lowest mean, or with `seconds` of the quickest within a standard error of it."""
    best = int(scores.mean(axis=1).argmin())
    if seconds is None:
        return best
    far = scores - scores[best]
    within = [one for one in range(len(far)) if far[one].mean() <= _luck.error(far[one], folds=folds)]
    return min((best, *within), key=lambda one: seconds[one])


def _repetitions(
    worker: Worker, space: Space, study: optuna.Study, leaders: Sequence[FrozenTrial], rivals: Sequence[FrozenTrial]
) -> dict[int, list[float]] | None:
    """Run these trials again, and return the scores of the folds of each; None where another command does so."""
    settings = worker.config.hydra.sweeper.again
    store = Store(worker.store.url, f"{worker.store.name}, {AGAIN}", worker.store.grace_period)
    beside = _study.create(store, directions=[study.direction.name.lower()], made_with={}, command=worker.command)
    for key, value in study.user_attrs.items():
        if key not in beside.user_attrs:
            beside.set_user_attr(key, value)
    beside.set_user_attr(AGAIN, study.study_name)
    wanted = [{REPEATED: one.number, settings.key: time} for time in range(1, settings.times + 1) for one in rivals]
    known = [dict(one.system_attrs["fixed_params"]) for one in store.counted()]
    params = {one.number: chosen(one) for one in leaders}
    repeats = Repeats(space, params, [*known, *(one for one in wanted if one not in known)], settings.key)
    config = copy.deepcopy(worker.config)
    config.hydra.sweeper.pruner = None
    limits = worker.limits.without_last_job(study.get_trials(deepcopy=False))
    told = partial(_console.again, [one.number for one in rivals])
    other = replace(worker, config=config, space=repeats, store=store, limits=limits)
    try:
        if not search(other, opening=told, word=AGAIN):
            return None
    except SweepError as error:  # of the repetitions alone: what was found stands
        _console.unrepeated(str(error))
    return _scores(store, wanted)


def _scores(store: Store, wanted: Sequence[Mapping[str, int]]) -> dict[int, list[float]]:
    """Return the scores of the folds of all trials whose repetitions are complete, in the same order."""
    complete = [(one.params, _shown(one)) for one in store.trials(TrialState.COMPLETE)]
    found: dict[int, list[float]] = {}
    for number in dict.fromkeys(point[REPEATED] for point in wanted):
        own = [point for point in wanted if point[REPEATED] == number]
        runs = [next((shown for params, shown in complete if params == point), {}) for point in own]
        if all(runs):
            found[number] = [score for shown in runs for score in shown.values()]
    return found


def _shown(trial: FrozenTrial) -> dict[int, float]:
    """Return what a complete trial has shown by its steps: its value where it reported none."""
    return dict(sorted(trial.intermediate_values.items())) or {0: float(trial.value or 0)}


def _may_be_as_good(trial: FrozenTrial, best: FrozenTrial, sign: int) -> bool:
    """Tell whether the distance of two trials may be chance, which each step that they have both reported shows."""
    own, other = _shown(trial), _shown(best)
    far = np.array([sign * (own[step] - other[step]) for step in own.keys() & other.keys()])
    return _luck.may_be_chance(far, folds=len(other))
