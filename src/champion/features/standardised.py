"""Decides how a target far from zero is learned: by its distance from the mean, as models keep few digits of it."""

from typing import Self, TypeAlias

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, MetaEstimatorMixin, RegressorMixin, clone

Target: TypeAlias = pd.Series | np.ndarray


class Standardised(RegressorMixin, MetaEstimatorMixin, BaseEstimator):  # type: ignore[misc]
    """A regressor that learns how many standard deviations the target is from its mean, and predicts the target."""

    def __init__(self, regressor: BaseEstimator | None = None) -> None:
        self.regressor = regressor

    def learn(self, y: Target) -> Self:
        """Learn mean and spread of the target, of shape (n_rows,)."""
        self.mean_, self.spread_ = float(np.mean(y)), float(np.std(y)) or 1.0
        return self

    def transform(self, y: Target) -> Target:
        """Return the target in standard deviations from its mean."""
        return (y - self.mean_) / self.spread_

    def fit(self, X: np.ndarray, y: Target) -> Self:
        """Fit a copy of the regressor on `X` (n_rows, n_features)."""
        self.regressor_ = clone(self.regressor).fit(X, self.learn(y).transform(y))
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Return predictions in the target's unit, of shape (n_rows,)."""
        return self.mean_ + self.spread_ * np.asarray(self.regressor_.predict(X), dtype="float64")
