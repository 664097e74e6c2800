"""Decides what every model must beat: a prediction that looks at no column, and a straight line through all of them.

Both are scored as trials are, on the same rows; whether a model is good enough is for those who read the numbers.
"""

import warnings
from collections.abc import Iterable
from dataclasses import dataclass, replace
from statistics import pstdev

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from champion.base.errors import ConfigError
from champion.data.task import Task
from champion.learning import evaluation
from champion.learning.evaluation import Fold
from champion.learning.learner import for_task
from champion.learning.pipeline import EncodedFold

CELLS = 1_000_000  # of a fold that a line is drawn through: more rows hardly move it
PENALTIES = np.logspace(-2, 4, 7)  # of ridge regression, one of which is chosen on the rows learned from
STEPS, NEAR = 200, 1e-3  # of the solver of logistic regression: how many at most, and how near it has to come


@dataclass(frozen=True)
class Baseline:
    """What it is called, how it predicts, and its metrics: those of a trial, and the spread of each over the folds."""

    name: str
    how: str
    metrics: dict[str, float]


def cross_validate(folds: Iterable[EncodedFold], task: Task, *, threads: int | None = None) -> list[Baseline]:
    """Score the baselines on each fold, in a second or two.

    One that can't be computed, as with numbers too large to be added up, is left out.
    """
    baselines = _baselines(task)
    scored: dict[str, list[Fold | None]] = {name: [] for name in baselines}
    for fold in folds:
        less = _fewer_rows(fold)
        for name, (estimator, _) in baselines.items():
            scored[name].append(_score(estimator, less if name == "linear" else fold, task, threads=threads))
    found = []
    for name, (_, how) in baselines.items():
        done = [fold for fold in scored[name] if fold]
        if len(done) == len(scored[name]):
            found.append(Baseline(name, how, _metrics(done, task)))
    return found


def _baselines(task: Task) -> dict[str, tuple[BaseEstimator, str]]:
    """Return the estimator of each baseline by its name, and how it predicts."""
    if not task.is_classification:
        line = _line(RidgeCV(alphas=PENALTIES))
        return {"mean": (DummyRegressor(), "the mean for every row"), "linear": (line, "ridge regression")}
    prior, line = DummyClassifier(strategy="prior"), _line(LogisticRegression(max_iter=STEPS, tol=NEAR))
    return {
        "shares": (for_task(task, prior), "every class as often as it occurs"),
        "linear": (for_task(task, line), "logistic regression"),
    }


def _line(estimator: BaseEstimator) -> Pipeline:
    """Return a linear model to which the scales of the columns are one, and a gap is the column's median."""
    gaps = SimpleImputer(strategy="median", keep_empty_features=True)
    return Pipeline([("gaps", gaps), ("scale", StandardScaler()), ("model", estimator)])


def _fewer_rows(fold: EncodedFold) -> EncodedFold:
    """Return the fold with as many rows to learn from, drawn at random, as `CELLS` allows."""
    n_rows, n_columns = fold.X.shape
    most = max(CELLS // max(n_columns, 1), 1)
    if n_rows <= most:
        return fold
    rows = np.random.default_rng(0).permutation(n_rows)[:most]
    return replace(fold, X=fold.X[rows], y=fold.y.iloc[rows])


def _score(estimator: BaseEstimator, fold: EncodedFold, task: Task, *, threads: int | None) -> Fold | None:
    """Return what a fold shows; sums of small matrices are done before a second thread has woken."""
    try:
        with warnings.catch_warnings(), threadpool_limits(1, user_api="blas"):
            warnings.simplefilter("ignore")  # a solver that didn't arrive, sums that overflow: good enough, or left out
            return evaluation.scored(estimator, fold, task=task, threads=threads)
    except (ConfigError, ValueError, TypeError):
        return None


def _metrics(folds: list[Fold], task: Task) -> dict[str, float]:
    spread = {f"cv_{name}_std": pstdev(fold.metrics[name] for fold in folds) for name in evaluation.metrics_of(task)}
    return spread | evaluation.summarise(folds, task)
