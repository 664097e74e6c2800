"""Decides what a configuration learns from: the table, its split, and the folds in the terms of its features."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
from sklearn.compose import ColumnTransformer

from champion import data
from champion.data import Dataset, Summary, split
from champion.data.advice import advise
from champion.data.memory import give_back
from champion.learning.pipeline import EncodedFold, Folds


@dataclass(frozen=True, eq=False, repr=False)
class Prepared:
    """The rows of a table to train on and those held out, and each fold of the former as an estimator sees it.

    `data` identifies the whole table, which takes no memory any more, `advice` is what is worth knowing of it,
    `features` the recipe that encodes it, not fitted yet, and `validation` are the targets that each fold is scored on.
    """

    data: Summary
    train: Dataset
    test: Dataset
    advice: Sequence[str]
    features: ColumnTransformer
    folds: Iterable[EncodedFold]
    validation: Sequence[pd.Series]

    def __repr__(self) -> str:
        rows = f"{len(self.train):,} rows to train on, {len(self.test):,} held out"
        return f"<{self.data.name}: {rows}, {len(self.validation)} folds, to predict {self.data.target}>"


MOST_KEPT = 2**30  # bytes of encoded folds; larger ones are encoded again for each trial

_kept: dict[str, Prepared] = {}  # the last one that was to be kept, by what it was made of


def prepare(
    table: Mapping[str, Any],
    features: Callable[[Dataset], ColumnTransformer],
    *,
    task: str | None,
    test_size: float,
    n_splits: int,
    seed: int,
    repeat: int = 0,
    keep: bool = False,
) -> Prepared:
    """Load `table` (the arguments of data.load) and split it; a fold is encoded when it is asked for.

    `keep` encodes all folds at once, unless they are too large, and hands out the same again as long as nothing else is
    asked for: trials differ in their model only.
    """
    made_of = repr((dict(table), task, features, test_size, n_splits, seed, repeat))
    if keep and made_of in _kept:
        return _kept[made_of]
    dataset = data.load(**table, task=task)
    train, test = split.hold_out(dataset, test_size=test_size, seed=seed)
    rows = split.folds(train, n_splits=n_splits, seed=seed, repeat=repeat)
    described = features(train)
    prepared = Prepared(
        dataset.summary,
        train,
        test,
        advise(dataset, train, test),
        described,
        Folds(described, train, rows),
        [train.y.iloc[scored] for _, scored in rows],
    )
    del dataset  # whose rows stand in both parts now
    give_back()
    if keep:
        prepared = _encoded(prepared)
        _kept.clear()
        _kept[made_of] = prepared
    return prepared


def _encoded(prepared: Prepared) -> Prepared:
    """Return the same with all folds encoded, unless they are too large."""
    encoded = iter(prepared.folds)
    first = next(encoded)
    too_large = first.X.nbytes * len(prepared.validation) >= MOST_KEPT
    return prepared if too_large else replace(prepared, folds=[first, *encoded])
