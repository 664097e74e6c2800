"""Decides what two coordinates say beside themselves: the same place seen from other sides, and its neighbourhood.

Trees cut across one column at a time: with rotated coordinates they cut aslant, and the target of the nearest training
rows tells them what is usual there. Ordinary scikit-learn transformers of two columns, latitude and longitude in
degrees.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.spatial import KDTree
from sklearn.base import BaseEstimator, TransformerMixin

EARTH_KM = 6371.0
AT_ONCE = 512  # rows whose neighbours are looked at together, to need little memory
LATITUDE, LONGITUDE = ("latitude", "lat"), ("longitude", "lon", "lng", "long")


def coordinates(X: pd.DataFrame) -> list[str] | None:
    """Return the columns of latitude and longitude, found by their names and values, or None."""
    found = [_named(X, names, most) for names, most in ((LATITUDE, 90), (LONGITUDE, 180))]
    return [name for name in found if name] if all(found) else None


def _named(X: pd.DataFrame, names: Sequence[str], most: float) -> str | None:
    for name in X.columns:
        if str(name).lower() in names and X[name].dtype.kind in "if" and X[name].abs().max() <= most:
            return str(name)
    return None


class _OfPlaces(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """A transformer of latitudes and longitudes, which makes kilometres of degrees."""

    def _learn_middle(self, X: pd.DataFrame) -> None:
        """Remember around which latitude the rows lie: a degree of longitude is as wide as its cosine."""
        latitude = np.asarray(X, dtype=float)[:, 0]
        self.width_ = float(np.cos(np.radians(np.nanmean(latitude)))) if np.isfinite(latitude).any() else 1.0
        self.n_features_in_ = X.shape[1]

    def _km(self, X: pd.DataFrame) -> np.ndarray:
        """Return kilometres to the east and to the north, of shape (n_rows, 2)."""
        places = np.radians(np.asarray(X, dtype=float)[:, :2]) * EARTH_KM
        return np.column_stack([places[:, 1] * self.width_, places[:, 0]])


class Rotations(_OfPlaces):
    """The coordinates in kilometres, on axes turned by `n_angles` angles between north and east and beyond.

    Gives an array of shape (n_rows, n_angles); a missing coordinate is missing in all of them.
    """

    def __init__(self, n_angles: int = 10) -> None:
        self.n_angles = n_angles

    def fit(self, X: pd.DataFrame, y: object = None) -> "Rotations":  # noqa: ARG002
        """Learn around which latitude the rows of `X` (n_rows, 2) lie."""
        self._learn_middle(X)
        turns = np.linspace(0, np.pi, self.n_angles + 1, endpoint=False)[1:]
        self.axes_ = np.vstack([np.cos(turns), np.sin(turns)])
        return self

    def transform(self, X: pd.DataFrame) -> np.ndarray:
        """Return the rows' places on each axis."""
        turned: np.ndarray = self._km(X) @ self.axes_
        return turned

    def get_feature_names_out(self, _: object = None) -> np.ndarray:
        """Name each axis by its angle in degrees, counted from the east."""
        angles = [180 * n / (self.n_angles + 1) for n in range(1, self.n_angles + 1)]
        return np.array([f"turned_by_{angle:.0f}" for angle in angles], dtype=object)


