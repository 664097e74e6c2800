"""Decides what a finished configuration puts forward: one model, fitted on all training rows and judged once.

The held-out rows are read here, and once more where the finalist meets the champion (promotion/).
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np
from sklearn.pipeline import Pipeline

from champion import cores, evaluation, explanation, pictures, pipeline, report
from champion.data import Dataset

IMPORTS = ("champion.finalist", "matplotlib.figure", "matplotlib.backends.backend_agg", "shap")  # of what explains


@dataclass(frozen=True)
class Finalist:
    """A fitted model with its predictions and metrics on the held-out rows, the latter as `test_<metric>`.

    `predicted` has the shape (n_held_out_rows,), in the target's unit, or (n_held_out_rows, n_classes) for the
    probabilities of classes; `files` explain the model, and may still be written when they are asked for.
    """

    model: Pipeline
    fit_seconds: float
    predicted: np.ndarray
    metrics: dict[str, float]
    files: Iterable[Path]


def prepare(
    unfitted: Pipeline, train: Dataset, test: Dataset, *, threads: int | None, seed: int, folder: Path
) -> Finalist:
    """Fit on `train`, score on `test`, and begin to write into `folder` what explains the model."""
    cores.load_beside(IMPORTS)
    fitted = pipeline.fit(unfitted, train.X, train.y, threads=threads)
    model, predicted = fitted.model, pipeline.predict(fitted.model, test.X, task=test.task)
    metrics = {f"test_{name}": value for name, value in evaluation.score(test.y, predicted, test.task).items()}
    parts = [  # the longest first
        partial(explanation.write_shap, folder, model, test, seed=seed),
        partial(report.write_importance, folder, model, test, seed=seed),
        partial(explanation.write_errors, folder, test, predicted),
        partial(pictures.held_out, folder, test, predicted),
    ]
    each, _ = cores.side_by_side(train.X.size, len(parts), cores=lambda: threads)
    return Finalist(model, fitted.seconds, predicted, metrics, _files(each(_written, parts)))


def _files(written: Iterable[list[Path]]) -> Iterator[Path]:
    """Yield what is written; no model loses its place for what explains it."""
    try:
        yield from chain.from_iterable(written)
    except ChildProcessError as error:
        logging.getLogger(__name__).warning(f"Not all is there that explains the model: {error}")


def _written(part: Callable[[], list[Path]], **_: object) -> list[Path]:
    return part()
