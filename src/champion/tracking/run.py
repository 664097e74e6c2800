"""Decides what a run holds in MLflow: start it, log to it, end it as what it was."""

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import Future, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from mlflow.entities import DatasetInput, Metric, Param, RunInfo, RunTag
from mlflow.exceptions import MlflowException
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID, MLFLOW_RUN_NOTE

from champion.base.redaction import redact
from champion.tracking import patience
from champion.tracking.artifacts import kept_at
from champion.tracking.beside import beside
from champion.tracking.connection import refusals_in_one_line
from champion.tracking.experiment import experiment_named, experiment_of
from champion.tracking.process import alive, close_killed, close_killed_runs
from champion.tracking.provenance import context_tags, dataset_input, provenance
from hydra_plugins.champion_sweeper import stops_on_sigterm

if TYPE_CHECKING:
    from champion.data import Dataset, Summary


class Point(NamedTuple):
    """A point of a curve: the metric, its value and step, and when it was found, in seconds since the epoch, or now."""

    metric: str
    value: float
    step: int
    at: float | None = None


@dataclass(frozen=True)
class Run:
    """An MLflow run; everything logged goes to it, and files for it are made in `folder`.

    It may still be about to begin, beside the work; `drawn` is what of its curves may still be on its way.
    """

    begun: Future[str]
    name: str
    experiment: str
    folder: Path
    drawn: list[Future[None]] = field(default_factory=list)

    @property
    def id(self) -> str:
        """Its id, once what is known of it from the start is logged; or raise why it can't be."""
        return self.begun.result()

    def log_metrics(self, metrics: Mapping[str, float], *, step: int = 0) -> None:
        """Log all metrics in one call."""
        now = int(time.time() * 1000)
        patience.client().log_batch(self.id, metrics=[Metric(key, value, now, step) for key, value in metrics.items()])

    def draw(self, points: Iterable[Point]) -> None:
        """Log points of curves in one call, beside the work; what refuses them is raised when the run ends."""
        now, before = time.time(), self.drawn[-1:]
        metrics = [Metric(one.metric, one.value, int(1000 * (one.at or now)), one.step) for one in points]

        def log() -> None:
            wait(before)  # as databases take one after the other
            patience.client().log_batch(self.id, metrics=metrics)

        self.drawn.append(beside(log))

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Set all tags in one call."""
        patience.client().log_batch(self.id, tags=[RunTag(key, redact(value)) for key, value in tags.items()])

    def describe(self, text: str) -> None:
        """Let MLflow's page of the run show this Markdown."""
        self.set_tags({MLFLOW_RUN_NOTE: text})

    def log_files(self, *files: Path) -> None:
        """Keep copies of the files among the run's artifacts."""
        for file in files:
            patience.client().log_artifact(self.id, str(file))

    def close_lost(self, run_ids: Collection[str]) -> None:
        """Mark runs as KILLED whose workers died while they were RUNNING: these on any machine, and others of this."""
        client = patience.client()
        experiment_id = client.get_run(self.id).info.experiment_id
        for run in client.search_runs([experiment_id], "attributes.status = 'RUNNING'"):
            if run.info.run_id in run_ids:
                close_killed(run.info.run_id)
        close_killed_runs(experiment_id)


@dataclass(frozen=True)
class Whole:
    """What a run is a part of: the id of the whole's run, who hears of the part's id, and what is no failure of it."""

    run_id: str | None
    link: Callable[[str], None]
    was_pruned: Callable[[BaseException], bool]


ALONE = Whole(None, lambda _: None, lambda _: False)


