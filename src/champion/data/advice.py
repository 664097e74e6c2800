"""Decides what a colleague would say who looks at the table: what makes scores look better than they are, and the like.

Nothing here stops a run, and nothing is changed by it.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy.stats import ks_2samp
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from champion.base.remedy import override
from champion.base.words import shorten
from champion.data import Dataset
from champion.data.reading import CATEGORY, KINDS, NUMBER

LOOKED_AT = 2000  # rows of each part, drawn at random: enough to see what is worth saying
TELLS = 0.99  # share of the target that a single column explains, from which it may know the answer
RARE = 0.01  # share of the rows, below which a class is rare
APART = 0.25  # largest distance between the distributions of training and held-out rows that is usual
BY_CHANCE = 1e-6  # probability of such a distance between rows drawn alike


def advise(dataset: Dataset, train: Dataset, test: Dataset) -> list[str]:
    """Return a line for each thing that is worth knowing before the scores are believed."""
    found = (_index(dataset), _shares_as_numbers(dataset), _rare_classes(dataset), _twins(train, test))
    read = [column.note for column in dataset.columns if column.note]
    return [*read, *(line for lines in found for line in lines), *_leaks(train), *_drift(train, test)]


def _index(dataset: Dataset) -> Iterator[str]:
    for column in dataset.columns:
        if column.why in ("numbers the rows", "names the rows"):
            kind = NUMBER if column.why.startswith("numbers") else CATEGORY
            use = override(f"data.kinds.{kind}", [column.name])
            yield f"Column '{column.name}' {column.why}, so it is left out; {use} uses it."


def _shares_as_numbers(dataset: Dataset) -> Iterator[str]:
    if not dataset.task.is_classification and set(dataset.y.unique()) <= {0.0, 1.0}:
        says = "holds only 0 and 1, but is predicted as a number; task=binary predicts how likely 1 is"
        yield f"'{dataset.target}' {says}."


def _rare_classes(dataset: Dataset) -> Iterator[str]:
    if dataset.task.is_classification:
        counts, n_rows = dataset.y.value_counts(), len(dataset)
        if counts.min() < RARE * n_rows:
            rarest = counts.index.tolist()[counts.argmin()]
            said = f"class {rarest!r} has {counts.min():,} of {n_rows:,} rows ({counts.min() / n_rows:.2%})"
            yield f"The classes are far from balanced: {said}. Look at average_precision rather than accuracy."


def _twins(train: Dataset, test: Dataset) -> Iterator[str]:
    twins = int(np.isin(test.row_hashes, train.row_hashes).sum())
    if twins:
        named = "" if train.group is not None else ", or name what rows belong to with data.group"
        remedy = f"Remove duplicates{named}"
        yield f"{twins:,} of {len(test):,} held-out rows are training rows too, which flatters the scores. {remedy}."


def _leaks(train: Dataset) -> Iterator[str]:
    some = train.take(_some(len(train)))
    if len(some) < 40:
        return
    classes = train.task.is_classification
    codes = pd.factorize(some.y, sort=True)[0] if classes else some.y.to_numpy()
    for name in some.names(*KINDS):
        if (share := _explained(_as_numbers(some.X[name]), codes, classes=classes)) > TELLS:
            tells = f"Column '{name}' alone tells {share:.1%} of '{train.target}'"
            yield f"{tells}. Is it known beforehand? If not, {override('data.drop', [name])} leaves it out."


def _explained(column: np.ndarray, y: np.ndarray, *, classes: bool) -> float:
    """Return which share of the target in half of the rows a small tree tells from the column: R², or hits by class."""
    half = len(y) // 2
    kind = DecisionTreeClassifier if classes else DecisionTreeRegressor
    tree = kind(max_depth=10, min_samples_leaf=2).fit(column[:half, None], y[:half])
    found, true = tree.predict(column[half:, None]), y[half:]
    if classes:
        return float(np.mean([np.mean(found[true == label] == label) for label in np.unique(true)]))
    spread = float(np.sum((true - true.mean()) ** 2))
    return 1 - float(np.sum((true - found) ** 2)) / spread if spread else 0.0


def _drift(train: Dataset, test: Dataset) -> Iterator[str]:
    few, many = test.take(_some(len(test))).X, train.take(_some(len(train))).X
    dated = None if train.time is None else train.time.name
    apart = [str(name) for name in many.columns if name != dated and _differ(many[name], few[name])]
    if apart:
        said = f"Held-out rows are unlike the training rows in {shorten(apart, limit=5)}"
        yield f"{said}. {_why(train)} expect the scores to move with the next rows."


def _why(train: Dataset) -> str:
    if train.time is not None:
        return "They come later, so"
    return "They are other groups, so" if train.group is not None else "So"


def _differ(one: pd.Series, other: pd.Series) -> bool:
    left, right = (values.dropna() for values in (one, other))
    if min(len(left), len(right)) < 2:
        return False
    codes, _ = pd.factorize(pd.concat([left, right], ignore_index=True), sort=True)
    if one.dtype == "str" or one.dtype == object:  # categories have no order: the most shifted ones come first
        shift = np.bincount(codes[: len(left)], minlength=codes.max() + 1) / len(left)
        shift = shift - np.bincount(codes[len(left) :], minlength=codes.max() + 1) / len(right)
        if (shift > 0).sum() > len(left) / 10:
            return False  # so many values that two draws always differ
        codes = np.argsort(np.argsort(shift))[codes]
    found = ks_2samp(codes[: len(left)], codes[len(left) :], method="asymp")
    return bool(found.statistic > APART and found.pvalue < BY_CHANCE)


def _as_numbers(values: pd.Series) -> np.ndarray:
    if pd.api.types.is_numeric_dtype(values):
        return values.to_numpy(dtype="float64")
    return pd.factorize(values, sort=True)[0].astype("float64")


def _some(n_rows: int) -> np.ndarray:
    """Return positions of at most so many rows that are looked at, the same ones every time."""
    return np.random.default_rng(0).permutation(n_rows)[:LOOKED_AT]
