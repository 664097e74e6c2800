"""features/kriging.py: the target that rows near and alike let expect."""

import numpy as np
import pandas as pd
import pytest
from scipy.spatial import KDTree
from sklearn.base import clone
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import Matern, WhiteKernel

from champion.features.kriging import MOST, NUGGET, KrigedTarget, usual_distance
from champion.features.neighbours import NeighboursTarget

RNG = np.random.default_rng(0)
X = pd.DataFrame(
    {
        "latitude": RNG.uniform(34, 35, 400),
        "longitude": RNG.uniform(-119, -118, 400),
        "size": RNG.normal(size=400),
        "luck": RNG.normal(size=400),
    }
)
PRICES = 5 * np.sin(4 * X["latitude"]) + 3 * X["size"] + 100
KINDS = X.assign(size=np.where(RNG.random(400) < 0.5, 1.0, 9.0) + RNG.uniform(0, 0.1, 400))
BY_KIND = 10 * KINDS["size"] + KINDS["latitude"]


def test_expectation_is_that_of_a_gaussian_process() -> None:
    """Kriging from all rows is scikit-learn's process of exponential covariance around the mean that fits it best."""
    some, new = X.head(30), X.tail(50)
    fitted = KrigedTarget(30).fit(some, PRICES.head(30))
    places = fitted._placed(some)
    kernel = Matern(fitted.range_, "fixed", nu=0.5) + WhiteKernel(NUGGET, "fixed")
    among = np.linalg.inv(kernel(places))
    mean = (among @ PRICES.head(30)).sum() / among.sum()
    process = GaussianProcessRegressor(kernel, optimizer=None).fit(places, PRICES.head(30) - mean)
    expected = mean + process.predict(fitted._placed(new))
    assert np.allclose(fitted.transform(new)[:, 0], expected)


def test_it_expects_better_than_a_mean_of_neighbours() -> None:
    """Where the target follows place and size, the error is far below that of the mean of the nearest rows."""
    train, new = X.head(300), X.tail(100)
    kriged = KrigedTarget().fit(train, PRICES.head(300)).transform(new)[:, 0]
    near = NeighboursTarget([5]).fit(train[["latitude", "longitude"]], PRICES.head(300))
    mean = near.transform(new[["latitude", "longitude"]])[:, 0]
    errors = [np.sqrt(np.mean((one - PRICES.tail(100)) ** 2)) for one in (kriged, mean)]
    assert errors[0] < 0.5 * errors[1]


def test_rows_of_the_same_kind_are_neighbours() -> None:
    """Large and small houses stand side by side: the price of a new one is that of its kind, not of its street."""
    new = KINDS.head(50).assign(latitude=KINDS["latitude"].head(50) + 0.001)
    kriged = KrigedTarget(5, far=2.0).fit(KINDS, BY_KIND).transform(new)[:, 0]
    places = ["latitude", "longitude"]
    near = NeighboursTarget([5]).fit(KINDS[places], BY_KIND).transform(new[places])[:, 0]
    assert np.abs(kriged - BY_KIND.head(50)).mean() < 0.5 * np.abs(near - BY_KIND.head(50)).mean()


def test_what_says_nothing_of_the_target_parts_nobody() -> None:
    """Size is a wide dimension, as far as two ways to a usual neighbour; luck is a narrow one."""
    fitted = KrigedTarget(5, far=2.0).fit(KINDS, BY_KIND)
    widths = dict(zip(fitted.chosen_.tolist(), fitted.widths_.tolist(), strict=True))
    assert widths[0] == pytest.approx(2 * usual_distance(KDTree(fitted._km(KINDS)), 5))
    assert widths[1] < 0.15 * widths[0]


def test_ratios_count_as_numbers() -> None:
    """Where rooms and households say nothing alone, rooms per household may."""
    households = RNG.uniform(10, 1000, 400)
    houses = KINDS[["latitude", "longitude"]].assign(rooms=households * KINDS["size"], households=households)
    fitted = KrigedTarget(pairs=[(0, 1)]).fit(houses, BY_KIND)
    assert fitted.chosen_[0] == 2
    assert len(KrigedTarget().fit(houses, BY_KIND).chosen_) == 2


