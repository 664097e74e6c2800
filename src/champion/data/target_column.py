"""Decides which task a target sets, and that every row has a value of it that can be learned."""

import numpy as np
import pandas as pd
import pyarrow as pa

from champion.base.errors import ConfigError, DataError
from champion.base.remedy import override
from champion.base.words import did_you_mean
from champion.data.inference import Where
from champion.data.reading import EXACT
from champion.data.task import MULTICLASS, NAMES, REGRESSION, Task, classification, regression

FEW_NUMBERS = 10  # whole numbers so few are taken for the names of classes
MOST_CLASSES = 100  # of text, beyond which it is no label


def check(task: str | None) -> None:
    """Raise ConfigError unless `task` is one that there is, or None: told from the target."""
    if task is not None and task not in NAMES:
        says = f"task must be one of {', '.join(NAMES)}, or null to tell it from the target, but got {task!r}."
        raise ConfigError(f"{says}{did_you_mean(str(task), NAMES)}")


def learnable(
    values: pd.Series, written: pa.ChunkedArray, *, task: str | None, source: str, where: Where
) -> tuple[pd.Series, Task]:
    """Return the target as numbers or labels, and the task that it sets; `where` names a row of the file.

    `written` are the cells that the values, of shape (n_rows,), were read from. Raises DataError for a row without a
    value, for a value that is the same everywhere, and for text where `task` asks for numbers.
    """
    y = _labels(complete(values, where, key="data.target", written=written))
    named = f"data.target '{y.name}' of {source}"
    if pd.api.types.is_datetime64_dtype(y):
        raise DataError(f"{named} holds dates, and only numbers and classes are predicted. Choose another column.")
    classes = tuple(np.unique(y).tolist())
    if len(classes) == 1:
        only = f"it is {classes[0]!r} in {'every row' if len(y) > 1 else 'its only row'}"
        raise DataError(f"{named} can't be learned: {only}. Choose another column, or add rows that differ.")
    if (task or _guess(y, classes)) == REGRESSION:
        numbers = _numbers(y, where)
        return numbers, regression(numbers.to_numpy())
    return y, _classes(y, classes, task=task, named=named)


def complete(values: pd.Series, where: Where, *, key: str, written: pa.ChunkedArray | None = None) -> pd.Series:
    """Return the values of a column that `key` names; raise DataError unless every row has one.

    `written` are the cells that they were read from, where one of them may be a word.
    """
    if (absent := values.isna().to_numpy()).any():
        row = int(np.argmax(absent))
        others = f", as in {absent.sum() - 1:,} other rows" if absent.sum() > 1 else ""
        word = str(written[row].as_py() or "").strip()[:80] if written is not None else ""
        remedy = f" {override('data.literal', [str(values.name)])} says that {word} is a value." if word else ""
        says = f"{key} '{values.name}' must have a value in every row, but here it has none{others}"
        raise DataError(f"{where(row)}: {says}. Fill it in, or remove the row.{remedy}")
    return values


def _labels(values: pd.Series) -> pd.Series:
    """Return whole numbers as such, whether they were written 1 or 1.0."""
    if not pd.api.types.is_float_dtype(values) or not (values % 1 == 0).all():
        return values
    return values.astype("int64") if values.abs().max() < EXACT else values


def _guess(y: pd.Series, classes: tuple[object, ...]) -> str:
    are_amounts = pd.api.types.is_float_dtype(y) or len(classes) > FEW_NUMBERS
    return REGRESSION if are_amounts and pd.api.types.is_any_real_numeric_dtype(y) else MULTICLASS


def _numbers(y: pd.Series, where: Where) -> pd.Series:
    if not pd.api.types.is_numeric_dtype(y):
        says = f"data.target '{y.name}' must hold numbers for task=regression, but here {str(y.iloc[0])[:80]!r}"
        raise DataError(f"{where(0)}: {says}. Correct it, or leave task to be told from the target.")
    return y.astype("float64")


def _classes(y: pd.Series, classes: tuple[str | int | bool, ...], *, task: str | None, named: str) -> Task:
    holds = f"{named} holds {len(classes):,} different values"
    if len(classes) > MOST_CLASSES:
        says = f"{holds} in {len(y):,} rows: too many for classes (at most {MOST_CLASSES}), and no numbers of something"
        are_numbers = override("data.kinds.number", [str(y.name)])
        raise DataError(f"{says}. Choose another column, or {are_numbers} where they are.")
    found = classification(classes)
    if task not in (None, found.name):
        raise DataError(f"{holds}, so it can't be predicted with task={task}. Leave task out, or choose another.")
    if pd.api.types.is_float_dtype(y):
        words = override("data.kinds.category", [str(y.name)])
        raise DataError(f"{named} holds fractions, which are no names of classes. {words} takes them for words.")
    return found