class NeighboursTarget(_OfPlaces):
    """What the target of the nearest training rows is: means of several numbers of them, spread and distance.

    With `classes` the target is a 0/1 column for each, or for the second of two. A training row is not its own
    neighbour: `fit_transform` leaves each row's own target out, and rows at the very same place are neighbours like
    others. Gives an array of shape (n_rows, n_targets * (len(n_neighbours) + 2) + 2), NaN for a missing coordinate.
    """

    def __init__(self, n_neighbours: Sequence[int] = (5, 15, 50), *, classes: bool = False) -> None:
        self.n_neighbours = n_neighbours
        self.classes = classes

    def fit(self, X: pd.DataFrame, y: pd.Series) -> "NeighboursTarget":
        """Keep where the rows of `X` (n_rows, n_columns) are, and their targets `y` (n_rows,)."""
        targets = self._targets(X, y)
        self._learn(X, targets)
        places = self._placed(X)
        known = np.isfinite(places).all(axis=1)
        self.places_, self.targets_ = places[known], targets[known]
        self.__dict__.pop("_tree", None)
        return self

    def transform(self, X: pd.DataFrame) -> np.ndarray:
        """Return what is usual around the places of rows that training didn't have."""
        return self._described(X, own=0)

    def fit_transform(self, X: pd.DataFrame, y: pd.Series) -> np.ndarray:
        """Return what is usual around the training rows themselves, without their own targets."""
        return self.fit(X, y)._described(X, own=1)

    def get_feature_names_out(self, _: object = None) -> np.ndarray:
        """Name the columns after what they hold."""
        several = self.targets_.shape[1] > 1
        names = [
            f"{what}_of_neighbours{f'_{target}' if several else ''}"
            for what in (*(f"mean_of_{n}" for n in self.n_neighbours), "weighted_mean", "spread")
            for target in range(self.targets_.shape[1])
        ]
        return np.array([*names, "km_to_nearest_neighbours", "km_to_farther_neighbours"], dtype=object)

    def _learn(self, X: pd.DataFrame, targets: np.ndarray) -> None:  # noqa: ARG002
        """Learn what `_placed` needs."""
        self._learn_middle(X)

    def _placed(self, X: pd.DataFrame) -> np.ndarray:
        """Return where each row is, of shape (n_rows, n_dimensions), in kilometres."""
        return self._km(X)

    def _targets(self, X: pd.DataFrame, y: pd.Series) -> np.ndarray:  # noqa: ARG002
        """Return what is known of the training rows, of shape (n_rows, n_targets)."""
        if not self.classes:
            return np.asarray(y, dtype=float)[:, None]
        indicators = pd.get_dummies(pd.Series(np.asarray(y))).to_numpy(dtype=float)
        return indicators[:, 1:] if indicators.shape[1] == 2 else indicators

    def _described(self, X: pd.DataFrame, *, own: int) -> np.ndarray:
        places = self._placed(X)
        known = np.isfinite(places).all(axis=1)
        others = len(self.places_) - own
        described = np.full((len(places), self._width), np.nan)
        if known.any() and others > 0:
            most = min(max(self.n_neighbours), others)
            km, near = self._nearest(places[known], most, own=own)
            parts = [slice(start, start + AT_ONCE) for start in range(0, len(near), AT_ONCE)]
            described[known] = np.vstack([self._summed_up(km[part], near[part]) for part in parts])
        return described

    @property
    def _width(self) -> int:
        return int(self.targets_.shape[1]) * (len(self.n_neighbours) + 2) + 2

    @property
    def _grown(self) -> KDTree:
        """The tree by which neighbours are found, grown when it is first needed."""
        if "_tree" not in self.__dict__:
            self._tree = KDTree(self.places_)
        return self._tree

    @property
    def _middle(self) -> int:
        return sorted(self.n_neighbours)[len(self.n_neighbours) // 2]

    def _nearest(self, places: np.ndarray, most: int, *, own: int) -> tuple[np.ndarray, np.ndarray]:
        """Return distances and positions of the nearest training rows, (n_rows, most) each, but for `own` oneself."""
        km, near = self._grown.query(places, k=range(1, most + own + 1))
        if not own:
            return km, near
        oneself = near == np.arange(len(places))[:, None]
        oneself[~oneself.any(axis=1), -1] = True  # so many at the same place that it isn't among them
        return km[~oneself].reshape(-1, most), near[~oneself].reshape(-1, most)

    def _summed_up(self, km: np.ndarray, near: np.ndarray) -> np.ndarray:
        """Return what is made of distances and positions of neighbours, of shape (n_rows, n_near) each."""
        targets = self.targets_[near]
        middle = min(self._middle, km.shape[1])
        weights = 1 / (km[:, :middle, None] + 1)
        middling = targets[:, :middle]
        means = [targets[:, :n].mean(axis=1) for n in self.n_neighbours]
        weighted = (weights * middling).sum(axis=1) / weights.sum(axis=1)
        return np.column_stack([*means, weighted, middling.std(axis=1), km[:, 0], km[:, middle - 1]])

    def __getstate__(self) -> dict[str, object]:
        """Leave the tree out: it is grown again from the places when it is needed."""
        return {key: value for key, value in super().__getstate__().items() if key != "_tree"}
