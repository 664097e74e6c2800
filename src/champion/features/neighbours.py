"""Decides which training rows are around a row, and what their target says of it.

A description of neighbours is a transformer that is fitted on training rows, and doesn't take a training row for its
own neighbour: what it tells of them is what it will tell of new ones.
"""

from abc import abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import Any, Self

import numpy as np
import pandas as pd
from scipy.spatial import KDTree
from sklearn.utils import Tags

from champion.features.places import OfPlaces
from champion.features.ratios import divided

AT_ONCE = 512  # rows whose neighbours are looked at together, to need little memory


class Neighbours(OfPlaces):
    """A description of each row by the training rows that are nearest, NaN for a row without a place.

    The first two columns are latitude and longitude in degrees. `fit_transform` leaves each row itself out; rows at the
    very same place are neighbours like others.
    """

    n_neighbours: Any  # how many are looked at; of several numbers, the largest

    def fit(self, X: pd.DataFrame, y: pd.Series | None = None) -> Self:
        """Keep where the rows of `X` (n_rows, n_columns) are, and what is told of them, as of their targets `y`."""
        self._fitted(X, y)
        return self

    def fit_transform(self, X: pd.DataFrame, y: pd.Series | None = None) -> np.ndarray:
        """Describe the training rows themselves, each by the others."""
        return self._described(self._fitted(X, y), own=1)

    def transform_numbers(self, X: np.ndarray) -> np.ndarray:
        """Describe rows that training didn't have."""
        return self._described(X, own=0)

    def _fitted(self, X: pd.DataFrame, y: pd.Series | None) -> np.ndarray:
        numbers, told = self._taught(X, y)
        self._learn(numbers, told)
        places = self._placed(numbers)
        known = np.isfinite(places).all(axis=1)
        self.places_, self.told_ = places[known], told[known]
        self._tree = KDTree(self.places_)
        return numbers

    @abstractmethod
    def _taught(self, X: pd.DataFrame, y: pd.Series | None) -> tuple[np.ndarray, np.ndarray]:
        """Return the numbers of training rows, and what they tell their neighbours, of shape (n_rows, n_told)."""

    @abstractmethod
    def _summed_up(self, km: np.ndarray, near: np.ndarray) -> np.ndarray:
        """Return what is made of distances and positions of neighbours, of shape (n_rows, n_near) each."""

    def _learn(self, X: np.ndarray, told: np.ndarray) -> None:  # noqa: ARG002
        """Learn what `_placed` needs."""
        self._learn_width(X)

    def _placed(self, X: pd.DataFrame | np.ndarray) -> np.ndarray:
        """Return where each row is, of shape (n_rows, n_dimensions), in kilometres."""
        return self._km(X)

    def _numbers(self, X: pd.DataFrame | np.ndarray) -> np.ndarray:
        """Return the numbers that follow the place and, behind them, their ratios: (n_rows, n_numbers + n_pairs)."""
        numbers = np.asarray(X, dtype=float)[:, self.first :]
        return np.hstack([numbers, divided(numbers, self.pairs)])

    def _described(self, X: np.ndarray, *, own: int) -> np.ndarray:
        places = self._placed(X)
        known, others = np.isfinite(places).all(axis=1), len(self.places_) - own
        if not known.any() or others < 1:
            return np.full((len(places), len(self.get_feature_names_out())), np.nan)
        km, near = self._nearest(places[known], min(int(np.max(self.n_neighbours)), others), own=own)
        parts = [slice(start, start + AT_ONCE) for start in range(0, len(near), AT_ONCE)]
        found = np.vstack([self._summed_up(km[part], near[part]) for part in parts])
        described = np.full((len(places), found.shape[1]), np.nan)
        described[known] = found
        return described

    @cached_property
    def _tree(self) -> KDTree:
        """The tree by which neighbours are found, grown again when a copy first needs it."""
        return KDTree(self.places_)

    def _nearest(self, places: np.ndarray, most: int, *, own: int) -> tuple[np.ndarray, np.ndarray]:
        """Return distances and positions of the nearest training rows, (n_rows, most) each, but for `own` oneself."""
        km, near = self._tree.query(places, k=range(1, most + own + 1))
        if not own:
            return km, near
        oneself = near == np.arange(len(places))[:, None]
        oneself[~oneself.any(axis=1), -1] = True  # so many at the same place that it isn't among them
        return km[~oneself].reshape(-1, most), near[~oneself].reshape(-1, most)

    def __getstate__(self) -> dict[str, object]:
        """Leave the tree out: it is grown again from the places when it is needed."""
        return {key: value for key, value in super().__getstate__().items() if key != "_tree"}


class OfTarget(Neighbours):
    """A description by the target of the neighbours: with `classes` a 0/1 column for each, or for the second of two."""

    classes: bool

    def _taught(self, X: pd.DataFrame, y: pd.Series | None) -> tuple[np.ndarray, np.ndarray]:
        numbers, told = self._learned(X, y)
        if not self.classes:
            return numbers, np.asarray(told, dtype=float)[:, None]
        indicators = pd.get_dummies(pd.Series(told)).to_numpy(dtype=float)
        return numbers, indicators[:, 1:] if indicators.shape[1] == 2 else indicators

    def __sklearn_tags__(self) -> Tags:
        """Tell scikit-learn that there is nothing to learn without a target."""
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags


class NeighboursTarget(OfTarget):
    """What the target of the nearest training rows is: means of several numbers of them, spread and distance.

    Gives an array of shape (n_rows, n_targets * (len(n_neighbours) + 2) + 2).
    """

    def __init__(self, n_neighbours: Sequence[int] = (5, 15, 50), *, classes: bool = False) -> None:
        self.n_neighbours = n_neighbours
        self.classes = classes

    def _names(self, given: Sequence[str]) -> list[str]:  # noqa: ARG002
        """Name the columns after what they hold."""
        several = self.told_.shape[1] > 1
        names = [
            f"{what}_of_neighbours{f'_{target}' if several else ''}"
            for what in (*(f"mean_of_{n}" for n in self.n_neighbours), "weighted_mean", "spread")
            for target in range(self.told_.shape[1])
        ]
        return [*names, "km_to_nearest_neighbour", "km_to_farther_neighbour"]

    def _summed_up(self, km: np.ndarray, near: np.ndarray) -> np.ndarray:
        targets = self.told_[near]
        middle = min(sorted(self.n_neighbours)[len(self.n_neighbours) // 2], km.shape[1])
        weights = 1 / (km[:, :middle, None] + 1)
        middling = targets[:, :middle]
        means = [targets[:, :n].mean(axis=1) for n in self.n_neighbours]
        weighted = (weights * middling).sum(axis=1) / weights.sum(axis=1)
        return np.column_stack([*means, weighted, middling.std(axis=1), km[:, 0], km[:, middle - 1]])
