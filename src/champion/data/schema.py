"""Decides which columns a model takes, and makes a table of them: every saved model begins with this step."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils import Tags

from champion.base.errors import RequestError
from champion.base.words import did_you_mean, shorten
from champion.data.cells import Held
from champion.data.column import name_at
from champion.data.dataset import Dataset
from champion.data.date import write
from champion.data.reading import DATE, Reading

STR = pd.StringDtype(na_value=np.nan)  # to look up what "str" means takes longer than to make a column of a row


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows that a model can take: an array of shape (n_rows,) for each of its columns, in its order.

    `unseen` counts the cells of categories that training never saw, by column.
    """

    arrays: Mapping[str, np.ndarray]
    n_rows: int
    unseen: Mapping[str, int]


class Schema(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """The columns that a model takes, in the order it was trained on; `unused` are others that its table had.

    It knows them without a `fit`.
    """

    def __init__(self, columns: Sequence[Reading], unused: Sequence[str] = ()) -> None:
        self.columns = columns
        self.unused = unused

    @classmethod
    def of(cls, train: Dataset, *, filled: Collection[str] = ()) -> Self:
        """Return the schema of a model that learned from `train`.

        Values may be missing where training had gaps, or where the model fills them itself, as in the columns `filled`.
        """
        used = [column.reading for column in train.columns if column.reading]
        columns = [replace(one, required=one.name not in filled and not train.X[one.name].hasnans) for one in used]
        return cls(columns, [*(column.name for column in train.columns if not column.reading), train.target])

    @cached_property
    def names(self) -> Mapping[str, Reading]:
        """The columns by their names, in order."""
        return {column.name: column for column in self.columns}

    @property
    def feature_names_in_(self) -> np.ndarray:
        """The columns' names, of shape (n_columns,)."""
        return np.array([column.name for column in self.columns], dtype=object)

    @property
    def n_features_in_(self) -> int:
        """The number of columns."""
        return len(self.columns)

    def written(self, *, decimal: str | None, missing: Sequence[str]) -> "Schema":
        """Return the schema for text that has another mark of decimals, or more words for nothing."""
        columns = [
            replace(one, decimal=decimal or one.decimal, missing=(*one.missing, *missing)) for one in self.columns
        ]
        return Schema(columns, self.unused)

    def example(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return rows of values as they may be sent: dates as they were written where the model learned them."""
        formats = {column.name: column.date_format for column in self.columns if column.kind == DATE}
        own = {name: rows[name].map(partial(write, written=one), na_action="ignore") for name, one in formats.items()}
        return rows.assign(**{name: cells.astype("str") for name, cells in own.items()})

    def fit(self, X: pd.DataFrame, y: pd.Series | None = None) -> Self:  # noqa: ARG002
        """Do nothing: what there is to learn of a column was learned when it was read."""
        return self

    def transform(self, X: pd.DataFrame | Mapping[str, Held]) -> pd.DataFrame:
        """Return the columns as a table of values, of shape (n_rows, n_columns).

        Raises RequestError for one that is missing, and CellError for a cell that has no place in its column.
        """
        given = _named(X)
        return pd.DataFrame(self.join([self.read(given, len(next(iter(given.values()), ())))]))

    def __sklearn_tags__(self) -> Tags:
        """Tell scikit-learn that cells of any kind are read, gaps too, and that there is nothing to be fitted."""
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.two_d_array, tags.input_tags.dict = False, True  # columns by their names, and no array
        tags.input_tags.allow_nan = tags.input_tags.categorical = tags.input_tags.string = True
        return tags

    def read(self, given: Mapping[str, Held], n_rows: int) -> Rows:
        """Return the rows, of which each of the columns `given` has its cells; other columns don't matter.

        Raises RequestError naming a column that is missing, and CellError for a cell that has no place in its column.
        """
        arrays = {}
        for column in self.columns:
            if column.name not in given and column.required:
                raise RequestError(f"Column '{column.name}' is missing.", column=column.name)
            arrays[column.name] = column.read(given[column.name] if column.name in given else [None] * n_rows)
        unseen = {column.name: number for column in self.columns if (number := column.unseen(arrays[column.name]))}
        return Rows(arrays, n_rows, unseen)

    def check(self, values: Mapping[str, Sequence[Any]]) -> Rows:
        """Return the rows of a request, the cells of each column with None for a missing one.

        Raises RequestError naming the column for one that is missing or unknown, and for a cell that has no place in
        it; no message holds a cell's content.
        """
        given = _named(values)
        if given and not set(given) & set(self.names):  # perhaps a row in the place of the header line
            raise RequestError(f"No column is one of the model's: {shorten(self.names)}.")
        for name in given:
            if name not in self.names and name not in self.unused:
                shown = name[:80]
                hint = did_you_mean(shown, self.names)
                raise RequestError(f"Column '{shown}' is not one of the model's.{hint}", column=shown)
        if not (n_rows := len(next(iter(given.values()), ()))):
            raise RequestError("There are no rows to predict.")
        return self.read(given, n_rows)

    def join(self, parts: Sequence[Rows]) -> dict[str, np.ndarray | pd.Series]:
        """Return the columns of all parts' rows below each other, each of shape (n_rows,), as a table holds them."""
        columns: dict[str, np.ndarray | pd.Series] = {}
        for column in self.columns:
            cells = [part.arrays[column.name] for part in parts]
            together = cells[0] if len(cells) == 1 else np.concatenate(cells)
            columns[column.name] = pd.Series(together, dtype=STR) if column.type == "string" else together
        return columns


def _named(columns: Mapping[str, Held] | pd.DataFrame) -> dict[str, Held]:
    """Return the columns by the names that training gives them."""
    if not hasattr(columns, "items"):
        raise RequestError(
            f"Columns are taken by their names, as in a DataFrame, but this is an {type(columns).__name__}."
        )
    named = {name_at(place, str(name)): cells for place, (name, cells) in enumerate(columns.items(), start=1)}
    if len(named) < len(columns.keys()):
        raise RequestError("A column is named twice.")
    return named
