"""Decides how features and estimator become one model, what a fold is to it, and how many threads a fit may use."""

import re
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import cache
from typing import TypeAlias

import numpy as np
import pandas as pd
from joblib import cpu_count
from sklearn.base import BaseEstimator, clone
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import VotingClassifier, VotingRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import LabelEncoder
from sklearn.utils import Bunch, gen_even_slices
from threadpoolctl import ThreadpoolController

from champion.base.errors import ConfigError
from champion.base.words import Label
from champion.data import Dataset
from champion.data.memory import give_back
from champion.data.task import Task
from champion.features import Standardised
from champion.learning import cores, rounds
from champion.learning.learner import Estimator, bare, learners

Rows: TypeAlias = pd.DataFrame | np.ndarray
Target: TypeAlias = pd.Series | np.ndarray
Watch: TypeAlias = tuple[np.ndarray, Target]  # rows and targets by which boosting stops early

OPENMP = ("xgboost", "lightgbm")  # which have a parameter for their threads, too
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
    """A fitted model that predicts in the target's unit, or the labels of classes, and what it took in seconds.

    `rounds` is the number of trees after which its fit ended early, where it did, and `losses` what the rows that it
    watched showed after each tree, of shape (n_trees,).
    """

    model: Estimator
    seconds: float
    rounds: int | None = None
    losses: np.ndarray = field(default_factory=lambda: np.empty(0), repr=False)


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
            X = own.fit_transform(learned.X, Standardised().learn(y).standardise(y) if learned.task.far else y)
        except (ValueError, TypeError) as error:
            reason = str(error).strip().partition("\n")[0].rstrip(".")
            raise ConfigError(f"The features can't be fitted: {reason}.") from error
        del learned  # before the other rows are taken
        validation = self.train.take(validation_rows)
        return EncodedFold(X, y, own.transform(validation.X), validation.y)


def fit(
    model: Estimator,
    X: Rows,
    y: pd.Series,
    *,
    watch: Watch | None = None,
    threads: int | None = None,
) -> Fitted:
    """Fit a copy of a pipeline, or of a bare estimator, with at most `threads` CPU threads (None: all that help).

    Members of a team are fitted side by side, with a thread each: that is sooner than one after the other with many.
    `X` has the shape (n_rows, n_features), `y` (n_rows,); `watch` is another such pair: a bare estimator that may stop
    early does so when these rows show no gain any more. The copy predicts with one thread: sums then always run in the
    same order, so equal models give equal digits, and a single row is answered without waking a thread pool.
    Raises ConfigError for a value the estimator refuses.
    """
    cores.check(threads)
    model = clone(model)
    started = time.perf_counter()
    try:
        told: Target = y
        learner = model[-1] if isinstance(model, Pipeline) else model
        if isinstance(learner, Standardised):
            told = learner.learn(y).standardise(y)
            watch = watch and (watch[0], learner.standardise(watch[1]))
            learner.regressor_ = clone(learner.regressor)
            learner = learner.regressor_
        encoded = model[:-1].fit_transform(X, told) if isinstance(model, Pipeline) else X  # features see the target
        _fit(learner, encoded, told, watch=watch, threads=threads)
    except (ValueError, TypeError) as error:
        raise ConfigError(_complaint(bare(model), error)) from error
    seconds = time.perf_counter() - started
    if X.size > cores.CELLS_PER_THREAD:
        give_back()
    if not (watch and rounds.stop_early(bare(model))):
        return Fitted(model, seconds)
    return Fitted(model, seconds, rounds.taken(bare(model)), rounds.losses(bare(model)))


def _fit(model: BaseEstimator, X: Rows, y: Target, *, watch: Watch | None, threads: int | None) -> None:
    """Fit an estimator, or all those of a vote, and tell the vote what it would have learned by fitting them itself."""
    estimators, labels = learners(model), None
    if isinstance(model, VotingClassifier):
        labels = LabelEncoder().fit(y)
        if watch:
            known = np.isin(watch[1], labels.classes_)
            watch = watch[0][known], labels.transform(watch[1][known])
    target = y if labels is None else labels.transform(y)
    if len(estimators) == 1:
        _fit_learner(estimators[0], X, target, watch=watch, threads=threads)
    else:
        with ThreadPoolExecutor(threads or cpu_count()) as pool:
            list(pool.map(lambda one: _fit_learner(one, X, target, watch=watch, threads=1), estimators))
    if isinstance(model, VotingClassifier | VotingRegressor):
        model.estimators_ = estimators
        model.named_estimators_ = Bunch(**dict(model.estimators))
    if labels is not None:
        model.le_, model.classes_ = labels, labels.classes_


def _fit_learner(estimator: BaseEstimator, X: Rows, y: Target, *, watch: Watch | None, threads: int | None) -> None:
    key = next((name for name in ("n_jobs", "thread_count") if name in estimator.get_params()), None)
    bounds = nullcontext()
    if key:
        openmp = type(estimator).__module__.partition(".")[0] in OPENMP
        estimator.set_params(**{key: threads or (cores.threads(X.size) if openmp else -1)})
    else:
        limits = threads or cores.threads(X.size)
        bounds = _pools(type(estimator).__module__).limit(limits=limits, user_api="openmp")
    with bounds:
        if watch and rounds.stop_early(estimator):
            rounds.fit(estimator, X, y, watch=watch)
        else:
            rounds.settle(estimator)
            estimator.fit(X, y)
    if key == "n_jobs":
        estimator.set_params(n_jobs=1)


def predict(model: Estimator, X: Rows, *, task: Task, threads: int | None = None) -> np.ndarray:
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
