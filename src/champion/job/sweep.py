"""Decides how a sweep is remembered: as one run, whose children the trials are, and which goes on with its study."""

import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import yaml

from champion.base import invocation
from champion.base.errors import ConfigError
from champion.base.redaction import redact
from champion.base.startup import importing
from champion.job.settings import check_recipe
from champion.job.study import ADVICE, BASELINES, CHOICE, NOT_RANKED, RUN, TREATMENTS
from hydra_plugins.champion_sweeper import watching

with importing():
    from champion import data, promotion, tracking
    from champion.cli import console
    from champion.data import Dataset
    from champion.job import naming
    from champion.learning import evaluation
    from champion.learning.baseline import Baseline
    from champion.reporting import report, result
    from champion.tracking import Point, pages, patience

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

    from champion.tracking import Run

FINGERPRINT = "data_fingerprint"  # of the study's data
EVERY = 1.0  # seconds between two looks at the study
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
        tags={"study": study.study_name, "objective": chosen, "command": command},
    ) as run:
        study.set_user_attr(RUN, run.id)
        with _concluded(run, study, chosen, dataset, command=command), _drawn(run, study, chosen):
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
    run.log_metrics(_metrics(study, objective), step=len(_ended(study)))
    run.log_files(*sorted(file for name in (REPORT, RESULTS) if (file := run.folder / name).exists()))
    _tell(run, study, objective, dataset, command=command)


def _tell(run: "Run", study: "Study", objective: str, dataset: Dataset, *, command: str) -> None:
    """Write result.json, and what MLflow's page of the run says; of the best trial the sweeper has left the results."""
    from champion.reporting import description, search

    results = run.folder / RESULTS
    found = yaml.safe_load(results.read_text()) if results.exists() else {}
    best = {name: found.get(f"best_{name}") for name in ("trial", "value", "params", "overrides")}
    content = {
        "kind": "sweep",
        "command": redact(command),
        "folder": str(run.folder),
        "study": study.study_name,
        "run": {"id": run.id, "name": run.name, "experiment": run.experiment},
        "data": dataset.summary,
        "objective": objective,
        "trials": found.get("trials", {}),
        "best": best,
        "choice": study.user_attrs.get(CHOICE),
        "next": {"compare": tracking.ui_command()},
        "last_job": None,
    }
    result.write(run.folder, content)
    known = search.read(study, objective, _baselines(study))
    others = [one for one in known.trials if one not in known.ranked]
    runs = [one.user_attrs[RUN] for one in (*known.ranked, *others) if RUN in one.user_attrs]
    compare = pages.compare(runs, like=run.id)
    run.describe(description.write(known, address=pages.run(run.id), compare=compare))
    if known.choice:
        trials = pages.trials(study.study_name, f"{objective}_so_far", rising=known.sign > 0, like=run.id)
        if (shows := tracking.ui_command()) != pages.base():
            console.line("pages", shows)
        console.line("sweep", f"{pages.base()}/{pages.run(run.id)}")
        console.line("compare", "its trials, by parallel coordinates", link=f"{pages.base()}/{compare}")
        console.line("trials", "the best first, with charts of their metrics", link=f"{pages.base()}/{trials}")


def _baselines(study: "Study") -> list[Baseline]:
    return [Baseline(**kept) for kept in study.user_attrs.get(BASELINES, [])]


@contextmanager
def _drawn(run: "Run", study: "Study", objective: str) -> Iterator[None]:
    """Draw the best value so far as a curve over the trials that end meanwhile, however they end."""
    drawn = len(_ended(study))
    better = max if evaluation.direction(objective) == "maximize" else min

    def draw() -> None:
        nonlocal drawn
        found: list[float] = []
        points = []
        for step, trial in enumerate(ended := _ended(study), 1):
            found += [trial.value] if trial.state.name == "COMPLETE" and trial.value is not None else []
            if found and step > drawn and trial.datetime_complete:
                points.append(Point(objective, better(found), step, trial.datetime_complete.timestamp()))
        drawn = len(ended)
        if points:
            run.draw(points)

    with watching(draw, every=EVERY, unless=(Exception,)):  # of a storage that is gone: who runs the trials tells it
        yield


def _ended(study: "Study") -> list["FrozenTrial"]:
    """Return the trials that have ended, in the order in which they did."""
    trials = [one for one in study.get_trials(deepcopy=False) if one.datetime_complete is not None]
    return sorted(trials, key=lambda one: (one.datetime_complete, one.number))


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
            baselines=_baselines(study),
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
    stated = study.user_attrs.get(CHOICE, {}).get("stated")
    found |= {f"{objective}_stated": stated} if stated is not None else {}
    return found | ({objective: study.best_value} if found["trials_complete"] else {})
