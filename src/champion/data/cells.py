"""Decides how cells come out of what holds them: a list, a column of pandas, or one of Arrow."""

from collections.abc import Collection, Sequence
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import compute

from champion.data.number import PLAIN

Held: TypeAlias = Sequence[Any] | np.ndarray | pd.Series | pa.Array | pa.ChunkedArray
Cells: TypeAlias = Sequence[Any] | pa.Array

TEXT = pa.large_string()
SAME = {pa.string(): TEXT, pa.string_view(): TEXT, pa.null(): TEXT, pa.float16(): pa.float32()}
LISTS = (list, tuple)
FEW = 20  # cells of a list, which are sooner read one by one
A_SECOND = {"s": 1, "ms": 1e3, "us": 1e6, "ns": 1e9}
YEARS = np.array(["0001-01-01", "10000-01-01"], dtype="datetime64[us]")  # that Python has dates of


def column(held: Held) -> Any:
    """Return cells as one array of Arrow, text as `TEXT`, or as a list where it has no type for all of them."""
    if isinstance(held, np.ndarray):
        return pa.array(held, from_pandas=True)
    if isinstance(held, LISTS):
        is_text = len(held) > FEW and isinstance(held[0], str | None) and set(map(type, held)) <= {str, type(None)}
        return pa.array(held, TEXT) if is_text else held
    if isinstance(held, pd.Series):
        try:
            naive = held.dt.tz_convert(None) if isinstance(held.dtype, pd.DatetimeTZDtype) else held
            held = pa.Array.from_pandas(naive)
        except (pa.ArrowException, TypeError, OverflowError):
            return held.tolist()
    whole: pa.Array = held.combine_chunks() if isinstance(held, pa.ChunkedArray) else held
    return whole.cast(SAME.get(whole.type, whole.type))


def distinct(cells: Cells) -> tuple[Sequence[Any], np.ndarray]:
    """Return the different cells as Python has them, and of each row the position of its own among them.

    There may be None among them that no row has; those of a list may come more than once.
    """
    if not isinstance(cells, pa.Array):
        return cells, np.arange(len(cells))
    try:
        encoded = cells.dictionary_encode()
        return [*encoded.dictionary.to_pylist(), None], np.asarray(encoded.indices.fill_null(len(encoded.dictionary)))
    except pa.ArrowNotImplementedError:  # lists and the like
        return cells.to_pylist(), np.arange(len(cells))
    except (OverflowError, ValueError):  # a date beyond those of Python
        return distinct(cells.cast(TEXT))


def numbers(cells: Cells, *, decimal: str, nothing: Collection[str]) -> np.ndarray | None:
    """Return cells as float64, NaN for missing ones; None where some are no numbers, or not plainly written ones.

    Spans of time are in seconds. Text may be one of the words for `nothing`.
    """
    if not isinstance(cells, pa.Array):
        try:
            return np.array(cells, dtype="float64") if set(map(type, cells)) <= {int, float} else None
        except OverflowError:
            return None
    types, dtype = pa.types, cells.type
    if types.is_duration(dtype):
        return _floats(cells.cast(pa.int64())) / A_SECOND[dtype.unit]
    if dtype == TEXT:
        words = compute.utf8_trim_whitespace(cells)
        cells = compute.if_else(compute.is_in(words, value_set=pa.array(nothing, TEXT)), None, words)
        if not compute.all(compute.match_substring_regex(cells, f"^({PLAIN[decimal]})$"), min_count=0).as_py():
            return None
        return _floats(compute.replace_substring(cells, decimal, "."))
    return _floats(cells) if types.is_integer(dtype) or types.is_floating(dtype) or types.is_decimal(dtype) else None


def moments(cells: Cells) -> np.ndarray | None:
    """Return moments as datetime64[us] without a zone, in UTC, what is finer cut off; None for other cells."""
    if not isinstance(cells, pa.Array) or not (pa.types.is_timestamp(cells.type) or pa.types.is_date(cells.type)):
        return None
    zoned = pa.timestamp("us", getattr(cells.type, "tz", None))
    try:
        cut = cells.cast(options=compute.CastOptions(target_type=zoned, allow_time_truncate=True))
    except pa.ArrowInvalid:
        return None
    found: np.ndarray = cut.cast(pa.timestamp("us")).to_numpy(zero_copy_only=False).astype(YEARS.dtype)
    return None if ((found < YEARS[0]) | (found >= YEARS[1])).any() else found


def _floats(cells: pa.Array) -> np.ndarray:
    found: np.ndarray = cells.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return found
