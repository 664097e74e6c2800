"""Decides what the target would be where no training row is: the best linear guess from those around.

A mean takes all neighbours for equally good; kriging weighs each by how far it is from the row, and from the others.
Source: Cressie, Statistics for Spatial Data, 1993, section 3.2; here with more dimensions than the place.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from champion.features.alike import AlikeTarget, usual_distance

REACH = 1.5  # distance at which a third of the likeness is left, in ways to the middle neighbour
NUGGET = 0.3  # variance of targets at the very same place, as a share of that between places
AT_ONCE = 512  # rows whose neighbours' distances are held in memory


class KrigedTarget(AlikeTarget):
    """What those near and alike let expect of the target, and how uncertain that is.

    Gives an array of shape (n_rows, n_targets + 1), of ordinary kriging from the `max(n_neighbours)` nearest training
    rows; the uncertainty is a variance, of which 1 is that of a row far from all. Parameters are AlikeTarget's.
    """

    def __init__(
        self,
        n_neighbours: Sequence[int] = (30,),
        *,
        far: float = 0.5,
        pairs: Sequence[tuple[int, int]] = (),
        classes: bool = False,
    ) -> None:
        super().__init__(n_neighbours, far=far, pairs=pairs, classes=classes)

    def fit(self, X: pd.DataFrame, y: pd.Series) -> "KrigedTarget":
        """Keep where the rows of `X` (n_rows, 2 + n_numbers) are, their targets `y` (n_rows,), and how far is far."""
        super().fit(X, y)
        self.range_ = max(REACH * usual_distance(self._grown, self._middle), 1e-9)
        return self

    def get_feature_names_out(self, _: object = None) -> np.ndarray:
        """Name the columns after what they hold; by `far` several transformers' are told apart."""
        targets = range(self.targets_.shape[1])
        names = [f"kriged_{self.far:g}{f'_{target}' if len(targets) > 1 else ''}" for target in targets]
        return np.array([*names, f"kriged_{self.far:g}_variance"], dtype=object)

    @property
    def _width(self) -> int:
        return int(self.targets_.shape[1]) + 1

    def _summed_up(self, km: np.ndarray, near: np.ndarray) -> np.ndarray:
        parts = [slice(start, start + AT_ONCE) for start in range(0, len(near), AT_ONCE)]
        return np.vstack([self._kriged(km[part], near[part]) for part in parts])

    def _kriged(self, km: np.ndarray, near: np.ndarray) -> np.ndarray:
        """Return targets and variance for distances and positions of neighbours, of shape (n_rows, n_near)."""
        to_row = np.exp(-km / self.range_)[:, :, None]
        among = np.exp(-_distances(self.places_[near]) / self.range_) + NUGGET * np.eye(near.shape[1])
        known = np.concatenate([np.ones_like(to_row), to_row, self.targets_[near]], axis=2)
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
