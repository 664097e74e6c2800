"""features/neighbours.py: the training rows around a row, and what their target says."""

import numpy as np
import pandas as pd
import pytest
from sklearn.neighbors import KNeighborsRegressor
from sklearn.utils.validation import check_is_fitted

from champion.features.neighbours import NeighboursTarget

PLACES = pd.DataFrame({"latitude": [34.0, 35, 36, 37, 38, 38], "longitude": [-118.0, -119, -120, -121, -122, -122]})
PRICES = pd.Series([1.0, 2, 3, 4, 5, 6])


def test_neighbours_are_those_that_scikit_learn_finds() -> None:
    """The mean of the nearest five is KNeighborsRegressor's."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"latitude": rng.uniform(34, 35, 300), "longitude": rng.uniform(-119, -118, 300)})
    y, new = pd.Series(rng.normal(size=300)), X.head(40) + 0.01
    fitted = NeighboursTarget([5]).fit(X, y)
    expected = KNeighborsRegressor(5).fit(fitted._km(X), y).predict(fitted._km(new))
    assert np.allclose(fitted.transform(new)[:, 0], expected)


def test_training_rows_do_not_see_their_own_target() -> None:
    """Another price of a training row changes what its neighbours see, and nothing of what it sees itself."""
    other = PRICES.where(PRICES != 3, 1000)
    before, after = (NeighboursTarget([2, 3]).fit_transform(PLACES, y) for y in (PRICES, other))
    assert np.array_equal(before[2], after[2])
    assert not np.array_equal(before[1], after[1])


def test_rows_at_one_place_are_neighbours_of_each_other() -> None:
    """Two rows at the very same place see each other's price, and not their own, however many there are."""
    own = NeighboursTarget([1]).fit_transform(PLACES, PRICES)
    assert own[4:, 0].tolist() == [6, 5]
    many = pd.DataFrame({"latitude": [34.0] * 20, "longitude": [-118.0] * 20})
    assert np.isfinite(NeighboursTarget([2]).fit_transform(many, pd.Series(np.arange(20.0)))).all()


def test_missing_coordinates_have_no_neighbours() -> None:
    """A row without a place gets missing values, and is nobody's neighbour."""
    gaps = PLACES.copy()
    gaps.loc[0, "latitude"] = np.nan
    fitted = NeighboursTarget([2]).fit(gaps, PRICES)
    assert len(fitted.places_) == 5
    assert np.isnan(fitted.transform(gaps)[0]).all()


@pytest.mark.parametrize(("labels", "width"), [(["no", "yes"], 1), (["a", "b", "c"], 3)])
def test_classes_are_shares(labels: list[str], width: int) -> None:
    """What neighbours are is a share of each class, or of the second of two."""
    y = pd.Series([labels[row % len(labels)] for row in range(6)])
    described = NeighboursTarget([5], classes=True).fit_transform(PLACES, y)
    assert described.shape == (6, 3 * width + 2)
    assert ((described[:, :width] >= 0) & (described[:, :width] <= 1)).all()


def test_names_stand_for_columns() -> None:
    """There is a name for every column, and it stays with a copy that was fitted elsewhere."""
    fitted = NeighboursTarget([2, 3]).fit(PLACES, PRICES)
    check_is_fitted(fitted)
    assert len(fitted.get_feature_names_out()) == fitted.transform(PLACES).shape[1]
    assert "_tree" in fitted.__dict__
    assert "_tree" not in fitted.__getstate__()