@contextmanager
def start_run(
    experiment: str,
    *,
    name: str,
    artifacts: str | None,
    folder: Path,
    data: "Summary",
    typical: "Dataset",
    params: Mapping[str, Any],
    tags: Mapping[str, str],
    config: Callable[[], str],
    part_of: Whole = ALONE,
) -> Iterator[Run]:
    """Start a run and log what is known of it, beside the work that begins; end it as FINISHED, FAILED or KILLED.

    A run that fails carries the reason in its tag `reason`. Runs of this machine whose process was killed before it
    could say so are marked KILLED first. A run that is `part_of` another becomes its child; one that is pruned ends as
    KILLED, and its tag `trial_state` says PRUNED. `artifacts` is where a new experiment keeps its files, `folder`
    where this run's files are made, `data` what is learned from and `typical` some rows of it, and `config` returns
    the whole configuration as YAML. Raises TrackingError for what MLflow refuses.
    """
    with refusals_in_one_line(), stops_on_sigterm(), alive(folder) as process_tags:
        parent = part_of.run_id
        experiment_id = experiment_of(parent) if parent else experiment_named(experiment, artifacts)
        known = {**tags, **provenance(data), **process_tags, **({MLFLOW_PARENT_RUN_ID: parent} if parent else {})}
        begin = partial(_begin, experiment_id, name, known, params, dataset_input(data, typical), config, part_of)
        begun = beside(begin)
        with _ended(run := Run(begun, name, experiment, folder), part_of):
            yield run


@contextmanager
def start_sweep(
    experiment: str,
    *,
    name: str,
    run_id: str | None,
    artifacts: str | None,
    folder: Path,
    data: "Summary",
    typical: "Dataset",
    tags: Mapping[str, str],
) -> Iterator[Run]:
    """Start the run that stands for a sweep, or go on with that of `run_id`, and end it as `start_run` does."""
    with refusals_in_one_line(), alive(folder) as process_tags:
        experiment_id = experiment_named(experiment, artifacts)
        known = {**tags, **provenance(data), **process_tags}
        if run_id is None or not _goes_on(run_id):
            run_id = str(_create(experiment_id, name, known).run_id)
            patience.twice(patience.client().log_inputs, run_id, [dataset_input(data, typical)])
        begun: Future[str] = Future()
        begun.set_result(run_id)
        with _ended(run := Run(begun, name, experiment, folder)):
            yield run


def _begin(
    experiment_id: str,
    name: str,
    tags: Mapping[str, str],
    params: Mapping[str, Any],
    table: DatasetInput,
    config: Callable[[], str],
    part_of: Whole,
) -> str:
    started = _create(experiment_id, name, tags)
    run_id, client = str(started.run_id), patience.client()
    try:
        part_of.link(run_id)
        client.log_batch(run_id, params=[Param(key, str(value)) for key, value in params.items()])
        patience.twice(client.log_inputs, run_id, [table])
        with kept_at(started.artifact_uri):
            client.log_text(run_id, redact(config()), "config.yaml")
    except Exception as error:
        _fail(run_id, error, part_of)
        raise
    return run_id


def _create(experiment_id: str, name: str, tags: Mapping[str, str]) -> RunInfo:
    shown = {key: redact(value) for key, value in tags.items()}
    return patience.client().create_run(experiment_id, run_name=name, tags={**context_tags(), **shown}).info


def _goes_on(run_id: str) -> bool:
    """Mark the run as RUNNING again; tell whether it is still there."""
    try:
        patience.client().update_run(run_id, status="RUNNING")
    except MlflowException:
        return False
    return True


@contextmanager
def _ended(run: Run, part_of: Whole = ALONE) -> Iterator[None]:
    """Mark the run as FINISHED, FAILED or KILLED when what is done in it ends; raise what refused it beside that."""
    try:
        yield
        run.begun.result()  # in here, as who waits for it may be told to stop
        for drawn in run.drawn:
            drawn.result()
    except Exception as error:
        wait(run.drawn)
        _fail(run.id, error, part_of)
        raise
    except BaseException as stop:
        with patience.last_words(stop):
            run.begun.result(patience.HURRIED)
            wait(run.drawn, patience.HURRIED)
            _fail(run.id, stop, part_of)
        raise
    patience.client().set_terminated(run.id, "FINISHED")


def _fail(run_id: str, error: BaseException, part_of: Whole) -> None:
    """Mark the run as FAILED, or as KILLED where it was told to stop, or its study saw no use in it."""
    pruned = part_of.was_pruned(error)
    with patience.last_words(error):
        client, tags = patience.client(), {"reason": redact(f"{type(error).__name__}: {error}")[:5000]}
        tags |= {"trial_state": "PRUNED"} if pruned else {}
        client.log_batch(run_id, tags=[RunTag(key, value) for key, value in tags.items()])
        client.set_terminated(run_id, "FAILED" if isinstance(error, Exception) and not pruned else "KILLED")
