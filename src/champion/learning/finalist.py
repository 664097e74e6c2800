"""Decides what a finished configuration puts forward: one model, fitted on all training rows and judged once.

The held-out rows are read here, and once more where the finalist meets the champion (promotion/).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline

from champion.learning import evaluation, learner, pipeline
from champion.learning.evaluation import Fold
from champion.learning.preparation import Prepared


@dataclass(frozen=True)
class Finalist:
    """A fitted model with its predictions and metrics on the held-out rows, the latter as `test_<metric>`.

    `predicted` has the shape (n_held_out_rows,), in the target's unit, or (n_held_out_rows, n_classes) for the
    probabilities of classes.
    """

    model: Pipeline
    fit_seconds: float
    predicted: np.ndarray
    metrics: dict[str, float]


def fit(
    estimator: BaseEstimator, table: Prepared, folds: Sequence[Fold] = (), *, threads: int | None = None
) -> Finalist:
    """Fit on all training rows of the table, with as many rounds as the folds took, and score the rows held out."""
    unfitted = pipeline.build(table.features, learner.settled(estimator, [fold.rounds for fold in folds]))
    fitted = pipeline.fit(unfitted, table.train.X, table.train.y, threads=threads)
    test = table.test
    predicted = pipeline.predict(fitted.model, test.X, task=test.task)
    metrics = {f"test_{name}": value for name, value in evaluation.score(test.y, predicted, test.task).items()}
    return Finalist(fitted.model, fitted.seconds, predicted, metrics)
