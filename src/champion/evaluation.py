"""Decides how a model is judged: which metrics, on which rows; what follows from them is promotion's decision."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import fmean, median, pstdev

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.metrics import (
    mean_absolute_error,
    mean_absolute_percentage_error,
    r2_score,
    root_mean_squared_error,
)
from sklearn.pipeline import Pipeline

from champion.errors import ConfigError, did_you_mean
from champion.pipeline import EncodedFold, fit, predict

METRICS: dict[str, Callable[..., float]] = {
    "rmse": root_mean_squared_error,  # unit of the target
    "r2": r2_score,  # 1 is perfect, 0 is as good as predicting the mean
    "mae": mean_absolute_error,  # unit of the target
    "mape": mean_absolute_percentage_error,  # a share: 0.2 is 20 %
}
TIMED_ROWS = 50


@dataclass(frozen=True)
class Fold:
    """What one fold showed: its number from 1, the metrics on its validation rows, the seconds of its fit."""

    number: int
    metrics: dict[str, float]
    fit_seconds: float


def check_objective(name: str) -> None:
    """Raise ConfigError unless `name` is one of the metrics that cross-validation yields."""
    choices = [f"cv_{metric}" for metric in METRICS]
    if name not in choices:
        raise ConfigError(f"objective '{name}' is not one of {', '.join(choices)}.{did_you_mean(name, choices)}")


def direction(objective: str) -> str:
    """Return whether a better model has less of the objective, or more: minimize or maximize."""
    return "maximize" if objective == "cv_r2" else "minimize"


def score(y_true: pd.Series, y_pred: np.ndarray) -> dict[str, float]:
    """Return every metric of predictions of shape (n_rows,) for a target of the same shape."""
    return {name: float(metric(y_true, y_pred)) for name, metric in METRICS.items()}


def losses(y_true: pd.Series, y_pred: np.ndarray) -> np.ndarray:
    """Return each row's squared error, of shape (n_rows,); the RMSE is the root of their mean.

    Raises ValueError for a prediction that is no finite number.
    """
    squared: np.ndarray = (y_true.to_numpy(dtype="float64") - y_pred) ** 2
    if not np.isfinite(squared).all():
        raise ValueError("a prediction is no finite number")
    return squared


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
    threads: int | None = None,
    on_fold: Callable[[Fold], None] = lambda _: None,
) -> list[Fold]:
    """Fit a copy of `estimator` on each fold's training rows and score it on the fold's other rows.

    `on_fold` hears of every fold as soon as it is done.
    """
    done = []
    for number, fold in enumerate(folds, start=1):
        fitted = fit(estimator, fold.X, fold.y, threads=threads)
        predicted = predict(fitted.model, fold.X_validation, threads=threads)
        done.append(Fold(number, score(fold.y_validation, predicted), fitted.seconds))
        on_fold(done[-1])
    return done


def summarise(folds: list[Fold]) -> dict[str, float]:
    """Return each metric's mean over the folds as `cv_<metric>`, the RMSE's spread, and the seconds spent fitting."""
    means = {f"cv_{name}": fmean(fold.metrics[name] for fold in folds) for name in METRICS}
    spread = pstdev(fold.metrics["rmse"] for fold in folds)
    return means | {"cv_rmse_std": spread, "fit_seconds": sum(fold.fit_seconds for fold in folds)}
