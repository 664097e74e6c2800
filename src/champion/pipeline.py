"""Decides how features and estimator become one model, what a fold is to it, and how many threads a fit may use."""

import ctypes
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from functools import cache
from typing import TypeAlias

import numpy as np
import pandas as pd
from joblib import cpu_count
from sklearn.base import BaseEstimator, clone, is_classifier
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import VotingClassifier, VotingRegressor
from sklearn.pipeline import Pipeline
from sklearn.utils import gen_even_slices
from threadpoolctl import ThreadpoolController

from champion.data import Dataset
from champion.errors import ConfigError
from champion.task import Label, Task

Estimator: TypeAlias = Pipeline | BaseEstimator

CELLS_PER_THREAD = 500_000  # with fewer, threads of OpenMP wait for each other longer than they work
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
    """A fitted model that predicts in the target's unit, or the labels of classes, and what it took in seconds."""

    model: Estimator
    seconds: float


def class_for(task: Task, path: str) -> str:
    """Return the path of the class that does the task: beside scikit-learn's Regressors lie Classifiers."""
    other = f"{path.removesuffix('Regressor')}Classifier"
    return other if task.is_classification and path.endswith("Regressor") else path


def for_task(task: Task, estimator: BaseEstimator) -> BaseEstimator:
    """Return what learns the task by `estimator`: for classes a vote of one, which takes and predicts any labels.

    Raises ConfigError where `estimator` is made for another task.
    """
    own = type(estimator).__name__
    if not task.is_classification:
        if is_classifier(estimator):
            raise ConfigError(f"model {own} tells classes apart, but the task is regression. Choose a regressor.")
        return estimator
    if not is_classifier(estimator) or not hasattr(estimator, "predict_proba"):
        raise ConfigError(
            f"model {own} predicts no probabilities of classes, but the task is {task.name}. Choose another."
        )
    return VotingClassifier([("estimator", estimator)], voting="soft")


def team(estimators: Mapping[str, BaseEstimator], weights: Sequence[float]) -> BaseEstimator:
    """Return what learns by several estimators of one task, made by `for_task`, and predicts their weighted mean."""
    members = [(name, bare(estimator)) for name, estimator in estimators.items()]
    if any(isinstance(estimator, VotingClassifier) for estimator in estimators.values()):
        return VotingClassifier(members, voting="soft", weights=list(weights))
    return VotingRegressor(members, weights=list(weights))


def bare(model: Estimator) -> BaseEstimator:
    """Return the estimator that `model` learns by, without the features before it and the vote around it."""
    return learners(model)[0]


def learners(model: Estimator) -> list[BaseEstimator]:
    """Return the estimators that `model` learns by: one, or those of a team."""
    estimator = model.named_steps["model"] if isinstance(model, Pipeline) else model
    if not isinstance(estimator, VotingClassifier | VotingRegressor):
        return [estimator]
    return getattr(estimator, "estimators_", [member for _, member in estimator.estimators])


def build(features: ColumnTransformer, estimator: BaseEstimator) -> Pipeline:
    """Join both into one unfitted pipeline, so that no fold can see how another one's features were fitted."""
    return Pipeline([("features", features), ("model", estimator)])


@dataclass(frozen=True)
class Folds:
    """The folds of the training rows, each encoded when it is asked for, and again when it is asked for again.

    `rows` are pairs of positions: those to learn from, those to be scored on.
    """

    features: ColumnTransformer
    train: Dataset
    rows: Sequence[tuple[np.ndarray, np.ndarray]]

    def __iter__(self) -> Iterator[EncodedFold]:
        """Yield each fold as numbers; raise ConfigError for a value the features refuse."""
        return (self._encoded(*parts) for parts in self.rows)

    def _encoded(self, fit_rows: np.ndarray, validation_rows: np.ndarray) -> EncodedFold:
        own, learned = clone(self.features), self.train.take(fit_rows)
        y = learned.y
        try:
            X = own.fit_transform(learned.X, y)
        except (ValueError, TypeError) as error:
            reason = str(error).strip().partition("\n")[0].rstrip(".")
            raise ConfigError(f"The features can't be fitted: {reason}.") from error
        del learned  # before the other rows are taken
        validation = self.train.take(validation_rows)
        return EncodedFold(X, y, own.transform(validation.X), validation.y)


