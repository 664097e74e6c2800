"""Decides which rows a model may learn from, and which it is judged by once."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from sklearn.model_selection import (
    GroupKFold,
    GroupShuffleSplit,
    KFold,
    StratifiedGroupKFold,
    StratifiedKFold,
    TimeSeriesSplit,
    train_test_split,
)

from champion.base.errors import ConfigError, DataError
from champion.data import Dataset

Rows = np.ndarray  # positions, of shape (n_rows,)
FEWEST = 3  # training rows of a class: with one of them in a fold, two are left to learn from


def hold_out(dataset: Dataset, *, test_size: float, seed: int) -> tuple[Dataset, Dataset]:
    """Return the rows to train on, and the share `test_size` of them that only the finalist is scored on.

    Where rows have a time, the last ones are held out; where they have groups, whole groups are; classes keep their
    shares otherwise.
    """
    if not isinstance(test_size, int | float) or not 0 < test_size < 1:
        raise ConfigError(f"test_size must lie between 0 and 1, but got {test_size!r}.")
    if type(seed) is not int or not 0 <= seed < 2**32:
        raise ConfigError(f"seed must be a whole number from 0 to 4294967295, but got {seed!r}.")
    if len(dataset) < 10:
        rows = "1 row" if len(dataset) == 1 else f"{len(dataset)} rows"
        raise DataError(f"{dataset.source} has {rows}; a split into training and held-out rows needs 10.")
    _check_classes(dataset, dataset.y)
    train, test = (dataset.take(rows) for rows in _held_out(dataset, test_size=test_size, seed=seed))
    _check_classes(dataset, train.y)
    return train, test


def folds(train: Dataset, *, n_splits: int, seed: int, repeat: int = 0) -> list[tuple[Rows, Rows]]:
    """Return `n_splits` pairs of row positions in `train`: those to fit on, those to score on.

    Where rows have a time, each fold is fitted on the rows before those that it is scored on. Each `repeat` deals the
    rows to other folds; times are cut in other places then, into as many folds more.
    """
    most, unit = len(train), "training rows"
    if train.group is not None:
        most, unit = train.group.nunique(), f"training groups of data.group={train.group.name}"
    elif train.time is not None:
        most, unit = train.time.nunique() - 1, f"training times of data.time={train.time.name}, less one"
    if type(n_splits) is not int or not 2 <= n_splits <= most:
        raise ConfigError(f"n_splits must be a whole number from 2 to {most} ({unit}), but got {n_splits!r}.")
    if type(repeat) is not int or repeat < 0:
        raise ConfigError(f"repeat must be a whole number from 0, but got {repeat!r}.")
    if train.time is not None:
        return _forward(train.time, min(n_splits + repeat, most))
    classes, grouped = train.task.is_classification, train.group is not None
    stratified = classes and int(train.y.value_counts().max()) >= n_splits
    kind: Callable[..., Any] = {
        (False, False): KFold,
        (False, True): GroupKFold,
        (True, False): StratifiedKFold,
        (True, True): StratifiedGroupKFold,
    }[stratified, grouped]
    dealt = int(np.random.SeedSequence([seed, repeat]).generate_state(1)[0]) if repeat else seed
    splitter = kind(n_splits=n_splits, shuffle=True, random_state=dealt)
    found = splitter.split(np.zeros(len(train)), train.y, train.group)
    return [(fit.astype(np.int32), scored.astype(np.int32)) for fit, scored in found]  # half the memory


def _held_out(dataset: Dataset, *, test_size: float, seed: int) -> tuple[Rows, Rows]:
    rows = np.arange(len(dataset))
    if dataset.time is not None:
        return _latest(dataset.time, test_size=test_size)
    if dataset.group is not None:
        if dataset.group.nunique() < 2:
            raise DataError(f"data.group '{dataset.group.name}' of {dataset.source} has one group; a split needs two.")
        splitter = GroupShuffleSplit(1, test_size=test_size, random_state=seed)
        train, test = next(splitter.split(rows, groups=dataset.group))
        return train, test
    classes, counts = np.unique(dataset.y, return_counts=True) if dataset.task.is_classification else ((), ())
    n_test = int(np.ceil(test_size * len(rows)))
    fits = len(classes) > 0 and len(classes) <= min(n_test, len(rows) - n_test) and min(counts) > 1
    train, test = train_test_split(rows, test_size=test_size, random_state=seed, stratify=dataset.y if fits else None)
    return train, test


def _latest(time: pd.Series, *, test_size: float) -> tuple[Rows, Rows]:
    """Cut where the share is nearest without parting rows of the same time."""
    order = np.argsort(time.to_numpy(), kind="stable")
    ordered = time.to_numpy()[order]
    cuts = np.flatnonzero(ordered[1:] != ordered[:-1]) + 1
    if len(cuts) == 0:
        raise DataError(f"data.time '{time.name}' is the same in every row. Choose another column.")
    cut = cuts[np.argmin(np.abs(cuts - (1 - test_size) * len(time)))]
    return order[:cut], order[cut:]


def _forward(time: pd.Series, n_splits: int) -> list[tuple[Rows, Rows]]:
    moments, moment = np.unique(time.to_numpy(), return_inverse=True)
    parts = TimeSeriesSplit(n_splits).split(moments)
    return [(np.flatnonzero(np.isin(moment, fit)), np.flatnonzero(np.isin(moment, scored))) for fit, scored in parts]


def _check_classes(dataset: Dataset, y: pd.Series) -> None:
    if not dataset.task.is_classification:
        return
    counts = y.value_counts().reindex(list(dataset.task.classes), fill_value=0)
    if (fewest := int(counts.min())) < FEWEST:
        part = "" if len(y) == len(dataset) else "training "
        has = f"class {dataset.task.classes[counts.argmin()]!r} has {fewest} {part}{'row' if fewest == 1 else 'rows'}"
        raise DataError(
            f"data.target '{dataset.target}' of {dataset.source}: {has}, and a class needs {FEWEST} training rows."
            " Find more of it, join it with another class, or remove its rows."
        )
