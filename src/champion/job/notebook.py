"""What a notebook calls: a whole run as conf/ composes it, or its steps with arguments of one's own.

Nothing is kept by the steps: neither in MLflow nor in a folder.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
from sklearn.base import BaseEstimator

from champion.base.errors import ChampionError, ConfigError, DataError
from champion.data.task import Task
from champion.job import settings, stories
from champion.job.experiment import Outcome as Outcome
from champion.learning import cores, evaluation, finalist, learner, preparation
from champion.learning.evaluation import Fold
from champion.learning.finalist import Finalist
from champion.learning.preparation import Prepared
from champion.persistence import with_schema


def run(*overrides: str) -> Outcome:
    """Do what `python src/train.py` does with these overrides; return its scores, its folds and the fitted model.

    Raises ChampionError for what a user can cause.
    """
    return stories.run(settings.compose_run(*overrides))


def prepare(table: str | Path | pd.DataFrame, target: str, *, features: str = "plain", **options: Any) -> Prepared:
    """Read a table and split it, as `data=csv` does; `features` is an option of that group.

    `options` are keys of conf/data/csv.yaml, or `task`, `seed`, `test_size` and `n_splits`.
    """
    if not isinstance(table, str | Path | pd.DataFrame):
        raise ConfigError(f"table must be a DataFrame, or the path of a file, but is a {type(table).__name__}.")
    if not isinstance(table, pd.DataFrame):
        return _prepared(str(table), target, features, options)
    if len(doubled := table.columns[table.columns.duplicated()]):
        raise DataError(f"The DataFrame has several columns '{doubled[0]}'. Give each column a name of its own.")
    with TemporaryDirectory() as folder:
        file = str(Path(folder, "table.parquet"))
        try:
            table.to_parquet(file, index=False)
            found = _prepared(file, target, features, options)
        except (ChampionError, ValueError, TypeError, OverflowError, NotImplementedError) as error:
            kind = type(error) if isinstance(error, ChampionError) else DataError
            said = ": ".join(map(str, reversed(error.args)))  # Arrow's last one names the column
            raise kind(said.replace(f"data.path: {file}", file).replace(file, "the DataFrame")) from error
    return replace(found, data=replace(found.data, source="a DataFrame"))


def _prepared(path: str, target: str, features: str, options: Mapping[str, Any]) -> Prepared:
    told = settings.compose_data(path, target, features=features, options=options)
    return preparation.prepare(told.table, told.features, task=told.task, **told.split)


def cross_validate(estimator: BaseEstimator, table: Prepared, *, threads: int | None = None) -> list[Fold]:
    """Fit a copy of `estimator` on each fold's training rows and score it on the fold's other rows."""
    task, each = _task(table), partial(cores.one_by_one, threads=threads)
    return evaluation.cross_validate(learner.for_task(task, estimator), table.folds, task=task, each=each)


def fit(
    estimator: BaseEstimator, table: Prepared, folds: Sequence[Fold] = (), *, threads: int | None = None
) -> Finalist:
    """Fit on all training rows, with as many rounds as the folds took, and score the rows held out.

    The model reads a DataFrame as the table was read.
    """
    found = finalist.fit(learner.for_task(_task(table), estimator), table, folds, threads=threads)
    return replace(found, model=with_schema(found.model, table.train))


def _task(table: object) -> Task:
    if not isinstance(table, Prepared):
        raise ConfigError(f"table must be what champion.prepare returns, but is a {type(table).__name__}.")
    return table.train.task
