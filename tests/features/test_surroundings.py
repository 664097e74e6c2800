"""features/surroundings.py: how a row stands out from where it is."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from champion.features.surroundings import Surroundings

RNG = np.random.default_rng(0)
PLACES = pd.DataFrame({"latitude": RNG.uniform(34, 35, 1200), "longitude": RNG.uniform(-119, -118, 1200)})
X = PLACES.assign(rooms=RNG.uniform(100, 900, 1200), households=RNG.uniform(10, 90, 1200))
NOTHING = pd.Series(0.0, index=X.index)  # no target is looked at


def test_difference_is_that_to_the_mean_of_the_nearest_rows() -> None:
    """It is what one would count by hand, for a row of training without itself, and for a new one."""
    fitted = Surroundings(3)
    training, new = fitted.fit_transform(X, NOTHING), fitted.transform(X)
    km = fitted._km(X)
    near = np.argsort(np.hypot(*(km - km[7]).T))
    assert training[7, 0] == pytest.approx(X["rooms"][7] - X["rooms"][near[1:4]].mean())
    assert new[7, 0] == pytest.approx(X["rooms"][7] - X["rooms"][near[:3]].mean())


def test_ratios_count_as_numbers() -> None:
    """Ratios follow the numbers, and every column has a name of its own, which a copy gives again."""
    fitted = clone(Surroundings(pairs=[(0, 1)])).fit(X, NOTHING)
    names = ["rooms_above_neighbours", "households_above_neighbours", "rooms_per_households_above_neighbours"]
    assert list(fitted.get_feature_names_out()) == names
    alone = Surroundings().fit(PLACES.assign(ratio=X["rooms"] / X["households"]), NOTHING)
    expected = alone.transform(PLACES.assign(ratio=X["rooms"] / X["households"]))[:, 0]
    assert np.allclose(fitted.transform(X)[:, 2], expected)


def test_gaps_stay_gaps_and_count_for_no_neighbour() -> None:
    """A missing number or place is missing; around it, the mean is that of the numbers that are there."""
    gaps = X.assign(households=np.nan)
    gaps.loc[::2, "rooms"] = np.nan
    gaps.loc[1, "latitude"] = np.nan
    described = Surroundings().fit_transform(gaps, NOTHING)
    assert np.isnan(described[::2, 0]).all()
    assert np.isfinite(described[3::2, 0]).all()
    assert np.isnan(described[:, 1]).all()
    assert np.isnan(described[1]).all()


def test_rows_are_described_one_by_one_as_together() -> None:
    """A row alone gets the digits that it has among a thousand."""
    fitted = Surroundings(pairs=[(0, 1)]).fit(X, NOTHING)
    many = fitted.transform(X)
    assert all(np.array_equal(fitted.transform(X.iloc[[row]])[0], many[row]) for row in range(20))


@pytest.mark.parametrize("n_rows", [1, 2, 5])
def test_few_rows_will_do(n_rows: int) -> None:
    """Fewer than there should be are the surroundings, and nobody is nobody's."""
    described = Surroundings().fit_transform(X.head(n_rows), NOTHING.head(n_rows))
    assert described.shape == (n_rows, 2)
    assert (np.isfinite(described) == (n_rows > 1)).all()


def test_places_alone_have_no_surroundings() -> None:
    """Without any number there is nothing to compare."""
    assert Surroundings().fit_transform(PLACES, NOTHING).shape == (1200, 0)
