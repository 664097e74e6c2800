"""Decides which values a model's columns may hold: text is never a number, and 3.5 is never taken for 3."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from champion.errors import RequestError, did_you_mean


@dataclass(frozen=True)
class Kind:
    """What a column of one MLflow type is said to hold, the Python types that are it, and its pandas dtype."""

    says: str
    accepts: frozenset[type]
    dtype: str


NUMBER = Kind("a finite number", frozenset({int, float}), "float64")
WHOLE = Kind("a whole number", frozenset({int}), "int64")
KINDS = {
    "double": NUMBER,
    "float": NUMBER,
    "long": WHOLE,
    "integer": WHOLE,
    "boolean": Kind("true or false", frozenset({bool}), "bool"),
    "string": Kind("text", frozenset({str}), "str"),
}


@dataclass(frozen=True)
class Column:
    """One input of a model: its name, its MLflow type, and whether every row must have a value."""

    name: str
    type: str
    required: bool


@dataclass(frozen=True)
class Schema:
    """The inputs of a model, in the order it was trained on."""

    columns: Sequence[Column]

    @property
    def names(self) -> list[str]:
        """Names of the columns, in order."""
        return [column.name for column in self.columns]

    def check(self, values: Mapping[str, Sequence[Any]]) -> pd.DataFrame:
        """Return the table of shape (n_rows, n_columns) that the model expects, its columns put in order.

        `values` holds the cells of each column, None for a missing one. Raises RequestError naming the column for a
        column that is missing or unknown and for a cell of another type; no message holds a cell's content.
        """
        for name in values:
            if name not in self.names:
                hint = did_you_mean(name, self.names)
                raise RequestError(f"Column '{name[:80]}' is not one of the model's.{hint}", column=name[:80])
        n_rows = len(next(iter(values.values()), ()))
        if n_rows == 0:
            raise RequestError("There are no rows to predict.")
        for column in self.columns:
            if column.name not in values and column.required:
                raise RequestError(f"Column '{column.name}' is missing.", column=column.name)
        absent = [None] * n_rows
        return pd.DataFrame({column.name: _series(column, values.get(column.name, absent)) for column in self.columns})


def _series(column: Column, cells: Sequence[Any]) -> pd.Series:
    kind = KINDS[column.type]
    accepts = kind.accepts if column.required else kind.accepts | {type(None)}
    if not set(map(type, cells)) <= accepts:
        raise _refusal(column, cells, next(row for row, cell in enumerate(cells) if type(cell) not in accepts))
    try:
        series = pd.Series(cells, dtype=kind.dtype if kind is not WHOLE or None not in cells else "float64")
    except OverflowError:
        raise _refusal(column, cells, int(np.argmax([abs(cell or 0) for cell in cells]))) from None
    if kind is NUMBER and (infinite := np.isinf(series.to_numpy())).any():
        raise _refusal(column, cells, int(np.argmax(infinite)))
    return series


FOUND = {str: "text", bool: "true or false", type(None): "nothing", float: "a fraction or too large a number"}


def _refusal(column: Column, cells: Sequence[Any], row: int) -> RequestError:
    cell = cells[row]
    found = FOUND.get(type(cell), "too large a number" if isinstance(cell, int) else "a list or an object")
    says = f"Column '{column.name}' must hold {KINDS[column.type].says} in every row, but row {row + 1} holds {found}."
    return RequestError(says, column=column.name)
