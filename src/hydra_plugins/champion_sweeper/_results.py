"""Decides what a study leaves to be read by other programs: its results in YAML."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import optuna
import yaml
from optuna.trial import FrozenTrial, TrialState

from hydra_plugins.champion_sweeper._parameter import chosen
from hydra_plugins.champion_sweeper._space import Space
from hydra_plugins.champion_sweeper._store import LOST
from hydra_plugins.champion_sweeper._study import TWIN


def leaders(study: optuna.Study) -> list[FrozenTrial]:
    """Return the complete trials, best first; of several objectives, the trials that no other one beats in all."""
    if len(study.directions) > 1:
        return sorted(study.best_trials, key=lambda trial: trial.values)
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    highest_first = study.direction == optuna.study.StudyDirection.MAXIMIZE
    own = [trial for trial in complete if TWIN not in trial.user_attrs]
    return sorted(own, key=lambda trial: trial.value or 0, reverse=highest_first)


def write(study: optuna.Study, space: Space, best: FrozenTrial, *, folder: Path, differing: Sequence[str] = ()) -> None:
    """Write optimization_results.yaml: `best` is the trial that is chosen, if there is one objective.

    `differing` are the keys that trials differ in and across which their values can't be compared.
    """
    found: dict[str, Any] = {"name": "optuna", "study_name": study.study_name, "trials": _count(study)}
    if len(study.directions) == 1:
        entry = _entry(best, space)
        found |= {"best_trial": entry["trial"], "best_value": entry["values"][0], "best_params": entry["params"]}
        found |= {"best_overrides": space.overrides(chosen(best))}
    else:
        found |= {"solutions": [_entry(trial, space) for trial in leaders(study)]}
    found |= {"incomparable": list(differing)} if differing else {}
    (folder / "optimization_results.yaml").write_text(yaml.safe_dump(found, sort_keys=False, allow_unicode=True))


def _entry(trial: FrozenTrial, space: Space) -> dict[str, Any]:
    return {"trial": trial.number, "values": trial.values, "params": space.params(chosen(trial))}


def _count(study: optuna.Study) -> Mapping[str, int]:
    trials = study.get_trials(deepcopy=False)
    states = [("lost" if LOST in trial.user_attrs else trial.state.name.lower()) for trial in trials]
    return {state: states.count(state) for state in dict.fromkeys(states)}
