"""Decides what a transformer of numbers promises: what scikit-learn's own do, and a short way for single rows."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted, validate_data

NUMBERS = {"dtype": "float64", "ensure_all_finite": "allow-nan"}


class OfNumbers(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """A transformer of columns of numbers, of which any may be missing; it takes no others than those of its `fit`."""

    first = 0  # position of the first number: what comes before is a place
    pairs: Sequence[tuple[int, int]] = ()  # positions among the numbers, of which there are ratios

    def transform(self, X: pd.DataFrame) -> np.ndarray:
        """Return what the rows of `X` (n_rows, n_features_in_) become.

        Raises NotFittedError before `fit`, and ValueError for other columns and for what is no number.
        """
        check_is_fitted(self)
        return self.transform_numbers(validate_data(self, X, reset=False, **NUMBERS))

    @abstractmethod
    def transform_numbers(self, X: np.ndarray) -> np.ndarray:
        """Return the same for numbers that need no check: of a single row that takes as long as all that follows."""

    def get_feature_names_out(self, input_features: Sequence[str] | None = None) -> np.ndarray:
        """Name the columns that come out; raise ValueError where `input_features` aren't the columns of `fit`."""
        return np.array(self._names(super().get_feature_names_out(input_features)), dtype=object)

    @abstractmethod
    def _names(self, given: Sequence[str]) -> list[str]:
        """Name the columns that come out by those that go in."""

    def _learned(self, X: pd.DataFrame, y: Any = "no_validation") -> Any:
        """Remember the columns of `X` and return its numbers, of shape (n_rows, n_columns); with `y` the target too."""
        fewest = max(1, self.first + max((1 + max(pair) for pair in self.pairs), default=0))
        return validate_data(self, X, y, ensure_min_features=fewest, **NUMBERS)

    def __sklearn_tags__(self) -> Tags:
        """Tell scikit-learn that gaps are welcome."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags
