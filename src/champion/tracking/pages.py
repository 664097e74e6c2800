"""Decides at which addresses MLflow's pages show something: the parts that are the same in all of its 3.x."""

import json
from collections.abc import Sequence
from urllib.parse import quote

import mlflow

from champion.base.redaction import redact
from champion.tracking.connection import SERVER
from champion.tracking.experiment import experiment_of

LOCAL = "http://localhost:5000"  # where `mlflow ui` is
MOST = 50  # runs that are compared: each takes 40 characters of the address


def base() -> str:
    """Return where the pages are: at the server, or where `mlflow ui` shows them."""
    uri = mlflow.get_tracking_uri()
    return redact(uri).rstrip("/") if uri.startswith(SERVER) else LOCAL


def run(run_id: str) -> str:
    """Return the address of a run's own page, on any page."""
    return f"#/experiments/{experiment_of(run_id)}/runs/{run_id}"


def compare(run_ids: Sequence[str], *, like: str) -> str:
    """Return the address that compares runs by parallel coordinates; they are of the experiment of the run `like`."""
    own, experiments = (
        quote(json.dumps(ids, separators=(",", ":"))) for ids in (run_ids[:MOST], [experiment_of(like)])
    )
    return f"#/compare-runs?runs={own}&experiments={experiments}"


def trials(study: str, metric: str, *, rising: bool, like: str) -> str:
    """Return the address that shows the runs of a study, the best first, and charts of their metrics."""
    asked = {
        "searchFilter": f"tags.study = '{study}'",
        "orderByKey": f"metrics.`{metric}`",
        "orderByAsc": str(rising).lower(),
        "compareRunsMode": "CHART",
    }
    words = "&".join(f"{key}={quote(value)}" for key, value in asked.items())
    return f"#/experiments/{experiment_of(like)}/runs?{words}"
