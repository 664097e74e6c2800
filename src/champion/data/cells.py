"""Decides how the cells of a column become numbers, true and false, dates or words; written.py reads what is text."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import compute

from champion.data.column import BOOLEAN, CATEGORY, DATE, NUMBER, TEXT
from champion.data.remedy import override
from champion.data.written import Where, Written, is_long, plain
from champion.errors import DataError

# Seconds from 1970 to the first and to the last moment that Python has a date for.
FIRST, LAST = (int(date.replace(tzinfo=UTC).timestamp()) for date in (datetime.min, datetime.max))
A_SECOND = {"s": 1, "ms": 1e3, "us": 1e6, "ns": 1e9}
SAYS = {NUMBER: "numbers", BOOLEAN: "true and false", DATE: "dates", CATEGORY: "words"}


def read(name: str, cells: pa.ChunkedArray, *, kind: str | None, decimal: str, where: Where) -> tuple[pd.Series, str]:
    """Return the values of a column as a Series of shape (n_rows,), and the format of its dates where they have one.

    Text that holds numbers, dates, or true and false becomes them. `kind` is the one that was asked for, if any, and
    `where` names a row of the file, as in "houses.csv, line 7". Raises DataError where a column of numbers holds other
    things, or an infinite one.
    """
    if pa.types.is_dictionary(cells.type):  # somebody said that these are categories
        kind, cells = kind or CATEGORY, cells.cast(cells.type.value_type)
    if pa.types.is_null(cells.type):
        cells = cells.cast(pa.string())
    if is_text(cells.type):
        values, date_format = Written(name, cells, decimal, where).read(kind)
    else:
        values, date_format = _typed(name, cells, kind=kind, where=where), ""
    if pd.api.types.is_float_dtype(values) and (infinite := np.isinf(values.to_numpy())).any():
        here = where(int(np.argmax(infinite)))
        raise DataError(f"{here}: column '{name}' holds an infinite number. Correct it, or remove the row.")
    return values.rename(name), date_format


def is_text(dtype: pa.DataType) -> bool:
    """Tell whether cells of this type are text."""
    return bool(pa.types.is_string(dtype) or pa.types.is_large_string(dtype))


def _typed(name: str, cells: pa.ChunkedArray, *, kind: str | None, where: Where) -> pd.Series:
    """Return the values of a column whose file says of which type they are."""
    found = _kind(cells)
    if found is None:
        says = f"{where(0)}: column '{name}' holds {cells.type}, which no model takes"
        raise DataError(f"{says}. {override('data.drop', [name])} leaves it out.")
    if kind in (CATEGORY, TEXT) or (kind, found) == (None, CATEGORY):
        return Written(name, cells.cast(pa.string()), ".", where).words()
    if kind not in (None, found) and not (kind == NUMBER and pa.types.is_integer(cells.type)):
        says = f"{where(0)}: column '{name}' is no {kind}, it holds {SAYS[found]}"
        raise DataError(f"{says}. Take it from data.kinds.{kind}.")
    if found == BOOLEAN:
        return pd.Series(cells.to_pandas())
    return _dates(name, cells, where) if found == DATE else _numbers(cells)


def _kind(cells: pa.ChunkedArray) -> str | None:
    """Return the kind of what a column holds, or None where no model takes it."""
    types, dtype = pa.types, cells.type
    if types.is_boolean(dtype):
        return BOOLEAN
    if types.is_integer(dtype):
        return CATEGORY if is_long(cells) else NUMBER
    if types.is_timestamp(dtype) or types.is_date(dtype):
        return DATE
    if types.is_floating(dtype) or types.is_decimal(dtype) or types.is_duration(dtype):
        return NUMBER
    return CATEGORY if types.is_time(dtype) else None


def _numbers(cells: pa.ChunkedArray) -> pd.Series:
    """Return the cells as numbers; a span of time in seconds."""
    if pa.types.is_duration(cells.type):
        counts: pd.Series = cells.cast(pa.int64()).cast(pa.float64(), safe=False).to_pandas()
        return counts / A_SECOND[cells.type.unit]
    return plain(cells)


def _dates(name: str, cells: pa.ChunkedArray, where: Where) -> pd.Series:
    """Return the cells as dates without a time zone, those with one in UTC, to the microsecond."""
    zone = getattr(cells.type, "tz", None)
    moments = cells.cast(pa.timestamp("ms")) if pa.types.is_date(cells.type) else cells
    seconds = _cut(moments, pa.timestamp("s", zone)).cast(pa.int64())
    beyond = compute.or_(compute.less(seconds, FIRST), compute.greater(seconds, LAST))
    if compute.any(beyond).as_py():
        here = where(compute.index(beyond, True).as_py())
        raise DataError(f"{here}: column '{name}' holds a date beyond the years 1 to 9999. Correct it, or remove it.")
    dates: pd.Series = _cut(moments, pa.timestamp("us", zone)).cast(pa.timestamp("us")).to_pandas()
    return dates.astype("datetime64[us]")


def _cut(moments: pa.ChunkedArray, dtype: pa.DataType) -> pa.ChunkedArray:
    """Return moments in another unit; what is finer than that is cut off."""
    return moments.cast(options=compute.CastOptions(target_type=dtype, allow_time_truncate=True))
