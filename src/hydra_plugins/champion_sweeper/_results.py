"""Decides what a study leaves to look at: its results in YAML, and pictures of the search."""

import logging
import warnings
from collections.abc import Mapping, Sequence
from functools import partial
from html import escape
from pathlib import Path
from typing import Any

import optuna
import yaml
from joblib import cpu_count
from optuna.trial import FrozenTrial, TrialState

from hydra_plugins.champion_sweeper._forks import fork_server
from hydra_plugins.champion_sweeper._parameter import chosen
from hydra_plugins.champion_sweeper._space import Space
from hydra_plugins.champion_sweeper._store import LOST
from hydra_plugins.champion_sweeper._study import TWIN

IMPORTS = ("optuna.visualization", "optuna.visualization.matplotlib", "plotly.io", "matplotlib.pyplot")  # to draw
PICTURES = {
    "optimization_history": "plot_optimization_history",
    "param_importances": "plot_param_importances",
    "parallel_coordinates": "plot_parallel_coordinate",
}


def leaders(study: optuna.Study) -> list[FrozenTrial]:
    """Return the complete trials, best first; of several objectives, the trials that no other one beats in all."""
    if len(study.directions) > 1:
        return sorted(study.best_trials, key=lambda trial: trial.values)
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    highest_first = study.direction == optuna.study.StudyDirection.MAXIMIZE
    own = [trial for trial in complete if TWIN not in trial.user_attrs]
    return sorted(own, key=lambda trial: trial.value or 0, reverse=highest_first)


def write(study: optuna.Study, space: Space, *, folder: Path, differing: Sequence[str] = ()) -> None:
    """Write optimization_results.yaml, and the pictures where there is something to draw.

    `differing` are the keys that trials differ in and across which their values can't be compared.
    """
    first, *others = leaders(study)
    found: dict[str, Any] = {"name": "optuna", "study_name": study.study_name, "trials": _count(study)}
    if len(study.directions) == 1:
        best = _entry(first, space)
        found |= {"best_trial": best["trial"], "best_value": best["values"][0], "best_params": best["params"]}
        found |= {"best_overrides": space.overrides(chosen(first))}
    else:
        found |= {"solutions": [_entry(trial, space) for trial in (first, *others)]}
    found |= {"incomparable": list(differing)} if differing else {}
    (folder / "optimization_results.yaml").write_text(yaml.safe_dump(found, sort_keys=False, allow_unicode=True))
    if len(study.directions) == 1 and others:
        _draw(study, folder)


def _entry(trial: FrozenTrial, space: Space) -> dict[str, Any]:
    return {"trial": trial.number, "values": trial.values, "params": space.params(chosen(trial))}


def _count(study: optuna.Study) -> Mapping[str, int]:
    trials = study.get_trials(deepcopy=False)
    states = [("lost" if LOST in trial.user_attrs else trial.state.name.lower()) for trial in trials]
    return {state: states.count(state) for state in dict.fromkeys(states)}


def _draw(study: optuna.Study, folder: Path) -> None:
    """Draw each picture as PNG, and all of them into one HTML file that needs nothing else; side by side by forks."""
    from plotly.offline import get_plotlyjs

    seen = optuna.create_study(study_name=study.study_name, direction=study.direction)  # that can be sent
    seen.add_trials(study.get_trials(deepcopy=False))
    drawable = _drawable(study)
    jobs = [  # those that take longest begin first
        *(partial(_still, seen, name, folder) for name in reversed(drawable)),
        *(partial(_interactive, seen, name, folder) for name in drawable),
    ]
    server = fork_server()
    try:
        drawn = [*(server.each(_tried, jobs, n=cpu_count()) if server else map(_tried, jobs))][len(drawable) :]
    except ChildProcessError as error:
        logging.getLogger(__name__).warning(f"Pictures can't be drawn: {error}")
        return
    head = f'<!doctype html><meta charset="utf-8"><title>{escape(study.study_name)}</title>'
    parts = [head, f"<script>{get_plotlyjs()}</script>", *filter(None, drawn)]
    (folder / "optimization.html").write_text("\n".join(parts), encoding="utf-8")


def _tried(draw: "partial[str]") -> str:
    """Return what is drawn, or nothing: no sweep loses its end for a picture."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # experimental functions, few trials: nothing that a person could change
            return draw()
    except Exception as error:
        logging.getLogger(__name__).warning(f"{draw.args[1]} can't be drawn: {error}")
        return ""


def _interactive(study: optuna.Study, name: str, _: Path) -> str:
    import optuna.visualization
    from plotly.io import to_html

    figure = getattr(optuna.visualization, PICTURES[name])(study)
    return str(to_html(figure, full_html=False, include_plotlyjs=False))


def _still(study: optuna.Study, name: str, folder: Path) -> str:
    import matplotlib as mpl
    import matplotlib.pyplot as plt
    import optuna.visualization.matplotlib

    with mpl.rc_context({"backend": "Agg"}):
        try:
            getattr(optuna.visualization.matplotlib, PICTURES[name])(study)
            plt.gcf().savefig(folder / f"{name}.png", dpi=100)
        finally:
            plt.close("all")
    return ""


def _drawable(study: optuna.Study) -> dict[str, str]:
    """Return the pictures that can be drawn: importances need values that differ."""
    differ = len({trial.value for trial in leaders(study)}) > 1
    return {name: function for name, function in PICTURES.items() if differ or name == "optimization_history"}
