"""Decides which values a model's columns may hold: text is never a number, and 3.5 is never taken for 3."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from math import inf, isfinite
from typing import Any

import numpy as np
import pandas as pd

from champion.errors import CellError, RequestError, did_you_mean, shorten


@dataclass(frozen=True)
class Kind:
    """What a column of one MLflow type is said to hold, the Python types that are it, and its dtype in a table.

    Where values are missing the dtype is another one.
    """

    says: str
    accepts: frozenset[type]
    dtype: str
    dtype_with_gaps: str


NUMBER = Kind("a finite number", frozenset({int, float}), "float64", "float64")
WHOLE = Kind("a whole number", frozenset({int, float}), "int64", "float64")
TEXT = Kind("text", frozenset({str}), "str", "str")
DATE = Kind("a date such as 2024-05-31 or 2024-05-31T18:30", frozenset({str}), "datetime64[us]", "datetime64[us]")
TRUTH = Kind("true or false", frozenset({bool}), "bool", "object")
DATE_FORMATS = "date_formats"  # among a model's metadata: how dates were written in the file, by column
LARGEST = sys.float_info.max
KINDS = {
    "double": NUMBER,
    "float": NUMBER,
    "long": WHOLE,
    "integer": WHOLE,
    "boolean": TRUTH,
    "string": TEXT,
    "datetime": DATE,
}


@dataclass(frozen=True)
class Column:
    """One input of a model: its name, its MLflow type, and whether every row must have a value.

    `date_format` is how dates may be written beside ISO 8601: as they were in the file that was learned from.
    """

    name: str
    type: str
    required: bool
    date_format: str = ""

    def read(self, text: str) -> Any:
        """Return the value that `text` stands for in CSV, None for none; `text` itself where it is no such value."""
        if text == "":
            return None
        accepts = KINDS[self.type].accepts
        for kind in (int, float):
            if kind in accepts and "_" not in text:  # Python reads 1_000 as a number, nobody else does
                try:
                    number = kind(text)
                except ValueError:
                    continue
                return number if kind is int or isfinite(number) else text
        return {"true": True, "false": False}.get(text.lower(), text) if bool in accepts else text

    def check(self, cells: Sequence[Any]) -> np.ndarray:
        """Return `cells`, None among them for a missing one, as an array of shape (n_rows,).

        Raises CellError for the first cell of another type; the message doesn't hold its content.
        """
        return _array(self, cells)


def type_of(values: pd.Series) -> str:
    """Return the MLflow type of a table's column."""
    if pd.api.types.is_bool_dtype(values) or values.dtype == object:  # true, false and nothing
        return "boolean"
    if pd.api.types.is_datetime64_dtype(values):
        return "datetime"
    if pd.api.types.is_numeric_dtype(values):
        return "long" if pd.api.types.is_integer_dtype(values) else "double"
    return "string"


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows that a model can take: an array of shape (n_rows,) for each of its columns, in its order."""

    arrays: Mapping[str, np.ndarray]
    n_rows: int


@dataclass(frozen=True)
class Schema:
    """The inputs of a model, in the order it was trained on."""

    columns: Sequence[Column]

    @cached_property
    def names(self) -> Mapping[str, Column]:
        """The columns by their names, in order."""
        return {column.name: column for column in self.columns}

    def check(self, values: Mapping[str, Sequence[Any]]) -> Rows:
        """Return `values`, the cells of each column with None for a missing one, in the model's order and types.

        Raises RequestError naming the column for a column that is missing or unknown and for a cell of another type;
        no message holds a cell's content.
        """
        if values and not set(values) & set(self.names):  # perhaps a row in the place of the header line
            raise RequestError(f"No column is one of the model's: {shorten(self.names)}.")
        for name in values:
            if name not in self.names:
                shown = name[:80]
                hint = did_you_mean(shown, self.names)
                raise RequestError(f"Column '{shown}' is not one of the model's.{hint}", column=shown)
        n_rows = len(next(iter(values.values()), ()))
        if n_rows == 0:
            raise RequestError("There are no rows to predict.")
        for column in self.columns:
            if column.name not in values and column.required:
                raise RequestError(f"Column '{column.name}' is missing.", column=column.name)
        absent = [None] * n_rows
        return Rows({column.name: column.check(values.get(column.name, absent)) for column in self.columns}, n_rows)

    def join(self, parts: Sequence[Rows]) -> dict[str, np.ndarray | pd.Series]:
        """Return the columns of all parts' rows below each other, each of shape (n_rows,), as a table holds them."""
        columns: dict[str, np.ndarray | pd.Series] = {}
        for column in self.columns:
            cells = [part.arrays[column.name] for part in parts]
            together = cells[0] if len(cells) == 1 else np.concatenate(cells)
            is_text = KINDS[column.type] is TEXT
            columns[column.name] = pd.Series(together, dtype=TEXT.dtype) if is_text else together
        return columns


