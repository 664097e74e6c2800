"""Decides what a run tells the study whose trial it is; a run on its own has nobody to tell."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from champion.base.words import trial_name
from hydra_plugins.champion_sweeper import (  # noqa: F401
    AGAIN,
    CHOICE,
    NOT_RANKED,
    current_trial,
    expect_last_job,
    repeated,
    report,
    unfinished,
    waits,
)

if TYPE_CHECKING:
    from champion.tracking import Whole

ADVICE, BASELINES, TREATMENTS = "advice", "baselines", "treatments"  # of a study: what is the same for all trials
RUN = "mlflow_run_id"  # of a study: the parent run; of a trial: its run


def is_running() -> bool:
    """Tell whether this process runs a trial of a study."""
    return current_trial() is not None


def name() -> str | None:
    """Return what to call the trial's run."""
    trial, number = current_trial(), repeated()
    if number is not None:
        return f"{trial_name(number)}_again"
    return None if trial is None else trial_name(trial.number)


def tags() -> dict[str, str]:
    """Return what identifies the trial in MLflow."""
    trial, number = current_trial(), repeated()
    if trial is None:
        return {}
    if number is not None:
        return {"again": trial_name(number), "study": trial.study.user_attrs[AGAIN]}
    return {"trial": str(trial.number), "study": trial.study.study_name}


def sweep() -> "Whole | None":
    """Return the MLflow run that stands for the study, as what the trial's run is a part of."""
    from champion.tracking import Whole

    trial = current_trial()
    return None if trial is None else Whole(trial.study.user_attrs.get(RUN), link, was_pruned)


def hears() -> "Callable[..., None] | None":
    """Return who is to be told what the trial waits for."""
    return None if current_trial() is None else waits


def link(run_id: str) -> None:
    """Tell the study which MLflow run the trial is."""
    if trial := current_trial():
        trial.set_user_attr(RUN, run_id)


def sharing(workers: int) -> int:
    """Return how many of so many workers of a sweep share the cores by now; a run on its own has them all."""
    return 1 if current_trial() is None or workers == 1 else min(workers, unfinished())


def remember(key: str, found: Callable[[], Any]) -> None:
    """Let the study keep what is the same for all trials, unless it has it already; `found` makes it, as JSON."""
    trial = current_trial()
    if trial is not None and key not in trial.study.user_attrs:
        trial.study.set_user_attr(key, found())


def was_pruned(error: BaseException) -> bool:
    """Tell whether a run ends because the study sees no use in it."""
    if current_trial() is None:
        return False
    from optuna import TrialPruned

    return isinstance(error, TrialPruned)
