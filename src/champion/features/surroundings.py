"""Decides how a row stands out from where it is: a large house is another one among small than among large houses."""

from collections.abc import Sequence
from typing import Self

import numpy as np
import pandas as pd

from champion.features.neighbours import Neighbours
from champion.features.ratios import ratio_names, with_ratios


class Surroundings(Neighbours):
    """By how much numbers of a row exceed the mean of those of the training rows around it, whatever their targets.

    The columns are latitude and longitude in degrees, and then numbers, of which `pairs` are positions whose ratios
    count as numbers, too. Gives an array of shape (n_rows, n_numbers + n_pairs), NaN for a missing number or place.
    """

    def __init__(self, n_neighbours: int = 15, *, pairs: Sequence[tuple[int, int]] = ()) -> None:
        self.n_neighbours = n_neighbours
        self.pairs = pairs

    def fit(self, X: pd.DataFrame, y: pd.Series) -> Self:
        """Keep where the rows of `X` (n_rows, 2 + n_numbers) are, and their numbers; no target is looked at."""
        self.names_ = [str(name) for name in getattr(X, "columns", range(X.shape[1]))][2:]
        return super().fit(X, y)

    def get_feature_names_out(self, _: object = None) -> np.ndarray:
        """Name each difference after its number, as in rooms_above_neighbours."""
        numbers = [*self.names_, *ratio_names(self.names_, self.pairs)]
        return np.array([f"{name}_above_neighbours" for name in numbers], dtype=object)

    @property
    def _most(self) -> int:
        return self.n_neighbours

    @property
    def _n_columns(self) -> int:
        return int(self.told_.shape[1])

    def _told(self, X: pd.DataFrame, y: pd.Series) -> np.ndarray:  # noqa: ARG002
        return self._numbers(X)

    def _numbers(self, X: pd.DataFrame) -> np.ndarray:
        return with_ratios(np.asarray(X, dtype=float)[:, 2:], self.pairs)

    def _described(self, X: pd.DataFrame, *, own: int) -> np.ndarray:
        difference: np.ndarray = self._numbers(X) - super()._described(X, own=own)
        return difference

    def _summed_up(self, km: np.ndarray, near: np.ndarray) -> np.ndarray:  # noqa: ARG002
        """Return the mean of the numbers that are there, of shape (n_rows, n_numbers)."""
        numbers = self.told_[near]
        there = np.isfinite(numbers)
        of = there.sum(axis=1)
        total = np.where(there, numbers, 0.0).sum(axis=1)
        found: np.ndarray = np.divide(total, of, out=np.full(total.shape, np.nan), where=of > 0)
        return found
