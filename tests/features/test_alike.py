"""features/alike.py: the target of rows that are near and of the same kind."""

import numpy as np
import pandas as pd
import pytest
from scipy.spatial import KDTree
from sklearn.base import clone

from champion.features.alike import MOST, AlikeTarget, usual_distance
from champion.features.places import NeighboursTarget

RNG = np.random.default_rng(0)
PLACES = pd.DataFrame({"latitude": RNG.uniform(34, 35, 400), "longitude": RNG.uniform(-119, -118, 400)})
SIZE = pd.Series(np.where(RNG.random(400) < 0.5, 1.0, 9.0) + RNG.uniform(0, 0.1, 400))
X = PLACES.assign(size=SIZE, luck=RNG.normal(size=400))
PRICES = 10 * SIZE + PLACES["latitude"]


def test_rows_of_the_same_kind_are_neighbours() -> None:
    """Large and small houses stand side by side: the price of a new one is that of its kind, not of its street."""
    new = X.head(50).assign(latitude=X["latitude"].head(50) + 0.001)
    alike = AlikeTarget([5]).fit(X, PRICES).transform(new)[:, 0]
    near = NeighboursTarget([5]).fit(PLACES, PRICES).transform(new[["latitude", "longitude"]])[:, 0]
    assert np.abs(alike - PRICES.head(50)).mean() < 0.5 * np.abs(near - PRICES.head(50)).mean()


def test_what_says_nothing_of_the_target_parts_nobody() -> None:
    """Size is a wide dimension, as far as two ways to a usual neighbour; luck is a narrow one."""
    fitted = AlikeTarget([5]).fit(X, PRICES)
    widths = dict(zip(fitted.chosen_.tolist(), fitted.widths_.tolist(), strict=True))
    assert widths[0] == pytest.approx(2 * usual_distance(KDTree(fitted._km(X)), 5))
    assert widths[1] < 0.15 * widths[0]


def test_ratios_count_as_numbers() -> None:
    """Where rooms and households say nothing alone, rooms per household may."""
    households = RNG.uniform(10, 1000, 400)
    houses = PLACES.assign(rooms=households * SIZE, households=households)
    fitted = AlikeTarget([5], pairs=[(0, 1)]).fit(houses, PRICES)
    assert fitted.chosen_[0] == 2
    assert len(AlikeTarget([5]).fit(houses, PRICES).chosen_) == 2


def test_few_numbers_decide() -> None:
    """Of many numbers those count that say most: neighbours in many dimensions are all equally far."""
    many = X.assign(**{f"noise_{n}": RNG.normal(size=400) for n in range(12)})
    fitted = AlikeTarget([5]).fit(many, PRICES)
    assert len(fitted.chosen_) == MOST
    assert fitted.chosen_[0] == 0


def test_own_target_stays_out() -> None:
    """Prices that nothing explains are not told by those alike: rows don't find themselves."""
    noise = pd.Series(RNG.normal(size=400))
    described = AlikeTarget([1, 5]).fit_transform(X, noise)
    assert abs(np.corrcoef(described[:, 0], noise)[0, 1]) < 0.2
    assert not np.isclose(described[:, 0], noise).any()


def test_gaps_are_middling() -> None:
    """A missing number is as if it were the median; a row without a place has no neighbours; all may be missing."""
    gaps = X.copy()
    gaps.loc[:50, "size"] = np.nan
    gaps.loc[399, "latitude"] = np.nan
    gaps["luck"] = np.nan
    described = AlikeTarget([5]).fit_transform(gaps, PRICES)
    assert np.isfinite(described[:399]).all()
    assert np.isnan(described[399]).all()


def test_places_alone_will_do() -> None:
    """Without any number, those alike are those near; two rows are enough."""
    near = NeighboursTarget([5]).fit_transform(PLACES, PRICES)
    assert np.allclose(AlikeTarget([5]).fit_transform(PLACES, PRICES), near)
    assert np.isfinite(AlikeTarget([5]).fit_transform(X.head(2), PRICES.head(2))).all()


def test_classes_and_names() -> None:
    """Targets may be classes; every column has a name of its own, which a copy gives again."""
    labels = pd.Series(np.where(SIZE > 5, "large", "small"))
    fitted = clone(AlikeTarget([2, 5], pairs=[(0, 1)], classes=True)).fit(X, labels)
    described = fitted.transform(X)
    names = fitted.get_feature_names_out()
    assert described.shape == (400, len(names))
    assert names[0] == "mean_of_2_of_alike"
    assert "km_to_nearest_alike" in names
    assert np.mean((described[:, 0] > 0.5) == (SIZE <= 5)) > 0.85