def _array(column: Column, cells: Sequence[Any]) -> np.ndarray:
    kind = KINDS[column.type]
    types = set(map(type, cells))
    accepts = kind.accepts if column.required else kind.accepts | {type(None)}
    if not types <= accepts:
        raise _refusal(column, cells, lambda cell: type(cell) not in accepts)
    if kind is WHOLE and float in types and any(not _is_whole(cell) for cell in cells):
        raise _refusal(column, cells, lambda cell: not _is_whole(cell))
    if kind is DATE:
        return _dates(column, cells)
    dtype = kind.dtype if type(None) not in types else kind.dtype_with_gaps
    try:
        array = np.array(cells, dtype=object if kind is TEXT else dtype)
    except OverflowError:
        raise _refusal(column, cells, lambda cell: abs(cell or 0) >= (2**63 if kind is WHOLE else LARGEST)) from None
    if kind is NUMBER and (inf in cells or -inf in cells):
        raise _refusal(column, cells, lambda cell: cell in (inf, -inf))
    return array


def _dates(column: Column, cells: Sequence[str | None]) -> np.ndarray:
    dates = [None if cell is None else _date(cell, column.date_format) for cell in cells]
    if any(date is None and cell is not None for date, cell in zip(dates, cells, strict=True)):
        raise _refusal(column, cells, lambda cell: cell is not None and _date(cell, column.date_format) is None)
    return np.array(dates, dtype=DATE.dtype)


def _date(text: str, date_format: str) -> datetime | None:
    """Return the date that is written in ISO 8601 or in the format, in UTC where it names a zone; None for none."""
    for read in (datetime.fromisoformat, lambda text: datetime.strptime(text, date_format)):
        try:
            date = read(text)
            return date.astimezone(UTC).replace(tzinfo=None) if date.tzinfo else date
        except (ValueError, OverflowError):
            continue
    return None


def _is_whole(cell: float | None) -> bool:
    """Tell whether the cell is a whole number, or none: JSON from JavaScript says 3.0 for 3."""
    return not isinstance(cell, float) or (cell.is_integer() and abs(cell) <= 2**53)


FOUND = {
    str: "text",
    bool: "true or false",
    type(None): "nothing",
    float: "a fraction or too large a number",
    date: "a date",
    time: "a time",
    timedelta: "a span of time",
    bytes: "bytes",
}


def _refusal(column: Column, cells: Sequence[Any], is_wrong: Callable[[Any], bool]) -> CellError:
    row = next(row for row, cell in enumerate(cells) if is_wrong(cell))
    return CellError(column.name, row, rule=KINDS[column.type].says, found=_found(column, cells[row]))


def _found(column: Column, cell: Any) -> str:
    if type(cell) in (int, float) and type(cell) not in KINDS[column.type].accepts:
        return "a number"
    if type(cell) is int:
        return "too large a number"
    return next((says for kind, says in FOUND.items() if isinstance(cell, kind)), "a list or an object")