def fit(model: Estimator, X: pd.DataFrame | np.ndarray, y: pd.Series, *, threads: int | None = None) -> Fitted:
    """Fit a copy of a pipeline, or of a bare estimator, with at most `threads` CPU threads (None: all that help).

    `X` has the shape (n_rows, n_features), `y` (n_rows,). The copy predicts with one thread: sums then always run in
    the same order, so equal models give equal digits, and a single row is answered without waking a thread pool.
    Raises ConfigError for a value the estimator refuses.
    """
    if threads is not None and (type(threads) is not int or threads < 1):
        raise ConfigError(f"threads must be a whole number from 1, or null for every core, but got {threads!r}.")
    model = clone(model)
    for estimator in learners(model):
        if key := _threads_key(estimator):
            estimator.set_params(**{key: threads or -1})
        if getattr(estimator, "early_stopping", None) is True and not _can_set_aside(estimator, y):
            estimator.set_params(early_stopping=False)
    limits = threads or min(cpu_count(), 1 + X.size // CELLS_PER_THREAD)
    started = time.perf_counter()
    bound = [estimator for estimator in learners(model) if not _threads_key(estimator)]
    with _pools(type(bound[0]).__module__).limit(limits=limits, user_api="openmp") if bound else nullcontext():
        try:
            model.fit(X, y)
        except (ValueError, TypeError) as error:
            raise ConfigError(_complaint(bare(model), error)) from error
    seconds = time.perf_counter() - started
    for estimator in learners(model):
        if _threads_key(estimator) == "n_jobs":
            estimator.set_params(n_jobs=1)
    if X.size > CELLS_PER_THREAD:
        _give_back()
    return Fitted(model, seconds)


def predict(model: Estimator, X: pd.DataFrame | np.ndarray, *, task: Task, threads: int | None = None) -> np.ndarray:
    """Return predictions for the rows of `X` (n_rows, n_features).

    They are in the target's unit, of shape (n_rows,), or the probabilities of the task's classes, (n_rows, n_classes).
    Every core, or thread, takes a part of many rows; each row is computed by one of them, so the digits don't depend
    on how many there are.
    """
    own = model.predict_proba if task.is_classification else model.predict
    n_parts = min(threads or cpu_count(), 1 + len(X) // ROWS_PER_THREAD)
    if n_parts == 1:
        predicted = np.asarray(own(X))
    else:
        parts = [X[rows.start : rows.stop] for rows in gen_even_slices(len(X), n_parts)]
        with ThreadPoolExecutor(n_parts) as pool:
            predicted = np.concatenate(list(pool.map(own, parts)))
    return _aligned(predicted, model.classes_.tolist(), task) if task.is_classification else predicted


def _aligned(predicted: np.ndarray, known: list[Label], task: Task) -> np.ndarray:
    """Return the probabilities in the order of the task's classes; one that the model never saw gets none."""
    if tuple(known) == task.classes:
        return predicted
    columns = np.zeros((len(predicted), len(task.classes)))
    for position, label in enumerate(task.classes):
        if label in known:
            columns[:, position] = predicted[:, known.index(label)]
    return columns


def _threads_key(estimator: BaseEstimator) -> str | None:
    """Return the parameter that says how many threads an estimator uses, where it has one."""
    return next((key for key in ("n_jobs", "thread_count") if key in estimator.get_params()), None)


def _can_set_aside(estimator: BaseEstimator, y: pd.Series) -> bool:
    """Tell whether there are enough rows for those by which boosting stops early, which hold some of every class."""
    counts = y.value_counts() if is_classifier(estimator) else pd.Series([len(y)])
    return bool(counts.min() > 1 and len(y) * (estimator.validation_fraction or 0.1) >= max(len(counts), 2))


def _give_back() -> None:
    """Return freed memory to the system: glibc would keep what a large fit took, in pieces that the next can't use."""
    with suppress(AttributeError, OSError, TypeError):  # another system's library has no such function, and no need
        ctypes.CDLL(None).malloc_trim(0)


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
