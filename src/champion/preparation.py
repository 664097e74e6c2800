"""Decides what a configuration learns from: the table, its split, and the folds in the terms of its features."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
from sklearn.compose import ColumnTransformer

from champion import data, split
from champion.data import Dataset
from champion.pipeline import EncodedFold, encode


@dataclass(frozen=True, eq=False)
class Prepared:
    """A table with its rows to train on and those held out, and each fold of the former as an estimator sees it."""

    dataset: Dataset
    train: Dataset
    test: Dataset
    features: ColumnTransformer
    folds: Iterable[EncodedFold]


_kept: dict[str, Prepared] = {}  # the last one that was to be kept, by what it was made of


def prepare(
    table: Mapping[str, Any],
    features: Callable[[pd.DataFrame], ColumnTransformer],
    *,
    test_size: float,
    n_splits: int,
    seed: int,
    keep: bool = False,
) -> Prepared:
    """Load `table` (the arguments of data.load) and split it; a fold is encoded when it is asked for.

    `keep` encodes all folds at once, and hands out the same again as long as nothing else is asked for: trials
    differ in their model only.
    """
    made_of = repr((dict(table), features, test_size, n_splits, seed))
    if keep and made_of in _kept:
        return _kept[made_of]
    dataset = data.load(**table)
    train, test = split.hold_out(dataset, test_size=test_size, seed=seed)
    rows = split.folds(train, n_splits=n_splits, seed=seed)
    described = features(train.X)
    prepared = Prepared(dataset, train, test, described, encode(described, train, rows))
    if keep:
        prepared = replace(prepared, folds=list(prepared.folds))
        _kept.clear()
        _kept[made_of] = prepared
    return prepared
