"""Decides how a model is judged: which metrics, on which rows; what follows from them is promotion's decision."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from statistics import fmean, median, pstdev

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    mean_absolute_error,
    mean_absolute_percentage_error,
    precision_recall_fscore_support,
    r2_score,
    roc_auc_score,
    root_mean_squared_error,
)
from sklearn.pipeline import Pipeline

from champion.base.errors import ConfigError, ModelError
from champion.base.words import did_you_mean
from champion.data.task import Task
from champion.learning.cores import Each, one_by_one
from champion.learning.pipeline import EncodedFold, fit, predict

NUMBERS: dict[str, Callable[..., float]] = {
    "rmse": root_mean_squared_error,  # unit of the target
    "mae": mean_absolute_error,  # unit of the target
    "mape": mean_absolute_percentage_error,  # a share: 0.2 is 20 %
    "r2": r2_score,  # 1 is perfect, 0 is as good as predicting the mean
}
CLASSES = ("log_loss", "accuracy", "balanced_accuracy", "f1", "roc_auc", "average_precision")
MORE_IS_BETTER = {"r2", *CLASSES[1:]}
SMALLEST = 1e-15  # probability that a class is given at least, or a single surprise would be an infinite loss
TIMED_ROWS = 50
POINTS = 100  # of a curve at most


@dataclass(frozen=True)
class Fold:
    """What one fold showed: its number from 1, the metrics on its validation rows, the seconds of its fit.

    `predicted` is what was predicted for them, of shape (n_rows,), or (n_rows, n_classes); `rounds` the number of trees
    that boosting took, where they chose it, and `losses` what they showed after each, of shape (n_trees,).
    """

    number: int
    metrics: dict[str, float]
    fit_seconds: float
    predicted: np.ndarray = field(default_factory=lambda: np.empty(0), repr=False, compare=False)
    rounds: int | None = None
    losses: np.ndarray = field(default_factory=lambda: np.empty(0), repr=False, compare=False)


def metrics_of(task: Task) -> tuple[str, ...]:
    """Return the names of the metrics that models of this task are judged by."""
    return CLASSES if task.is_classification else tuple(NUMBERS)


def objective(name: str | None, task: Task) -> str:
    """Return the metric of cross-validation that runs are compared by: `name`, or where that is None the task's own.

    Raises ConfigError unless `name` is one of the task's.
    """
    choices = [f"cv_{metric}" for metric in metrics_of(task)]
    if name is None:
        return f"cv_{task.metric}"
    if name not in choices:
        hint = did_you_mean(str(name), choices)
        raise ConfigError(f"objective '{name}' is not one of {', '.join(choices)}, for task {task.name}.{hint}")
    return name


def direction(objective: str) -> str:
    """Return whether a better model has less of the objective, or more: minimize or maximize."""
    return "maximize" if objective.removeprefix("cv_") in MORE_IS_BETTER else "minimize"


def score(y_true: pd.Series, predicted: np.ndarray, task: Task) -> dict[str, float]:
    """Return every metric of predictions of shape (n_rows,) for a target of the same shape.

    For classes they are probabilities of shape (n_rows, n_classes). F1, ROC AUC and average precision are those of
    the positive class of two, and of more than two the mean over the classes that occur.
    """
    if not task.is_classification:
        return {name: float(metric(y_true, predicted)) for name, metric in NUMBERS.items()}
    classes = np.asarray(task.classes)
    chosen = classes[predicted.argmax(axis=1)]
    _, recall, f1, n_rows = precision_recall_fscore_support(y_true, chosen, labels=classes, zero_division=0.0)
    occur = n_rows > 0
    return {
        "log_loss": float(losses(y_true, predicted, task).mean()),
        "accuracy": float(accuracy_score(y_true, chosen)),
        "balanced_accuracy": fmean(recall[occur]),
        "f1": float(f1[-1] if len(classes) == 2 else f1[occur].mean()),
        "roc_auc": _one_against_rest(roc_auc_score, y_true, predicted, task),
        "average_precision": _one_against_rest(average_precision_score, y_true, predicted, task),
    }


def losses(y_true: pd.Series, predicted: np.ndarray, task: Task) -> np.ndarray:
    """Return each row's loss, of shape (n_rows,): the squared error, or minus the logarithm of the true class's share.

    The RMSE is the root of their mean, the log loss their mean. Raises ValueError for a prediction that is no finite
    number.
    """
    if task.is_classification:
        of_true = predicted[np.arange(len(y_true)), pd.Index(task.classes).get_indexer(pd.Index(y_true))]
        lost: np.ndarray = -np.log(np.clip(of_true.astype("float64"), SMALLEST, 1))
    else:
        lost = (y_true.to_numpy(dtype="float64") - predicted) ** 2
    if not np.isfinite(lost).all():
        raise ValueError("a prediction is no finite number")
    return lost


def ms_per_row(model: Pipeline, X: pd.DataFrame) -> float:
    """Return the milliseconds that `model` takes to predict one row alone: the median of a few dozen rows of `X`."""
    seconds = []
    for row in [0, *(number % len(X) for number in range(TIMED_ROWS))]:
        started = time.perf_counter()
        model.predict(X.iloc[[row]])
        seconds.append(time.perf_counter() - started)
    return 1000 * median(seconds[1:])  # the first one finds cold caches


def cross_validate(
    estimator: BaseEstimator,
    folds: Iterable[EncodedFold],
    *,
    task: Task,
    on_fold: Callable[[Fold], None] = lambda _: None,
    each: Each = one_by_one,
) -> list[Fold]:
    """Fit a copy of `estimator` on each fold's training rows and score it on the fold's other rows.

    By these boosting also ends that may stop early. `on_fold` hears of every fold as soon as it and those before are
    done; `each` goes through them, and tells how many threads each has. Raises ModelError where a process that works on
    one is killed.
    """
    done: list[Fold] = []
    try:
        with closing(each(partial(scored, estimator, task=task), folds)) as found:
            for fold in found:
                done.append(replace(fold, number=len(done) + 1))
                on_fold(done[-1])
    except ChildProcessError as error:
        raise ModelError(f"{error} threads=1 fits one fold after the other, without others.") from error
    return done


def scored(estimator: BaseEstimator, fold: EncodedFold, *, task: Task, threads: int | None) -> Fold:
    """Return what a fold shows; which one it is, knows only who goes through them."""
    fitted = fit(estimator, fold.X, fold.y, watch=(fold.X_validation, fold.y_validation), threads=threads)
    predicted = predict(fitted.model, fold.X_validation, task=task, threads=threads)
    return Fold(1, score(fold.y_validation, predicted, task), fitted.seconds, predicted, fitted.rounds, fitted.losses)


def summarise(folds: Sequence[Fold], task: Task) -> dict[str, float]:
    """Return each metric's mean over the folds as `cv_<metric>`, the task's own with its spread, and the fits' time.

    Where boosting stopped early, `cv_rounds` is the mean number of trees.
    """
    means = {f"cv_{name}": fmean(fold.metrics[name] for fold in folds) for name in metrics_of(task)}
    spread = pstdev(fold.metrics[task.metric] for fold in folds)
    rounds = [fold.rounds for fold in folds if fold.rounds]
    return {
        **means,
        f"cv_{task.metric}_std": spread,
        **({"cv_rounds": fmean(rounds)} if rounds else {}),
        "fit_seconds": sum(fold.fit_seconds for fold in folds),
    }


def curves(folds: Sequence[Fold], objective: str) -> Iterator[tuple[str, float, int]]:
    """Yield what the last of the folds so far adds to a run's curves: the name of each, a value, and its step.

    Those are the metrics of each fold, the mean of the objective so far, and what the fold's validation rows showed
    after each tree, by a hundred points at most.
    """
    fold, metric = folds[-1], objective.removeprefix("cv_")
    yield f"{objective}_so_far", fmean(one.metrics[metric] for one in folds), fold.number  # MLflow shows the first one
    for name, found in fold.metrics.items():
        yield f"fold_{name}", found, fold.number
    n_trees = len(fold.losses)
    for position in np.unique(np.linspace(0, n_trees - 1, min(n_trees, POINTS)).round().astype(int)):
        yield f"validation_loss/fold_{fold.number}", float(fold.losses[position]), int(position) + 1


def _one_against_rest(metric: Callable[..., float], y_true: pd.Series, predicted: np.ndarray, task: Task) -> float:
    """Return the metric of the positive class of two, or the mean over the classes of which there are some, not all.

    Rows of a single class can't be ranked wrongly, but say nothing either: they count as a guess, 0.5.
    """
    looked_for = task.classes[-1:] if len(task.classes) == 2 else task.classes
    found = []
    for position, label in enumerate(task.classes):
        is_it = (y_true == label).to_numpy()
        if label in looked_for and 0 < is_it.sum() < len(is_it):
            found.append(float(metric(is_it, predicted[:, position])))
    return fmean(found) if found else 0.5
