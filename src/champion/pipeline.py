"""Decides how features and estimator become one model, what a fold is to it, and how many threads a fit may use."""

import re
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cache
from typing import TypeAlias

import numpy as np
import pandas as pd
from joblib import cpu_count
from sklearn.base import BaseEstimator, clone
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline
from sklearn.utils import gen_even_slices
from threadpoolctl import ThreadpoolController

from champion.data import Dataset
from champion.errors import ConfigError

Estimator: TypeAlias = Pipeline | BaseEstimator

ROWS_PER_THREAD = 1000  # fewer are predicted sooner than a thread is started


@dataclass(frozen=True)
class EncodedFold:
    """A fold as an estimator sees it: rows to learn from and rows to be scored on, encoded as the former taught.

    The arrays have the shape (n_rows, n_encoded_features), the targets (n_rows,).
    """

    X: np.ndarray
    y: pd.Series
    X_validation: np.ndarray
    y_validation: pd.Series


@dataclass(frozen=True)
class Fitted:
    """A fitted model that predicts in the target's unit, and what it took in seconds."""

    model: Estimator
    seconds: float


def build(features: ColumnTransformer, estimator: BaseEstimator) -> Pipeline:
    """Join both into one unfitted pipeline, so that no fold can see how another one's features were fitted."""
    return Pipeline([("features", features), ("model", estimator)])


def encode(
    features: ColumnTransformer, train: Dataset, folds: Iterable[tuple[np.ndarray, np.ndarray]]
) -> Iterator[EncodedFold]:
    """Yield each fold as numbers; `folds` are pairs of row positions: those to learn from, those to be scored on.

    Raises ConfigError for a value the features refuse.
    """
    for fit_rows, validation_rows in folds:
        own, learned, validation = clone(features), train.take(fit_rows), train.take(validation_rows)
        try:
            X = own.fit_transform(learned.X, learned.y)
        except (ValueError, TypeError) as error:
            reason = str(error).strip().partition("\n")[0].rstrip(".")
            raise ConfigError(f"The features can't be fitted: {reason}.") from error
        yield EncodedFold(X, learned.y, own.transform(validation.X), validation.y)


def fit(model: Estimator, X: pd.DataFrame | np.ndarray, y: pd.Series, *, threads: int | None = None) -> Fitted:
    """Fit a copy of a pipeline, or of a bare estimator, with at most `threads` CPU threads (None: every core).

    `X` has the shape (n_rows, n_features), `y` (n_rows,). The copy predicts with one thread: sums then always run in
    the same order, so equal models give equal digits, and a single row is answered without waking a thread pool.
    Raises ConfigError for a value the estimator refuses.
    """
    if threads is not None and (type(threads) is not int or threads < 1):
        raise ConfigError(f"threads must be a whole number from 1, or null for every core, but got {threads!r}.")
    model = clone(model)
    estimator = model.named_steps["model"] if isinstance(model, Pipeline) else model
    threaded = "n_jobs" in estimator.get_params()
    if threaded:
        estimator.set_params(n_jobs=threads or -1)
    bounded = threads is not None and not threaded
    started = time.perf_counter()
    with _pools(type(estimator).__module__).limit(limits=threads, user_api="openmp") if bounded else nullcontext():
        try:
            model.fit(X, y)
        except (ValueError, TypeError) as error:
            raise ConfigError(_complaint(estimator, error)) from error
    seconds = time.perf_counter() - started
    if threaded:
        estimator.set_params(n_jobs=1)
    return Fitted(model, seconds)


def predict(model: Estimator, X: pd.DataFrame | np.ndarray, *, threads: int | None = None) -> np.ndarray:
    """Return one prediction for each row of `X` (n_rows, n_features), in the target's unit.

    Every core, or thread, takes a part of many rows; each row is computed by one of them, so the digits don't depend
    on how many there are.
    """
    n_parts = min(threads or cpu_count(), 1 + len(X) // ROWS_PER_THREAD)
    if n_parts == 1:
        return np.asarray(model.predict(X))
    parts = [X[rows.start : rows.stop] for rows in gen_even_slices(len(X), n_parts)]
    with ThreadPoolExecutor(n_parts) as pool:
        return np.concatenate(list(pool.map(model.predict, parts)))


@cache
def _pools(_: str) -> ThreadpoolController:
    """Find the thread pools of the libraries loaded for a kind of estimator: looking for them costs 0.1 s."""
    return ThreadpoolController()


def _complaint(estimator: BaseEstimator, error: Exception) -> str:
    """Return the first line of the error, with the keys of the config that it speaks of."""
    reason = str(error).strip().partition("\n")[0].rstrip(".")
    default = type(estimator)().get_params(deep=False)
    given = {name: value for name, value in estimator.get_params(deep=False).items() if value != default.get(name)}
    named = [name for name in given if re.search(rf"\b{name}\b", reason)]
    suspects = named or [name for name, value in given.items() if isinstance(value, str)]
    keys = ", ".join(f"model.{name}={given[name]}" for name in suspects)
    return f"The model can't be fitted{f' with {keys}' if keys else ''}: {reason}."
