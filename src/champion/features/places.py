"""Decides where rows are, and how that looks from other sides.

Trees cut across one column at a time: with rotated coordinates they cut aslant.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from champion.features.numbers import OfNumbers

EARTH_KM = 6371.0
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


class OfPlaces(OfNumbers):
    """A transformer of latitudes and longitudes, its first two columns, which makes kilometres of degrees."""

    first = 2

    def _learn_width(self, X: np.ndarray) -> None:
        """Remember how wide a degree of longitude is where the rows lie: as wide as the cosine of their latitude."""
        latitude = X[:, 0]
        self.width_ = float(np.cos(np.radians(np.nanmean(latitude)))) if np.isfinite(latitude).any() else 1.0

    def _km(self, X: pd.DataFrame | np.ndarray) -> np.ndarray:
        """Return kilometres to the east and to the north, of shape (n_rows, 2)."""
        places = np.radians(np.asarray(X, dtype=float)[:, :2]) * EARTH_KM
        return np.column_stack([places[:, 1] * self.width_, places[:, 0]])


class Rotations(OfPlaces):
    """The coordinates in kilometres, on axes turned by `n_angles` angles between north and east and beyond.

    Gives an array of shape (n_rows, n_angles); a missing coordinate is missing in all of them.
    """

    def __init__(self, n_angles: int = 10) -> None:
        self.n_angles = n_angles

    def fit(self, X: pd.DataFrame, y: object = None) -> "Rotations":  # noqa: ARG002
        """Learn around which latitude the rows of `X` (n_rows, 2) lie."""
        self._learn_width(self._learned(X))
        turns = np.linspace(0, np.pi, self.n_angles + 1, endpoint=False)[1:]
        self.axes_ = np.vstack([np.cos(turns), np.sin(turns)])
        return self

    def transform_numbers(self, X: np.ndarray) -> np.ndarray:
        """Return the rows' places on each axis."""
        turned: np.ndarray = self._km(X) @ self.axes_
        return turned

    def _names(self, given: Sequence[str]) -> list[str]:  # noqa: ARG002
        """Name each axis by its angle in degrees, counted from the east."""
        angles = [180 * n / (self.n_angles + 1) for n in range(1, self.n_angles + 1)]
        return [f"turned_by_{angle:.0f}" for angle in angles]
