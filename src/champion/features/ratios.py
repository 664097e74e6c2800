"""Decides which columns are worth dividing by each other: those that grow together, as rooms and households do."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from champion.features.numbers import OfNumbers

GROW_TOGETHER = 0.7  # correlation of their logarithms


def related(X: pd.DataFrame, *, most: int) -> list[tuple[str, str]]:
    """Return the pairs of positive columns of `X` whose logarithms correlate, the closest ones first.

    Where there are more than `most`, the columns are many measures of one thing rather than parts of each other, and
    none is returned: they would add more noise than knowledge.
    """
    positive = [name for name in X.columns if X[name].min() > 0 and X[name].nunique() > 2]
    together = X[positive].astype(float).transform(np.log).corr(min_periods=3).to_numpy()
    pairs = [pair for pair in combinations(range(len(positive)), 2) if together[pair] >= GROW_TOGETHER]
    closest = sorted(pairs, key=lambda pair: -together[pair])
    return [(positive[one], positive[other]) for one, other in closest] if len(pairs) <= most else []


def divided(values: np.ndarray, pairs: Sequence[tuple[int, int]]) -> np.ndarray:
    """Return the first column of each pair divided by the second, (n_rows, n_pairs); by zero it is NaN."""
    above, below = (values[:, [pair[side] for pair in pairs]] for side in (0, 1))
    found: np.ndarray = np.divide(above, below, out=np.full(above.shape, np.nan), where=below != 0)
    return found


def ratio_names(names: Sequence[str], pairs: Sequence[tuple[int, int]]) -> list[str]:
    """Name each ratio after its columns, as in rooms_per_household."""
    return [f"{names[one]}_per_{names[other]}" for one, other in pairs]


class Ratios(OfNumbers):
    """The first column of each pair divided by the second, of shape (n_rows, n_pairs).

    `pairs` are positions among the columns that it is given. What is divided by zero is missing.
    """

    def __init__(self, pairs: Sequence[tuple[int, int]]) -> None:
        self.pairs = pairs

    def fit(self, X: pd.DataFrame, y: object = None) -> "Ratios":  # noqa: ARG002
        """Learn nothing but the columns' names."""
        self._learned(X)
        return self

    def transform_numbers(self, X: np.ndarray) -> np.ndarray:
        """Return the ratios."""
        return divided(np.asarray(X, dtype=float), self.pairs)

    def _names(self, given: Sequence[str]) -> list[str]:
        return ratio_names(given, self.pairs)
