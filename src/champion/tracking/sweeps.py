"""Decides what is read of a sweep in MLflow: its trials, wherever they ran."""

from collections.abc import Mapping
from dataclasses import dataclass

from mlflow.entities import Run
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

from champion.base.errors import TrackingError
from champion.base.words import did_you_mean
from champion.tracking import patience

PAGE = 1000  # runs that MLflow returns at once, at most


@dataclass(frozen=True)
class Trial:
    """A trial: its number, its run, how it ended, the objective's mean over the folds that it came to, its params.

    `state` is complete, pruned, failed, killed or running, `seconds` what its fits took.
    """

    trial: int
    run_id: str
    state: str
    value: float | None
    params: Mapping[str, str]
    seconds: float | None


@dataclass(frozen=True)
class Sweep:
    """A sweep: the name of its study, its run, the metric that its trials are compared by, and all of them."""

    study: str
    run_id: str
    objective: str
    trials: list[Trial]


def sweep(study: str | None) -> Sweep:
    """Return the sweep of this name, or the latest one; raise TrackingError where there is none."""
    client = patience.client()
    experiments = [one.experiment_id for one in client.search_experiments()]
    order = {"order_by": ["attributes.start_time DESC"], "max_results": PAGE}
    known = client.search_runs(experiments, "tags.objective != '' and tags.study != ''", **order)
    own = [run for run in known if study in (None, run.data.tags["study"])]
    if not own:
        hint = did_you_mean(study, [run.data.tags["study"] for run in known]) if study else ""
        raise TrackingError(f"There is no sweep{' ' if study else ''}{study or ''} in MLflow.{hint}")
    parent, objective = own[0], own[0].data.tags["objective"]
    trials: list[Trial] = []
    token = None
    while True:
        part = f"tags.`{MLFLOW_PARENT_RUN_ID}` = '{parent.info.run_id}' and tags.trial != ''"
        page = client.search_runs([parent.info.experiment_id], part, max_results=PAGE, page_token=token)
        trials += [_trial(run, objective) for run in page]
        if not (token := page.token):
            return Sweep(parent.data.tags["study"], parent.info.run_id, objective, trials)


def _trial(run: Run, objective: str) -> Trial:
    tags, metrics = run.data.tags, run.data.metrics
    state = tags.get("trial_state", run.info.status).lower().replace("finished", "complete")
    value = metrics.get(objective, metrics.get(f"{objective}_so_far"))
    return Trial(int(tags["trial"]), run.info.run_id, state, value, dict(run.data.params), metrics.get("fit_seconds"))
