"""Decides how features and estimator become one model, and how many threads a fit may use."""

import re
import time
from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np
import pandas as pd
from joblib import Parallel, delayed, effective_n_jobs
from sklearn.base import BaseEstimator, clone
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from champion.data import Dataset
from champion.errors import ConfigError


@dataclass(frozen=True)
class Fitted:
    """A fitted pipeline from a table to predictions in the target's unit, and what it took in seconds."""

    model: Pipeline
    seconds: float


def build(features: ColumnTransformer, estimator: BaseEstimator) -> Pipeline:
    """Join both into one unfitted pipeline, so that no fold can see how another one's features were fitted."""
    return Pipeline([("features", features), ("model", estimator)])


def fit(pipeline: Pipeline, train: Dataset, *, threads: int | None = None) -> Fitted:
    """Fit a copy of `pipeline` on all rows of `train` with at most `threads` CPU threads (None: every core).

    The copy predicts with one thread: sums then always run in the same order, so equal models give equal digits,
    and a single row is answered without waking a thread pool. Raises ConfigError for a value the estimator refuses.
    """
    if threads is not None and (type(threads) is not int or threads < 1):
        raise ConfigError(f"threads must be a whole number from 1, or null for every core, but got {threads!r}.")
    model = clone(pipeline)
    estimator = model.named_steps["model"]
    threaded = "n_jobs" in estimator.get_params()
    if threaded:
        estimator.set_params(n_jobs=threads or -1)
    started = time.perf_counter()
    with threadpool_limits(threads, user_api="openmp") if threads else nullcontext():
        try:
            model.fit(train.X, train.y)
        except (ValueError, TypeError) as error:
            raise ConfigError(_complaint(estimator, error)) from error
    seconds = time.perf_counter() - started
    if threaded:
        estimator.set_params(n_jobs=1)
    return Fitted(model, seconds)


def predict(model: Pipeline, X: pd.DataFrame) -> np.ndarray:
    """Return one prediction for each row of `X` (n_rows, n_features), in the target's unit.

    Every core takes a part of the rows; each row is computed by one of them, so the digits don't depend on how many.
    """
    parts = [X.iloc[rows] for rows in np.array_split(np.arange(len(X)), effective_n_jobs(-1)) if len(rows)]
    return np.concatenate(Parallel(n_jobs=-1, backend="threading")(delayed(model.predict)(part) for part in parts))


def _complaint(estimator: BaseEstimator, error: Exception) -> str:
    """Return the first line of the error, with the keys of the config that it speaks of."""
    reason = str(error).strip().partition("\n")[0].rstrip(".")
    default = type(estimator)().get_params(deep=False)
    given = {name: value for name, value in estimator.get_params(deep=False).items() if value != default.get(name)}
    named = [name for name in given if re.search(rf"\b{name}\b", reason)]
    suspects = named or [name for name, value in given.items() if isinstance(value, str)]
    keys = ", ".join(f"model.{name}={given[name]}" for name in suspects)
    return f"The model can't be fitted{f' with {keys}' if keys else ''}: {reason}."
