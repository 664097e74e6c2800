"""Decides what the target would be where no training row is: the best linear guess from rows near and alike.

A mean takes all neighbours for equally good; kriging weighs each by how far it is from the row, and from the others.
And a large house between small ones sells for what large houses do elsewhere in town, so that to be of another kind is
to be farther away. Source: Cressie, Statistics for Spatial Data, 1993, section 3.2; for the kinds, retrieval as in
Gorishniy and others, TabR: Tabular Deep Learning Meets Nearest Neighbors, ICLR 2024, here without a network.
"""

from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
import pandas as pd
from scipy.spatial import KDTree

from champion.features.neighbours import OfTarget

REACH = 1.5  # distance at which a third of the likeness is left, in ways to the middle neighbour
NUGGET = 0.3  # variance of targets at the very same place, as a share of that between places
MOST = 6  # numbers by which rows are alike, those that say most of the target
SCORES = np.array([NormalDist().inv_cdf((n + 0.5) / 201) for n in range(201)])  # of steps with as many rows each
ENOUGH = 1000  # rows that tell how far neighbours are


class KrigedTarget(OfTarget):
    """What those near and alike let expect of the target, and how uncertain that is.

    The columns are latitude and longitude in degrees, and then numbers, of which `pairs` are positions whose ratios
    count as numbers, too. Ranks of the numbers are further dimensions beside the place, each as wide as its rank
    correlation with the target is strong: to be unlike by a standard deviation of the first is to be `far` times as far
    as a usual neighbour is. A missing number is a middling one.

    Gives an array of shape (n_rows, n_targets + 1), of ordinary kriging from the `n_neighbours` nearest training rows;
    the uncertainty is a variance, of which 1 is that of a row far from all.
    """

    def __init__(
        self,
        n_neighbours: int = 30,
        *,
        far: float = 0.5,
        pairs: Sequence[tuple[int, int]] = (),
        classes: bool = False,
    ) -> None:
        self.n_neighbours = n_neighbours
        self.far = far
        self.pairs = pairs
        self.classes = classes

    def _names(self, given: Sequence[str]) -> list[str]:  # noqa: ARG002
        """Name the columns after what they hold; by `far` several transformers' are told apart."""
        targets = range(self.told_.shape[1])
        names = [f"kriged_{self.far:g}{f'_{target}' if len(targets) > 1 else ''}" for target in targets]
        return [*names, f"kriged_{self.far:g}_variance"]

    def _fitted(self, X: pd.DataFrame, y: pd.Series | None) -> np.ndarray:
        """Learn how far is far, too."""
        numbers = super()._fitted(X, y)
        self.range_ = max(REACH * usual_distance(self._tree, self.n_neighbours), 1e-9)
        return numbers

    def _learn(self, X: np.ndarray, told: np.ndarray) -> None:
        """Learn which numbers of `X` (n_rows, 2 + n_numbers) make a kind, and how far kinds are apart."""
        super()._learn(X, told)
        numbers = self._numbers(X)
        self.steps_ = _steps(numbers)
        together = _correlation(_ranked(numbers, self.steps_), told)
        self.chosen_ = np.argsort(-together, kind="stable")[:MOST]
        self.steps_ = self.steps_[:, self.chosen_]
        km = self._km(X)
        usual = usual_distance(KDTree(km[np.isfinite(km).all(axis=1)]), self.n_neighbours)
        self.widths_ = self.far * usual * together[self.chosen_] / together.max(initial=1e-9)

    def _placed(self, X: pd.DataFrame | np.ndarray) -> np.ndarray:
        kind = _ranked(self._numbers(X)[:, self.chosen_], self.steps_)
        return np.hstack([self._km(X), self.widths_ * kind])

    def _summed_up(self, km: np.ndarray, near: np.ndarray) -> np.ndarray:
        """Return targets and variance for distances and positions of neighbours, of shape (n_rows, n_near)."""
        to_row = np.exp(-km / self.range_)[:, :, None]
        among = np.exp(-_distances(self.places_[near]) / self.range_) + NUGGET * np.eye(near.shape[1])
        known = np.concatenate([np.ones_like(to_row), to_row, self.told_[near]], axis=2)
        solved = np.linalg.solve(among, known)
        of_ones, of_targets = solved[:, :, :1], solved[:, :, 2:]
        missing = 1 - (to_row * of_ones).sum(axis=1)  # what the weights lack to a sum of 1 goes to the mean
        mean = of_targets.sum(axis=1) / of_ones.sum(axis=1)
        expected = (to_row * of_targets).sum(axis=1) + missing * mean
        variance = 1 - (to_row * solved[:, :, 1:2]).sum(axis=1) + missing**2 / of_ones.sum(axis=1)
        return np.hstack([expected, variance])


def _distances(places: np.ndarray) -> np.ndarray:
    """Return the distances of each row's neighbours from each other, of shape (n_rows, n_near, n_near)."""
    centred = places - places.mean(axis=1, keepdims=True)
    squares = (centred**2).sum(axis=2)
    apart = squares[:, :, None] + squares[:, None, :] - 2 * centred @ centred.transpose(0, 2, 1)
    found: np.ndarray = np.sqrt(np.maximum(apart, 0))
    return found


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
