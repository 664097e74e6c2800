"""Decides how a sweep is remembered: as one run, whose children the trials are, and which goes on with its study."""

import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

from champion.base import invocation
from champion.base.errors import ConfigError
from champion.base.startup import importing
from champion.job.settings import check_recipe
from champion.job.study import ADVICE, BASELINES, NOT_RANKED, RUN, TREATMENTS

with importing():
    from champion import data, promotion, tracking
    from champion.data import Dataset
    from champion.job import naming
    from champion.learning import evaluation
    from champion.learning.baseline import Baseline
    from champion.reporting import report
    from champion.tracking import patience

if TYPE_CHECKING:
    from optuna import Study

    from champion.tracking import Run

FINGERPRINT = "data_fingerprint"  # of the study's data
REPORT, RESULTS = "report.html", "optimization_results.yaml"


@contextmanager
def parent_run(
    study: "Study",
    folder: Path,
    *,
    tracking_to: Mapping[str, Any],
    table: Mapping[str, Any],
    task: str | None,
    final: Mapping[str, Any],
    names: tuple[object, object],
    recipe: tuple[Mapping[str, Any] | None, str | None],
    objective: str | None,
    direction: str,
) -> Iterator[None]:
    """Hold the MLflow run open that stands for `study`, and leave the report and the results in `folder` with it.

    `recipe` is what has landed below `experiment`, and its name; the others are parts of the config. Raises ConfigError
    for what can't be meant, when the objective gets better the other way, or the study was made with other data.
    """
    check_recipe(*recipe)
    promotion.read_rule(final)
    tracking.connect(tracking_to["uri"], artifacts=tracking_to["artifacts"], wait=tracking_to["patience"])
    dataset = data.load(**table, task=task)
    experiment, _ = naming.read(*names, data=dataset.name, overrides=sys.argv)
    _check(study, dataset, objective=(chosen := evaluation.objective(objective, dataset.task)), direction=direction)
    study.set_user_attr(FINGERPRINT, dataset.fingerprint)
    command = invocation.typed(sys.argv[1:])
    Thread(target=import_module, args=["champion.reporting.page"], daemon=True).start()  # Plotly takes a second
    with tracking.start_sweep(
        experiment,
        name=study.study_name,
        run_id=study.user_attrs.get(RUN),
        artifacts=tracking_to["artifacts"],
        folder=folder,
        data=dataset.summary,
        typical=dataset,
        tags={"study": study.study_name, "command": command},
    ) as run:
        study.set_user_attr(RUN, run.id)
        with _concluded(run, study, chosen, dataset, command=command):
            yield


@contextmanager
def _concluded(run: "Run", study: "Study", objective: str, dataset: Dataset, *, command: str) -> Iterator[None]:
    """Conclude the run when what is done in it ends, however it ends."""
    try:
        yield
    except BaseException as error:
        with patience.last_words(error):
            _conclude(run, study, objective, dataset, command=command)
        raise
    _conclude(run, study, objective, dataset, command=command)


def _conclude(run: "Run", study: "Study", objective: str, dataset: Dataset, *, command: str) -> None:
    """Log how the trials have ended, and the report and the results that are left in the run's folder."""
    _write_report(run.folder, study, objective, dataset, command=command)
    failed = [one.user_attrs for one in study.get_trials(deepcopy=False) if one.state.name == "FAIL"]
    run.close_lost({known[RUN] for known in failed if RUN in known})  # those of workers that are gone among them
    run.log_metrics(_metrics(study, objective))
    run.log_files(*sorted(file for name in (REPORT, RESULTS) if (file := run.folder / name).exists()))


def _check(study: "Study", dataset: Dataset, *, objective: str, direction: str) -> None:
    if direction != (better := evaluation.direction(objective)):
        raise ConfigError(
            f"hydra.sweeper.direction must be {better} for objective={objective}, but got {direction!r}."
            f" Add hydra.sweeper.direction={better}."
        )
    if (before := study.user_attrs.get(FINGERPRINT, dataset.fingerprint)) != dataset.fingerprint:
        raise ConfigError(
            f"Study '{study.study_name}' was made with other data: its fingerprint was {before}, but {dataset.source}"
            f" has {dataset.fingerprint} now. Choose another hydra.sweeper.study_name."
        )


def _write_report(folder: Path, study: "Study", objective: str, dataset: Dataset, *, command: str) -> None:
    """Write report.html, with what the first trial has found of the data."""
    from champion.reporting import page

    known = study.user_attrs
    try:
        page.write(
            folder,
            study,
            objective=objective,
            data=dataset.summary,
            baselines=[Baseline(**kept) for kept in known.get(BASELINES, [])],
            columns=report.columns(dataset, known.get(TREATMENTS, {})),
            advice=[*known.get(ADVICE, []), *known.get(NOT_RANKED, [])],
            command=command,
        )
    except Exception as error:  # no sweep loses its end, or its own error, for a report
        logging.getLogger(__name__).warning(f"report.html can't be written: {error}")


def _metrics(study: "Study", objective: str) -> dict[str, float]:
    """Return how many trials ended how, and the best value of the objective."""
    trials = study.get_trials(deepcopy=False)
    states = [one.state.name.lower() for one in trials]
    found: dict[str, float] = {f"trials_{state}": states.count(state) for state in ("complete", "pruned", "fail")}
    return found | ({objective: study.best_value} if found["trials_complete"] else {})
