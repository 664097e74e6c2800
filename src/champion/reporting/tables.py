"""Decides what a report says in words and numbers: who leads, who has no place and why, what mattered, how long it was.

Nothing is escaped here: the page does that.
"""

import math
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import optuna
from optuna.trial import FrozenTrial, TrialState

from champion.reporting.search import LOST, REASON, TWIN, Search, value

FEWEST = 10  # complete trials that say which parameters matter


@dataclass(frozen=True)
class Row:
    """A trial or a baseline; `place` is a trial's rank, `behind` how far it is from the best, `note` what else is.

    `again` is the mean of other folds, `alike` whether the distance from the one that is chosen may be chance.
    """

    name: str
    place: int | None = None
    value: str = ""
    behind: str = ""
    params: Mapping[str, str] = field(default_factory=dict)
    seconds: str = ""
    note: str = ""
    again: str = ""
    alike: bool = False
    chosen: bool = False


def leaderboard(search: Search) -> list[Row]:
    """Return trials and baselines, best first; where both are as good, the baseline is."""
    best = value(search.ranked[0]) if search.ranked else math.nan
    rows = []
    for one in search.baselines:
        number = search.level(one)
        said = search.with_spread(number, one.metrics.get(f"{search.objective}_std"))
        rows.append((search.sign * number, Row(one.name, None, said, _behind(number, best), note=one.how)))
    for place, trial in enumerate(search.ranked, 1):
        number = value(trial)
        told = (search.told(trial), _behind(number, best), search.params(trial), _seconds(trial))
        again = search.choice.get("again", {}).get(f"{trial.number}")
        alike, is_best = trial.number in search.choice.get("as_good", ()), trial is search.best
        mean = "" if again is None else search.shown(again)
        row = Row(f"{trial.number}", place, *told, again=mean, alike=alike, chosen=is_best)
        rows.append((search.sign * number, row))
    return [row for _, row in sorted(rows, key=lambda pair: pair[0])]


def others(search: Search) -> dict[str, list[Row]]:
    """Return the trials that have no place, with the reason: those that failed, were pruned, or were not run again."""
    found: dict[str, list[Row]] = {"failed": [], "pruned": [], "repeated": []}
    for trial in search.trials:
        if kind := _kind(trial):
            why = _why(trial, search)
            found[kind].append(Row(f"{trial.number}", params=search.params(trial), seconds=_seconds(trial), note=why))
    return {kind: rows for kind, rows in found.items() if rows}


def against(search: Search) -> list[tuple[str, str, bool]]:
    """Return each baseline's name, how far the best trial is from it, and whether the trial is the better one."""
    if search.best is None:
        return []
    best = value(search.best)
    levels = [(one.name, search.level(one)) for one in search.baselines]
    return [(name, _distance(best, level, search), search.sign * best < search.sign * level) for name, level in levels]


def states(trials: Sequence[FrozenTrial]) -> dict[str, int]:
    """Return how many trials are in which state, the most frequent state first."""
    words = Counter("lost" if LOST in one.user_attrs else one.state.name.lower() for one in trials)
    return {word.replace("fail", "failed"): count for word, count in words.most_common()}


def times(trials: Sequence[FrozenTrial]) -> dict[str, str]:
    """Return when the first trial began, when the last one ended, and how long all of them took together."""
    begun = [one.datetime_start for one in trials if one.datetime_start]
    ended = [one.datetime_complete for one in trials if one.datetime_complete]
    if not begun or not ended:
        return {}
    first, last = min(begun), max(ended)
    took = sum(one.duration.total_seconds() for one in trials if one.duration)
    same_day = first.date() == last.date()
    end = last.time().isoformat("minutes") if same_day else last.isoformat(" ", "minutes")
    moments = {"first": first.isoformat(" ", "minutes"), "last": end}
    return {**moments, "span": _duration((last - first).total_seconds()), "took": _duration(took)}


def importances(study: optuna.Study, search: Search) -> dict[str, float]:
    """Return the share of each parameter in what sets the best tenth of the trials apart, where there are enough.

    Source: Watanabe, Bansal and Hutter, PED-ANOVA, IJCAI 2023.
    """
    finite = {value(trial) for trial in search.ranked if math.isfinite(value(trial))}
    if len(search.ranked) < FEWEST or len(finite) < 2:
        return {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return optuna.importance.get_param_importances(study)
        except Exception:  # whatever optuna can't compute: no report is lost for one of its parts
            return {}


def _kind(trial: FrozenTrial) -> str | None:
    if trial.state is TrialState.FAIL:
        return "failed"
    if TWIN in trial.user_attrs and trial.state.is_finished():
        return "repeated"
    return "pruned" if trial.state is TrialState.PRUNED else None


def _why(trial: FrozenTrial, search: Search) -> str:
    known = trial.user_attrs
    if LOST in known:
        return f"lost: {known[LOST]}, it was run again"
    if REASON in known:
        return str(known[REASON])
    if TWIN in known:
        return f"same as trial {known[TWIN]}, not run again"
    if trial.state is TrialState.FAIL:
        return "no reason known"
    last = trial.last_step
    return "before its first step" if last is None else f"after step {last}, at {search.shown(value(trial))}"


def _behind(number: float, best: float) -> str:
    share = abs(number - best) / abs(best) if best else math.nan
    if number == best or not math.isfinite(share):
        return ""
    return "< 0.1 %" if share < 0.0005 else f"{100 * share:.1f} %" if share < 10 else f"{share:,.0f} times"


def _distance(best: float, other: float, search: Search) -> str:
    if best == other:
        return "equal to"
    word = "below" if best < other else "above"
    share = abs(best - other) / abs(other) if other else math.inf
    return f"{100 * share:.1f} % {word}" if share < 1 else f"{search.shown(abs(best - other))} {word}"


def _seconds(trial: FrozenTrial) -> str:
    return f"{trial.duration.total_seconds():,.1f}" if trial.duration else ""


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"
