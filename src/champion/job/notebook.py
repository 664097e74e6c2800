"""What a notebook calls: a whole run as conf/ composes it, or its steps with arguments of one's own.

Nothing is kept by the steps: neither in MLflow nor in a folder.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
from sklearn.base import BaseEstimator

from champion.job import settings, stories
from champion.job.experiment import Outcome as Outcome
from champion.learning import cores, evaluation, finalist, learner, preparation
from champion.learning.evaluation import Fold
from champion.learning.finalist import Finalist
from champion.learning.preparation import Prepared


def run(*overrides: str) -> Outcome:
    """Do what `python src/train.py` does with these overrides; return its scores, its folds and the fitted model.

    Raises ChampionError for what a user can cause, and Hydra's exceptions for an override that doesn't fit conf/.
    """
    return stories.run(settings.compose_run(*overrides))


def prepare(table: str | Path | pd.DataFrame, target: str, *, features: str = "plain", **options: Any) -> Prepared:
    """Read a table and split it, as `data=csv` does; `features` is an option of that group.

    `options` are keys of conf/data/csv.yaml, or `task`, `seed`, `test_size` and `n_splits`.
    """
    with TemporaryDirectory() as folder:
        if isinstance(table, pd.DataFrame):
            file = Path(folder, "table.parquet")
            table.to_parquet(file, index=False)
            table = file
        told = settings.compose_data(features=features, path=str(table), target=target, **options)
        return preparation.prepare(told.table, told.features, task=told.task, **told.split)


def cross_validate(estimator: BaseEstimator, table: Prepared, *, threads: int | None = None) -> list[Fold]:
    """Fit a copy of `estimator` on each fold's training rows and score it on the fold's other rows."""
    task, each = table.train.task, partial(cores.one_by_one, threads=threads)
    return evaluation.cross_validate(learner.for_task(task, estimator), table.folds, task=task, each=each)


def fit(
    estimator: BaseEstimator, table: Prepared, folds: Sequence[Fold] = (), *, threads: int | None = None
) -> Finalist:
    """Fit on all training rows, with as many rounds as the folds took, and score the rows held out."""
    return finalist.fit(learner.for_task(table.train.task, estimator), table, folds, threads=threads)
