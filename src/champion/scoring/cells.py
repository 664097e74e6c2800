"""Decides what the cells of a file are to a model: the server's check of a column, many cells at a time.

What Arrow converts at once is what the server's check makes of the same cells; whenever that isn't sure, the server's
check decides, cell by cell.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import compute

from champion.data.cells import A_SECOND, is_text
from champion.data.columnar import known
from champion.data.delimited import MISSING
from champion.errors import CellError, RequestError
from champion.schema import DATE, KINDS, NUMBER, TEXT, TRUTH, WHOLE, Column, Rows, Schema

EXACT = 2**53  # from which on a float may be another whole number's too


def check(schema: Schema, batch: pa.RecordBatch, *, decimal: str, missing: Sequence[str]) -> Rows:
    """Return the columns of `batch` that the model wants, in its order and types; the others don't matter.

    Text stands for what it says, with `decimal` for the point, and for nothing where it is one of the words for a
    missing value. Raises CellError for the first cell of a column that breaks its rule.
    """
    arrays = {}
    for column in schema.columns:
        if column.name in batch.schema.names:
            cells = _present(batch.column(column.name), [*MISSING, *missing])
            arrays[column.name] = _array(column, cells, decimal)
        else:
            arrays[column.name] = column.check([None] * batch.num_rows)
    return Rows(arrays, batch.num_rows)


def _present(cells: pa.Array, missing: Sequence[str]) -> pa.Array:
    """Return the cells with nulls where one stands for a missing value."""
    cells = known(cells.dictionary_decode() if pa.types.is_dictionary(cells.type) else cells, missing)
    return compute.if_else(compute.is_nan(cells), None, cells) if pa.types.is_floating(cells.type) else cells


def _array(column: Column, cells: pa.Array, decimal: str) -> np.ndarray:
    kind = KINDS[column.type]
    if kind is TEXT and not is_text(cells.type):
        cells = _written(cells)
    if kind in (NUMBER, WHOLE) and is_text(cells.type) and decimal != ".":
        cells = compute.replace_substring(cells, decimal, ".")
    converted = None
    if not (column.required and cells.null_count):
        converted = CONVERSIONS[kind](column, cells)
    return column.check(_values(column, cells)) if converted is None else converted


def _written(cells: pa.Array) -> pa.Array:
    """Return typed cells as CSV would say them; what no text stands for stays as it is."""
    try:
        return cells.cast(pa.string())
    except pa.ArrowException:
        return cells


def _values(column: Column, cells: pa.Array) -> list[Any]:
    """Return the cells as the Python values that the server's check knows."""
    if not is_text(cells.type):
        return _typed(cells)
    if KINDS[column.type] is TEXT:
        return cells.to_pylist()  # type: ignore[no-any-return]
    return [None if text is None else column.read(text.strip()) for text in cells.to_pylist()]


def _typed(cells: pa.Array) -> list[Any]:
    if pa.types.is_decimal(cells.type):
        cells = cells.cast(pa.float64())
    try:
        return cells.to_pylist()  # type: ignore[no-any-return]
    except (OverflowError, ValueError):  # a date beyond those of Python
        return cells.cast(pa.string()).to_pylist()  # type: ignore[no-any-return]


def _numbers(_column: Column, cells: pa.Array) -> np.ndarray | None:
    dtype = cells.type
    if pa.types.is_duration(dtype):
        return _seconds(cells)
    if not (is_text(dtype) or pa.types.is_integer(dtype) or pa.types.is_floating(dtype) or pa.types.is_decimal(dtype)):
        return None
    try:
        numbers = cells.cast(pa.float64(), safe=False)
    except pa.ArrowException:
        return None
    array: np.ndarray = numbers.to_numpy(zero_copy_only=False)
    return array if np.isfinite(array).sum() == len(array) - cells.null_count else None


def _seconds(spans: pa.Array) -> np.ndarray:
    """Return spans of time in seconds, as they are learned."""
    numbers: np.ndarray = spans.cast(pa.int64()).cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return numbers / A_SECOND[spans.type.unit]


def _whole_numbers(column: Column, cells: pa.Array) -> np.ndarray | None:
    array = _numbers(column, cells)
    if array is None:
        return None
    known = array[~np.isnan(array)]
    if (np.abs(known) >= EXACT).any() or (known % 1 != 0).any():
        return None
    return array if cells.null_count else array.astype(np.int64)


def _texts(_column: Column, cells: pa.Array) -> np.ndarray | None:
    return cells.to_numpy(zero_copy_only=False).astype(object) if is_text(cells.type) else None


def _truths(_column: Column, cells: pa.Array) -> np.ndarray | None:
    if is_text(cells.type):
        words = compute.utf8_lower(cells)
        truths = compute.index_in(words, value_set=pa.array(["false", "true"]))
        if truths.null_count > cells.null_count:
            return None
        cells = truths.cast(pa.bool_())
    return cells.to_numpy(zero_copy_only=False) if pa.types.is_boolean(cells.type) else None


def _dates(column: Column, cells: pa.Array) -> np.ndarray | None:
    if is_text(cells.type):
        return _written_dates(column, cells)
    if pa.types.is_date(cells.type):
        cells = cells.cast(pa.timestamp("ms"))
    if not pa.types.is_timestamp(cells.type):
        return None
    years = compute.year(cells).fill_null(1).to_numpy()
    if len(strange := np.flatnonzero((years < 1) | (years > 9999))):
        raise CellError(column.name, int(strange[0]), rule=DATE.says, found="a year outside of 1 to 9999")
    moments = _cut(cells, pa.timestamp("us", cells.type.tz)).cast(pa.timestamp("us"))
    return moments.to_numpy(zero_copy_only=False).astype(DATE.dtype)  # type: ignore[no-any-return]


def _written_dates(column: Column, cells: pa.Array) -> np.ndarray | None:
    """Return the dates of the cells, where each different word is one: most days stand in many rows."""
    encoded = cells.dictionary_encode()
    words = [column.read(word.strip()) for word in encoded.dictionary.to_pylist()]
    try:
        dates = column.check([*words, None] if cells.null_count else words)
    except RequestError:
        return None
    positions = encoded.indices.fill_null(-1).to_numpy()
    found: np.ndarray = dates[positions]
    return found


def _cut(moments: pa.Array, dtype: pa.DataType) -> pa.Array:
    """Return moments in another unit; what is finer than that is cut off."""
    return moments.cast(options=compute.CastOptions(target_type=dtype, allow_time_truncate=True))


CONVERSIONS = {NUMBER: _numbers, WHOLE: _whole_numbers, TEXT: _texts, TRUTH: _truths, DATE: _dates}
