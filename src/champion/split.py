"""Decides which rows a model may learn from, and which it is judged by once."""

import numpy as np
from sklearn.model_selection import KFold, train_test_split

from champion.data import Dataset
from champion.errors import ConfigError, DataError


def hold_out(dataset: Dataset, *, test_size: float, seed: int) -> tuple[Dataset, Dataset]:
    """Return the rows to train on, and the share `test_size` of them that only the finalist is scored on."""
    if not isinstance(test_size, int | float) or not 0 < test_size < 1:
        raise ConfigError(f"test_size must lie between 0 and 1, but got {test_size!r}.")
    if type(seed) is not int or not 0 <= seed < 2**32:
        raise ConfigError(f"seed must be a whole number from 0 to 4294967295, but got {seed!r}.")
    if len(dataset) < 10:
        raise DataError(f"{dataset.source} has {len(dataset)} rows; a split into training and held-out rows needs 10.")
    train, test = train_test_split(np.arange(len(dataset)), test_size=test_size, random_state=seed)
    return dataset.take(train), dataset.take(test)


def folds(train: Dataset, *, n_splits: int, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return `n_splits` pairs of row positions in `train`: those to fit on, those to score on."""
    if type(n_splits) is not int or not 2 <= n_splits <= len(train):
        raise ConfigError(
            f"n_splits must be a whole number from 2 to {len(train)} (training rows), but got {n_splits!r}."
        )
    return list(KFold(n_splits, shuffle=True, random_state=seed).split(np.zeros(len(train))))
