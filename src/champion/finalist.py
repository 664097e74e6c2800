"""Decides what a finished configuration puts forward: one model, fitted on all training rows and judged once.

The held-out rows are read here, and once more where the finalist meets the champion (promotion/).
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.pipeline import Pipeline

from champion import evaluation, explanation, pictures, pipeline, report
from champion.data import Dataset


@dataclass(frozen=True)
class Finalist:
    """A fitted model with its predictions and metrics on the held-out rows, the latter as `test_<metric>`.

    `predicted` has the shape (n_held_out_rows,), in the target's unit, or (n_held_out_rows, n_classes) for the
    probabilities of classes; `files` explain the model.
    """

    model: Pipeline
    fit_seconds: float
    predicted: np.ndarray
    metrics: dict[str, float]
    files: list[Path]


def prepare(
    unfitted: Pipeline, train: Dataset, test: Dataset, *, threads: int | None, seed: int, folder: Path
) -> Finalist:
    """Fit on `train`, score on `test`, and write into `folder` what explains the model."""
    fitted = pipeline.fit(unfitted, train.X, train.y, threads=threads)
    predicted = pipeline.predict(fitted.model, test.X, task=test.task)
    metrics = {f"test_{name}": value for name, value in evaluation.score(test.y, predicted, test.task).items()}
    importance = report.feature_importance(fitted.model, test, seed=seed)
    files = [*report.write_importance(folder, importance, test), *pictures.held_out(folder, test, predicted)]
    files += explanation.write(folder, fitted.model, test, predicted, seed=seed)
    return Finalist(fitted.model, fitted.seconds, predicted, metrics, files)
