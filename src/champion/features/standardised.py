"""Decides how a target far from zero is learned: by its distance from the mean, as models keep few digits of it."""

from typing import Self, TypeAlias

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, MetaEstimatorMixin, RegressorMixin, clone
from sklearn.utils import Tags, check_array, get_tags
from sklearn.utils.validation import check_is_fitted, validate_data

Target: TypeAlias = pd.Series | np.ndarray


class Standardised(MetaEstimatorMixin, RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """A regressor that learns how many standard deviations the target is from its mean, and predicts the target."""

    def __init__(self, regressor: BaseEstimator | None = None) -> None:
        self.regressor = regressor

    def learn(self, y: Target) -> Self:
        """Learn mean and spread of the target, of shape (n_rows,)."""
        self.mean_, self.spread_ = float(np.mean(y)), float(np.std(y)) or 1.0
        return self

    def standardise(self, y: Target) -> Target:
        """Return the target in standard deviations from its mean."""
        return (y - self.mean_) / self.spread_

    def fit(self, X: np.ndarray, y: Target) -> Self:
        """Fit a copy of the regressor on `X` (n_rows, n_features); raise ValueError for what it refuses."""
        y = check_array(validate_data(self, y=y, y_numeric=True), ensure_2d=False, input_name="y")
        self.regressor_ = clone(self.regressor).fit(X, self.learn(y).standardise(y))
        if hasattr(self.regressor_, "feature_names_in_"):
            self.feature_names_in_ = self.regressor_.feature_names_in_
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Return predictions in the target's unit, of shape (n_rows,); raise NotFittedError before `fit`."""
        if not hasattr(self, "regressor_"):  # asked first: the check takes a good part of what a row does
            check_is_fitted(self, "regressor_")
        return self.mean_ + self.spread_ * np.asarray(self.regressor_.predict(X), dtype="float64")

    @property
    def n_features_in_(self) -> int:
        """The number of features that the regressor was fitted on."""
        return int(self.regressor_.n_features_in_)

    def __sklearn_tags__(self) -> Tags:
        """Tell scikit-learn that whatever the regressor takes is taken."""
        tags = super().__sklearn_tags__()
        if self.regressor is not None:
            tags.input_tags = get_tags(self.regressor).input_tags
        return tags
