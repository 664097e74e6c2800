"""Decides how a served model predicts few rows soon: its own steps on its own columns, without the way round.

Two thirds of what scikit-learn's ColumnTransformer takes for a single row goes into asking which column is where. Here
that is known beforehand, so each fitted transformer gets its columns at once.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from champion.data.task import Task
from champion.features import OfNumbers, named
from champion.learning import pipeline

Columns = Mapping[str, np.ndarray | pd.Series]


class Scorer:
    """Predicts what `model` predicts, to the last digit: where the short way differs on `example`, it isn't taken."""

    def __init__(self, model: Pipeline, example: pd.DataFrame, task: Task) -> None:
        self._model = model
        self._task = task
        self._blocks = _blocks(model)
        self._is_short = self._blocks is not None and self._agrees(example)

    def predict(self, columns: Columns) -> np.ndarray:
        """Return predictions for columns of shape (n_rows,): as many, or probabilities of shape (n_rows, n_classes)."""
        n_rows = len(next(iter(columns.values())))
        if self._is_short and n_rows <= pipeline.ROWS_PER_THREAD:
            return self._predict_soon(columns)
        return pipeline.predict(self._model, pd.DataFrame(columns), task=self._task)

    def _predict_soon(self, columns: Columns) -> np.ndarray:
        encoded = []
        for transformer, names in self._blocks or ():
            block = [columns[name] for name in named(names)]
            if isinstance(transformer, FunctionTransformer) and transformer.func is None:
                encoded.append(np.column_stack(block))
            elif isinstance(names, str):
                encoded.append(np.asarray(transformer.transform(pd.Series(block[0], name=names))))
            elif isinstance(transformer, OfNumbers):
                encoded.append(transformer.transform_numbers(np.column_stack(block)))
            else:
                encoded.append(transformer.transform(pd.DataFrame(dict(zip(names, block, strict=True)))))
        return pipeline.predict(self._model.steps[-1][1], np.hstack(encoded), task=self._task)

    def _agrees(self, example: pd.DataFrame) -> bool:
        try:
            soon = self._predict_soon({str(name): example[name] for name in example.columns})
        except Exception:  # whatever goes wrong on the short way, the long one is there
            return False
        return bool(np.array_equal(soon, pipeline.predict(self._model, example, task=self._task)))


def _blocks(model: Pipeline) -> Sequence[tuple[FunctionTransformer, list[str] | str]] | None:
    """Return each fitted transformer with the names of its columns; None for a model of another make."""
    features = model.steps[0][1]
    if len(model.steps) != 2 or not isinstance(features, ColumnTransformer) or features.sparse_output_:
        return None
    return [(transformer, names) for _, transformer, names in features.transformers_ if len(names)]
