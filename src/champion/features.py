"""Decides how columns become numbers; each recipe is one option of the config group `features`."""

import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder


def plain(X: pd.DataFrame, *, max_categories: int | None) -> ColumnTransformer:
    """Pass the numbers of `X` (n_rows, n_features) through and give each category a 0/1 column.

    Missing numbers stay missing: all three bundled models split on them. A category that the training rows
    don't have counts as one of the rare ones, or as none where there are no rare ones.
    """
    numbers = list(X.select_dtypes("number").columns)
    categories = [column for column in X.columns if column not in numbers]
    one_hot = OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=max_categories, sparse_output=False)
    return ColumnTransformer(
        [("number", "passthrough", numbers), ("category", one_hot, categories)], verbose_feature_names_out=False
    )


def imputed(fitted: ColumnTransformer) -> set[str]:
    """Return the columns whose missing values a fitted recipe fills in by itself."""
    return {column for _, transformer, columns in fitted.transformers_ if _imputes(transformer) for column in columns}


def _imputes(transformer: BaseEstimator | str) -> bool:
    steps = [step for _, step in transformer.steps] if isinstance(transformer, Pipeline) else [transformer]
    return any(type(step).__module__.startswith("sklearn.impute") for step in steps)
