"""features.py: columns become numbers."""

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from champion import features
from champion.base.errors import ConfigError
from champion.data import Dataset
from champion.data.task import classification
from tests.conftest import column, dataset, recipe


def test_numbers_pass_and_categories_become_indicators(small: Dataset) -> None:
    """Two numbers and a category of three values make five columns that carry readable names."""
    fitted = recipe(small).fit(small.X)
    assert list(fitted.get_feature_names_out()) == ["size", "age", "place_hill", "place_sea", "place_town"]
    assert fitted.transform(small.X).shape == (200, 5)
    assert np.array_equal(fitted.transform(small.X)[:, 0], small.X["size"])


def test_category_never_seen_is_no_error(small: Dataset) -> None:
    """A new category gets zeros in every indicator, with no warning and no error."""
    fitted = recipe(small).fit(small.X)
    moon = small.X.head(1).assign(place="moon")
    assert fitted.transform(moon)[0, 2:].tolist() == [0, 0, 0]


def test_category_of_many_values_becomes_their_mean_of_the_target(small: Dataset) -> None:
    """A street of 30 gets the mean price of other rows on it; one that training never saw gets the mean of all."""
    streets = small.X.assign(street=[f"street {row % 30}" for row in range(200)])
    table = dataset(streets, small.y)
    fitted = recipe(table).fit(streets, small.y)
    assert features.treatments(recipe(table))["street"] == "mean of the target"
    encoded = fitted.transform(streets.head(1).assign(street="nowhere"))
    assert encoded[0, -1] == pytest.approx(small.y.mean())
    own = recipe(table).fit_transform(streets, small.y)[:, -1]
    assert not np.allclose(own, fitted.transform(streets)[:, -1])  # no row is told its own price


def test_rare_categories_share_a_column() -> None:
    """Where each category is to be a column, and some are hardly ever seen, max_categories=null keeps them all."""
    X = pd.DataFrame({"street": [f"street {n % 40}" for n in range(200)]})
    assert recipe(dataset(X), max_categories=None).fit_transform(X).shape == (200, 40)


def test_classes_have_a_mean_each(small: Dataset) -> None:
    """With three classes a category of many values gets a column for each class."""
    X = pd.DataFrame({"street": [f"street {row % 30}" for row in range(200)]})
    table = dataset(X, small.X["place"], task=classification(("hill", "sea", "town")))
    assert recipe(table).fit_transform(X, small.X["place"]).shape == (200, 3)


def test_dates_become_their_parts() -> None:
    """Year, month, day, weekday and the time that has passed; a missing date is missing in all of them."""
    X = pd.DataFrame({"sold": pd.Series(pd.to_datetime(["2024-05-31", "2023-01-01"] * 20)).astype("datetime64[us]")})
    X.loc[3, "sold"] = pd.NaT
    table = recipe(dataset(X)).fit_transform(X)
    assert table[0, :3].tolist() == [2024, 5, 31]
    assert np.isnan(table[3]).all()
    assert features.treatments(recipe(dataset(X))) == {"sold": "parts of the date"}


def test_text_becomes_the_directions_of_its_words() -> None:
    """Sentences that share words are near each other; a missing one is nothing."""
    X = pd.DataFrame(
        {"notes": [f"a {'sunny' if row % 2 else 'gloomy'} house number {row} by the sea" for row in range(90)]}
    )
    assert column(X["notes"]).kind == "text"
    X["notes"] = X["notes"].astype("str")
    X.loc[3, "notes"] = None
    table = recipe(dataset(X)).fit_transform(X)
    assert table.shape == (90, 5)
    assert np.isfinite(table).all()


def test_only_what_is_there_is_treated(small: Dataset) -> None:
    """A table without categories, dates or text has no step for them, and what was left out has none either."""
    X = small.X[["size"]].assign(row=range(200))
    assert features.treatments(recipe(dataset(X))) == {"size": "as they are"}


@pytest.mark.parametrize("missing", [None, np.nan])
def test_missing_values_are_kept_for_the_model(small: Dataset, missing: float | None) -> None:
    """A missing number stays missing, a missing category is a category."""
    X = small.X.copy()
    X.loc[0, "age"] = np.nan
    X.loc[1, "place"] = missing
    table = recipe(dataset(X)).fit_transform(X)
    assert np.isnan(table[0, 1])
    assert table.shape == (200, 6)


def test_columns_whose_gaps_are_filled_are_known(small: Dataset) -> None:
    """An imputer fills the gaps of its columns, alone or as a step; nobody else does."""
    other = ColumnTransformer(
        [
            ("filled", SimpleImputer(), ["size"]),
            ("scaled", make_pipeline(SimpleImputer(), StandardScaler()), ["age"]),
            ("category", OneHotEncoder(), ["place"]),
        ]
    )
    assert features.imputed(other.fit(small.X)) == {"size", "age"}
    told = ColumnTransformer([("missing", MissingIndicator(features="all"), ["size"])])
    for none in (recipe(small), told):
        assert features.imputed(none.fit(small.X)) == set()


def geographic(table: Dataset, **options: object) -> ColumnTransformer:
    """Return the recipe with few of everything."""
    given = {"coordinates": None, "n_angles": 3, "n_neighbours": [2, 5], "max_ratios": 2, **options}
    return features.geographic(table, max_categories=20, text_components=5, seed=42, **given)  # type: ignore[arg-type]


def test_coordinates_bring_rotations_and_neighbours(small: Dataset) -> None:
    """A table with places gets three more axes, and what neighbours tell: their target, their numbers, kriging."""
    places = small.X.assign(lat=np.linspace(34, 35, 200), lon=np.linspace(-118, -117, 200))
    table = dataset(places, small.y)
    fitted = geographic(table, max_ratios=0).fit(places, small.y)
    names = list(fitted.get_feature_names_out())
    assert len(names) == len(recipe(table).fit(places, small.y).get_feature_names_out()) + 3 + 6 + 2 + 2 * 2
    assert (
        features.treatments(geographic(table))["lat"]
        == "as they are, rotations, target of neighbours, difference from neighbours, kriged target"
    )


def test_table_without_coordinates_is_plain(small: Dataset) -> None:
    """Where there are no places and nothing grows together, geographic features are the plain ones."""
    assert features.treatments(geographic(small)) == features.treatments(recipe(small))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"coordinates": ["size", "place"]}, "features.coordinates must be two columns of numbers"),
        ({"coordinates": ["size"]}, "features.coordinates must be two columns of numbers"),
        ({"n_angles": 0}, "features.n_angles must be a whole number from 1, but got 0"),
        ({"n_neighbours": []}, r"features.n_neighbours must list whole numbers"),
        ({"n_neighbours": [0]}, "features.n_neighbours must be a whole number from 1, but got 0"),
        ({"max_ratios": -1}, "features.max_ratios must be a whole number from 0, but got -1"),
    ],
)
def test_what_cannot_be_meant_is_refused(small: Dataset, options: dict[str, object], told: str) -> None:
    """Rule, value and the config's key are named."""
    with pytest.raises(ConfigError, match=told):
        geographic(small, **options)
