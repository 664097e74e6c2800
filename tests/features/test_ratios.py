"""features/ratios.py: columns that grow together are divided by each other."""

import numpy as np
import pandas as pd

from champion.features.ratios import Ratios, related

RNG = np.random.default_rng(0)
SIZE = RNG.uniform(10, 1000, 200)
X = pd.DataFrame(
    {
        "rooms": SIZE * RNG.uniform(4, 6, 200),
        "households": SIZE * RNG.uniform(0.9, 1.1, 200),
        "age": RNG.uniform(1, 50, 200),
        "change": RNG.normal(size=200),
        "same": 1.0,
    }
)


def test_what_grows_together_is_related() -> None:
    """Rooms and households are; age, what may be negative, and a constant are not."""
    assert related(X, most=10) == [("rooms", "households")]
    assert related(X, most=0) == []


def test_closest_come_first() -> None:
    """Where only one ratio is wanted, it is that of the columns most alike."""
    three = X.assign(families=X["households"] * 1.01)
    assert related(three, most=3)[0] == ("households", "families")
    assert related(three, most=2) == []


def test_gaps_are_no_obstacle() -> None:
    """Missing values are left out of the correlation, and their ratio is missing."""
    gaps = X.copy()
    gaps.loc[:20, "rooms"] = np.nan
    assert related(gaps, most=10) == [("rooms", "households")]
    made = Ratios([(0, 1)]).fit_transform(gaps[["rooms", "households"]])
    assert np.isnan(made[:21]).all()
    assert np.isfinite(made[21:]).all()


def test_division_by_zero_is_missing() -> None:
    """A ratio to nothing is no number, and no warning."""
    made = Ratios([(0, 1)]).fit(X[["rooms", "households"]])
    assert np.isnan(made.transform(pd.DataFrame({"rooms": [1.0], "households": [0.0]}))).all()
    assert list(made.get_feature_names_out()) == ["rooms_per_households"]