def test_few_numbers_decide() -> None:
    """Of many numbers those count that say most: neighbours in many dimensions are all equally far."""
    many = KINDS.assign(**{f"noise_{n}": RNG.normal(size=400) for n in range(12)})
    fitted = KrigedTarget().fit(many, BY_KIND)
    assert len(fitted.chosen_) == MOST
    assert fitted.chosen_[0] == 0


def test_gaps_are_middling() -> None:
    """A missing number is as if it were the median, and all of them may be missing."""
    gaps = KINDS.assign(luck=np.nan)
    gaps.loc[:50, "size"] = np.nan
    assert np.isfinite(KrigedTarget().fit_transform(gaps, BY_KIND)).all()


def test_places_alone_will_do() -> None:
    """Without any number, those alike are those near."""
    places = X[["latitude", "longitude"]]
    fitted = KrigedTarget().fit(places, PRICES)
    assert np.array_equal(fitted._placed(places), fitted._km(places))
    assert np.isfinite(fitted.transform(places)).all()


def test_own_target_stays_out() -> None:
    """Prices that nothing explains aren't told to their own rows; a price changed changes nothing of its own row."""
    noise = pd.Series(RNG.normal(size=400))
    assert abs(np.corrcoef(KrigedTarget().fit_transform(X, noise)[:, 0], noise)[0, 1]) < 0.2
    same = X.assign(size=0.0, luck=0.0)  # so that the target doesn't decide what counts
    other = PRICES.where(PRICES.index != 3, 1000.0)
    before, after = (KrigedTarget().fit_transform(same, y)[:, 0] for y in (PRICES, other))
    assert before[3] == after[3]
    assert not np.allclose(before, after)


def test_variance_says_how_lonely_a_row_is() -> None:
    """Among many rows it is small, far away that of the mean of those known: 1 and a little."""
    fitted = KrigedTarget().fit(X, PRICES)
    lonely = X.head(1).assign(latitude=45.0)
    variance = fitted.transform(pd.concat([X, lonely]))[:, 1]
    assert variance[:-1].max() < variance[-1]
    assert 1 < variance[-1] < 1.5
    assert (variance > 0).all()


def test_rows_are_described_one_by_one_as_together() -> None:
    """A row alone gets the digits that it has among a thousand."""
    fitted = KrigedTarget().fit(X, PRICES)
    many = fitted.transform(pd.concat([X, X, X]))
    assert all(np.array_equal(fitted.transform(X.iloc[[row]])[0], many[row]) for row in range(20))


@pytest.mark.parametrize("n_rows", [2, 5, 29])
def test_few_rows_will_do(n_rows: int) -> None:
    """Fewer than it would take, all at one place, one without a place."""
    some = X.head(n_rows)
    assert np.isfinite(KrigedTarget().fit_transform(some, PRICES.head(n_rows))).all()
    one_place = some.assign(latitude=34.0, longitude=-118.0, size=1.0, luck=1.0)
    found = KrigedTarget().fit(one_place, PRICES.head(n_rows)).transform(one_place)
    assert np.allclose(found[:, 0], PRICES.head(n_rows).mean())
    some = some.assign(latitude=some["latitude"].where(some.index != 0))
    described = KrigedTarget().fit(some, PRICES.head(n_rows)).transform(some)
    assert np.isnan(described[0]).all()
    assert np.isfinite(described[1:]).all()


def test_classes_and_names() -> None:
    """Targets may be classes; every column has a name of its own, which a copy gives again."""
    labels = pd.Series(np.where(PRICES > 103, "dear", np.where(PRICES < 97, "cheap", "middling")))
    fitted = clone(KrigedTarget(far=1.5, classes=True)).fit(X, labels)
    names = list(fitted.get_feature_names_out())
    assert names == ["kriged_1.5_0", "kriged_1.5_1", "kriged_1.5_2", "kriged_1.5_variance"]
    described = fitted.transform(X)
    assert described.shape == (400, 4)
    assert np.allclose(described[:, :3].sum(axis=1), 1)
    assert list(KrigedTarget().fit(X, PRICES).get_feature_names_out()) == ["kriged_0.5", "kriged_0.5_variance"]
