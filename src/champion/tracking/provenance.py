"""Decides what a run says of its origin: the data, the code, and the process that it comes from."""

import json
import logging
import shutil
import subprocess
import warnings
from functools import cache
from typing import TYPE_CHECKING

import mlflow
import numpy as np
from mlflow.entities import Dataset as DatasetEntity
from mlflow.entities import DatasetInput, InputTag
from mlflow.tracking.context.registry import resolve_tags
from mlflow.utils.mlflow_tags import MLFLOW_DATASET_CONTEXT

from champion.base.home import REPOSITORY

if TYPE_CHECKING:
    from champion.data import Dataset, Summary

# Without Git, MLflow says so three times in fifteen lines each; the tag git_commit says "none".
logging.getLogger("mlflow.utils.git_utils").setLevel(logging.ERROR)

TYPICAL_ROWS = 1000

context_tags = cache(resolve_tags)  # what MLflow itself notes of a process: user, program, commit

_inputs: dict[tuple[str, str, str], DatasetInput] = {}  # the last one


def provenance(data: "Summary") -> dict[str, str]:
    """Return which data and which code."""
    return {
        "data_fingerprint": data.fingerprint,
        "data_rows": str(data.rows),
        "data_columns": str(data.columns),
        "git_commit": _commit(),
    }


@cache
def _commit() -> str:
    """Return the commit of the code, with -dirty where files differ from it, or "none"."""
    if git := shutil.which("git"):
        describe = [git, "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
        commit = subprocess.run(describe, cwd=REPOSITORY, capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603
        return commit or "none"
    return "none"


def dataset_input(data: "Summary", typical: "Dataset") -> DatasetInput:
    """Return what MLflow keeps of the table, made once for the same one.

    Its types are those of some typical rows: MLflow looks at every cell of text, which takes a minute for a million.
    """
    known = (data.name, data.source, data.fingerprint)
    if known not in _inputs:
        with warnings.catch_warnings():  # of MLflow's, two that the user can do nothing about
            warnings.filterwarnings("ignore", message=".*can be interpreted in multiple ways")  # of a file's path
            warnings.filterwarnings("ignore", message=".*Inferred schema contains integer column")  # they are meant
            used = mlflow.data.from_pandas(
                typical.take(np.arange(min(len(typical), TYPICAL_ROWS))).table,
                source=data.source,
                targets=data.target,
                name=data.name,
                digest=data.fingerprint,
            )
            facts = used._to_mlflow_entity().to_dictionary()
        facts["profile"] = json.dumps({"num_rows": data.rows, "num_elements": data.rows * data.columns})
        _inputs.clear()
        _inputs[known] = DatasetInput(DatasetEntity(**facts), [InputTag(MLFLOW_DATASET_CONTEXT, "training")])
    return _inputs[known]
