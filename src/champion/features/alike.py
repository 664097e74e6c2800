"""Decides which training rows are like another one: those that are near it, and are of its kind.

A large house between small ones sells for what large houses do elsewhere in town. Source for the idea: retrieval, as in
Gorishniy and others, TabR: Tabular Deep Learning Meets Nearest Neighbors, ICLR 2024; here without a network.
"""

from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
import pandas as pd
from scipy.spatial import KDTree

from champion.features.places import NeighboursTarget
from champion.features.ratios import divided

MOST = 6  # numbers by which rows are alike, those that say most of the target
SCORES = np.array([NormalDist().inv_cdf((n + 0.5) / 201) for n in range(201)])  # of steps with as many rows each
ENOUGH = 1000  # rows that tell how far neighbours are


class AlikeTarget(NeighboursTarget):
    """What the target of the training rows is that are near and of the same kind: of NeighboursTarget's shape.

    The columns are latitude and longitude in degrees, and then numbers, of which `pairs` are positions whose ratios
    count as numbers, too. Ranks of the numbers are further dimensions beside the place, each as wide as its rank
    correlation with the target is strong: to be unlike by a standard deviation of the first is to be `far` times as far
    as a usual neighbour is. A missing number is a middling one.
    """

    whom = "alike"

    def __init__(
        self,
        n_neighbours: Sequence[int] = (5, 15, 50),
        *,
        far: float = 2.0,
        pairs: Sequence[tuple[int, int]] = (),
        classes: bool = False,
    ) -> None:
        super().__init__(n_neighbours, classes=classes)
        self.far = far
        self.pairs = pairs

    def _learn(self, X: pd.DataFrame, targets: np.ndarray) -> None:
        """Learn which numbers of `X` (n_rows, 2 + n_numbers) make a kind, and how far kinds are apart."""
        super()._learn(X, targets)
        numbers = self._numbers(X)
        self.steps_ = _steps(numbers)
        told = _correlation(_ranked(numbers, self.steps_), targets)
        self.chosen_ = np.argsort(-told, kind="stable")[:MOST]
        self.steps_ = self.steps_[:, self.chosen_]
        km = self._km(X)
        usual = usual_distance(KDTree(km[np.isfinite(km).all(axis=1)]), self._middle)
        self.widths_ = self.far * usual * told[self.chosen_] / told.max(initial=1e-9)

    def _placed(self, X: pd.DataFrame) -> np.ndarray:
        kind = _ranked(self._numbers(X)[:, self.chosen_], self.steps_)
        return np.hstack([self._km(X), self.widths_ * kind])

    def _numbers(self, X: pd.DataFrame) -> np.ndarray:
        numbers = np.asarray(X, dtype=float)[:, 2:]
        return np.hstack([numbers, divided(numbers, self.pairs)])


def usual_distance(tree: KDTree, number: int) -> float:
    """Return the median distance from a place in the tree to its neighbour of this number."""
    if tree.n < 2:
        return 0.0
    some = tree.data[:: max(tree.n // ENOUGH, 1)]
    apart, _ = tree.query(some, k=min(number + 1, tree.n))
    return float(np.median(apart[:, -1]))


def _steps(numbers: np.ndarray) -> np.ndarray:
    """Return the number at each step of a column's scale, of shape (n_steps, n_columns); 0 where all are missing."""
    steps = np.zeros((len(SCORES), numbers.shape[1]))
    for column in np.flatnonzero(np.isfinite(numbers).any(axis=0)):
        steps[:, column] = np.nanquantile(numbers[:, column], np.linspace(0, 1, len(SCORES)))
    return steps


def _ranked(numbers: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Return each number's rank among the training rows as a normal score: 0 in the middle, 1 above five sixths."""
    scores = np.empty(numbers.shape)
    for column in range(numbers.shape[1]):
        scores[:, column] = np.interp(numbers[:, column], steps[:, column], SCORES)
    return np.nan_to_num(scores)


def _correlation(ranked: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return how strongly each column and the targets' ranks go together, from 0 to 1; of several, the strongest."""
    of_targets = pd.DataFrame(targets).rank().to_numpy()
    together = pd.DataFrame(np.column_stack([ranked, of_targets])).corr().abs().to_numpy()
    found: np.ndarray = np.nan_to_num(together[: ranked.shape[1], ranked.shape[1] :]).max(axis=1)
    return found
