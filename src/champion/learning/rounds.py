"""Decides how many trees boosting takes: a fold's fit ends when the fold's other rows show no gain any more.

The number of trees is a parameter like others, and like others it is chosen by the folds: the model that is put forward
learns from all training rows, with as many trees as the folds took on average.
"""

from collections.abc import Sequence
from statistics import fmean
from typing import TypeAlias

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

Array: TypeAlias = np.ndarray | pd.DataFrame | pd.Series

HISTOGRAM = (HistGradientBoostingRegressor, HistGradientBoostingClassifier)
LIBRARIES = ("xgboost", "lightgbm", "catboost")
TREES = ("n_estimators", "iterations", "max_iter")  # what their number is called
OFF = {"early_stopping": False, "early_stopping_rounds": None}  # what lets them all grow


def stop_early(estimator: BaseEstimator) -> bool:
    """Tell whether fits of `estimator` are to end before it has all its trees: model.early_stopping(_rounds)."""
    if isinstance(estimator, HISTOGRAM):
        return estimator.early_stopping is True
    return _library(estimator) in LIBRARIES and bool(estimator.get_params().get("early_stopping_rounds"))


def fit(estimator: BaseEstimator, X: Array, y: Array, *, watch: tuple[Array, Array]) -> None:
    """Fit on `X` (n_rows, n_features) and `y` (n_rows,) until the rows of `watch`, such a pair too, show no gain."""
    if isinstance(estimator, HISTOGRAM):
        estimator.fit(X, y, X_val=watch[0], y_val=watch[1])
        best = 1 + int(np.argmax(estimator.validation_score_[1:]))  # trees; the first score is that of none
        del estimator._predictors[best:]  # unlike the others, it predicts by those past it too
    elif _library(estimator) == "lightgbm":
        estimator.fit(X, y, eval_X=watch[0], eval_y=watch[1])
    else:
        estimator.fit(X, y, eval_set=[watch], verbose=False)


def taken(estimator: BaseEstimator) -> int:
    """Return the number of trees by which a model fitted by `fit` predicts."""
    if isinstance(estimator, HISTOGRAM):
        return int(estimator.n_iter_)
    if _library(estimator) == "xgboost":
        return int(estimator.best_iteration) + 1
    return int(estimator.tree_count_ if _library(estimator) == "catboost" else estimator.best_iteration_)


def losses(estimator: BaseEstimator) -> np.ndarray:
    """Return what a model fitted by `fit` lost on the watched rows after each of its trees, as its library measures it.

    The array has the shape (n_trees,), those past the best among them.
    """
    if isinstance(estimator, HISTOGRAM):
        return -np.asarray(estimator.validation_score_[1:], dtype="float64")
    if _library(estimator) == "lightgbm":
        kept = estimator.evals_result_
    else:
        kept = estimator.get_evals_result() if _library(estimator) == "catboost" else estimator.evals_result()
    measured = list(kept.values())[-1]  # on the rows learned from, where there are two
    return np.asarray(list(measured.values())[-1], dtype="float64")


def settle(estimator: BaseEstimator, found: Sequence[float] = ()) -> None:
    """Let any fit of `estimator` take as many trees as were `found` on average, or as it may have where none were."""
    if not stop_early(estimator):
        return
    params = estimator.get_params()
    trees = {key: round(fmean(found)) for key in TREES if found and key in params}
    off = {key: value for key, value in OFF.items() if key in params and _library(estimator) != "catboost"}
    estimator.set_params(**trees, **off)  # CatBoost stops early only where it has rows to watch, and knows no null


def _library(estimator: BaseEstimator) -> str:
    return type(estimator).__module__.partition(".")[0]
