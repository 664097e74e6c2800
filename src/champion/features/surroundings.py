"""Decides how a row stands out from where it is: a large house is another one among small than among large houses."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from champion.features.neighbours import Neighbours
from champion.features.ratios import ratio_names


class Surroundings(Neighbours):
    """By how much numbers of a row exceed the mean of those of the training rows around it, whatever their targets.

    The columns are latitude and longitude in degrees, and then numbers, of which `pairs` are positions whose ratios
    count as numbers, too. Gives an array of shape (n_rows, n_numbers + n_pairs), NaN for a missing number or place.
    """

    def __init__(self, n_neighbours: int = 15, *, pairs: Sequence[tuple[int, int]] = ()) -> None:
        self.n_neighbours = n_neighbours
        self.pairs = pairs

    def _names(self, given: Sequence[str]) -> list[str]:
        """Name each difference after its number, as in rooms_above_neighbours."""
        numbers = given[2:]
        return [f"{name}_above_neighbours" for name in (*numbers, *ratio_names(numbers, self.pairs))]

    def _taught(self, X: pd.DataFrame, y: pd.Series | None) -> tuple[np.ndarray, np.ndarray]:  # noqa: ARG002
        learned = self._learned(X)
        return learned, self._numbers(learned)

    def _described(self, X: np.ndarray, *, own: int) -> np.ndarray:
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
