"""features.py: columns become numbers."""

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from champion import features
from champion.data import Dataset


def test_numbers_pass_and_categories_become_indicators(small: Dataset) -> None:
    """Two numbers and a category of three values make five columns that carry readable names."""
    recipe = features.plain(small.X, max_categories=20).fit(small.X)
    assert list(recipe.get_feature_names_out()) == ["size", "age", "place_hill", "place_sea", "place_town"]
    assert recipe.transform(small.X).shape == (200, 5)
    assert np.array_equal(recipe.transform(small.X)[:, 0], small.X["size"])


def test_category_never_seen_is_no_error(small: Dataset) -> None:
    """A new category gets zeros in every indicator, with no warning and no error."""
    recipe = features.plain(small.X, max_categories=20).fit(small.X)
    moon = small.X.head(1).assign(place="moon")
    assert recipe.transform(moon)[0, 2:].tolist() == [0, 0, 0]


def test_rare_categories_share_a_column() -> None:
    """No category column grows beyond max_categories indicators, and a new value counts as a rare one."""
    X = pd.DataFrame({"street": [f"street {n}" for n in range(100)] + ["main"] * 100})
    recipe = features.plain(X, max_categories=3).fit(X)
    assert recipe.transform(X).shape == (200, 3)
    assert recipe.transform(pd.DataFrame({"street": ["nowhere"]})).sum() == 1


@pytest.mark.parametrize("missing", [None, np.nan])
def test_missing_values_are_kept_for_the_model(small: Dataset, missing: float | None) -> None:
    """A missing number stays missing, a missing category is a category."""
    X = small.X.copy()
    X.loc[0, "age"] = np.nan
    X.loc[1, "place"] = missing
    table = features.plain(X, max_categories=20).fit_transform(X)
    assert np.isnan(table[0, 1])
    assert table.shape == (200, 6)


def test_columns_whose_gaps_are_filled_are_known(small: Dataset) -> None:
    """An imputer fills the gaps of its columns, alone or as a step; nobody else does."""
    recipe = ColumnTransformer(
        [
            ("filled", SimpleImputer(), ["size"]),
            ("scaled", make_pipeline(SimpleImputer(), StandardScaler()), ["age"]),
            ("category", OneHotEncoder(), ["place"]),
        ]
    )
    assert features.imputed(recipe.fit(small.X)) == {"size", "age"}
    assert features.imputed(features.plain(small.X, max_categories=20).fit(small.X)) == set()
