"""inference.py: columns of files that know their types."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from champion.base.errors import DataError
from tests.data.tables import N, read_parquet

GAP = 4  # the row without a value, where there is one
Maker = Any  # a type of Arrow


def array(values: Sequence[Any], dtype: Maker | None = None, *, gap: bool = False) -> pa.Array:
    """Return values as an array of Arrow, with one missing or none."""
    return pa.array([None if gap and i == GAP else value for i, value in enumerate(values)], type=dtype)


@pytest.mark.parametrize("name", ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"])
@pytest.mark.parametrize("gap", [False, True])
def test_whole_numbers_of_any_width_are_numbers(tmp_path: Path, name: str, gap: bool) -> None:
    """They become int64, and float64 where one is missing."""
    column, values = read_parquet(tmp_path, array([i % 9 for i in range(N)], getattr(pa, name)(), gap=gap))
    assert (column.kind, values.dtype) == ("number", np.dtype("float64" if gap else "int64"))
    assert values.isna().sum() == gap


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([i / 4 for i in range(N)], pa.float16()),
        ([i / 4 for i in range(N)], pa.float32()),
        ([i / 4 for i in range(N)], pa.float64()),
        ([Decimal(i) / 4 for i in range(N)], pa.decimal128(10, 2)),
        ([Decimal(i) / 4 for i in range(N)], pa.decimal256(50, 2)),
        ([timedelta(seconds=i / 4) for i in range(N)], pa.duration("ms")),
        ([timedelta(seconds=i / 4) for i in range(N)], pa.duration("ns")),
        ([str(i / 4) for i in range(N)], pa.string()),
        ([str(i / 4) for i in range(N)], pa.large_string()),
        ([str(i / 4) for i in range(N)], pa.string_view()),
    ],
)
@pytest.mark.parametrize("gap", [False, True])
def test_fractions_of_any_type_are_numbers(tmp_path: Path, values: list[Any], dtype: Maker, gap: bool) -> None:
    """Floats, decimals, spans of time in seconds, and text that holds numbers."""
    column, found = read_parquet(tmp_path, array(values, dtype, gap=gap))
    assert (column.kind, column.holds) == ("number", "0 to 9.75")
    assert found.dropna().tolist() == [i / 4 for i in range(N) if not (gap and i == GAP)]


def test_nan_is_missing_and_infinity_is_named(tmp_path: Path) -> None:
    """Floats hold things that are no numbers."""
    assert read_parquet(tmp_path, [np.nan if i == GAP else i / 3 for i in range(N)])[1].isna().sum() == 1
    for number in (np.inf, 1e39):
        with pytest.raises(DataError, match=r"row 5: column 'c' must hold a finite number, but holds a number beyond"):
            read_parquet(tmp_path, [number if i == GAP else i / 3 for i in range(N)])


@pytest.mark.parametrize(("first", "dtype"), [(2**60, pa.int64()), (2**63, pa.uint64()), (-(2**62), pa.int64())])
def test_whole_numbers_beyond_a_float_are_words(tmp_path: Path, first: int, dtype: Maker) -> None:
    """64-bit identifiers keep their digits, unless they are asked for as numbers."""
    cells = array([first + i % 7 for i in range(N)], dtype)
    column, values = read_parquet(tmp_path, cells)
    assert (column.kind, values[1]) == ("category", str(first + 1))
    column, values = read_parquet(tmp_path, cells, kinds={"number": ["c"]})
    assert (column.kind, values.dtype) == ("number", np.dtype("float64"))


@pytest.mark.parametrize("gap", [False, True])
def test_truths_are_true_false_or_none(tmp_path: Path, gap: bool) -> None:
    """A missing truth is None."""
    column, values = read_parquet(tmp_path, array([i % 2 == 0 for i in range(N)], gap=gap))
    assert (column.kind, values[0], values[1]) == ("boolean", True, False)
    assert (values[GAP] is None) == gap


@pytest.mark.parametrize(
    "dtype",
    [
        pa.date32(),
        pa.date64(),
        *(pa.timestamp(unit) for unit in ("s", "ms", "us", "ns")),
        pa.timestamp("us", "UTC"),
        pa.timestamp("ns", "Europe/Berlin"),
    ],
    ids=str,
)
@pytest.mark.parametrize("gap", [False, True])
def test_dates_of_any_type_are_dates(tmp_path: Path, dtype: Maker, gap: bool) -> None:
    """Days and moments, in UTC where they have a time zone."""
    moments: list[Any] = [datetime(2020, 5, i % 28 + 1, tzinfo=UTC) for i in range(N)]
    values = [moment.date() for moment in moments] if pa.types.is_date(dtype) else moments
    column, found = read_parquet(tmp_path, array(values, dtype, gap=gap))
    assert (column.kind, found.dtype) == ("date", np.dtype("datetime64[us]"))
    assert found[1] == pd.Timestamp(2020, 5, 2)
    assert found.isna().sum() == gap


def test_what_is_finer_than_a_microsecond_is_cut_off(tmp_path: Path) -> None:
    """A moment to the nanosecond is no error."""
    assert read_parquet(tmp_path, array([i * 1001 for i in range(N)], pa.timestamp("ns")))[1][3].nanosecond == 0


@pytest.mark.parametrize("seconds", [10**15, -(10**12)])
def test_a_date_that_no_calendar_has_is_named(tmp_path: Path, seconds: int) -> None:
    """Dates lie in the years that Python knows."""
    with pytest.raises(DataError, match=r"row 5: column 'c' must hold a date .* but holds no such date"):
        read_parquet(tmp_path, array([seconds if i == GAP else i for i in range(N)], pa.timestamp("s")))


@pytest.mark.parametrize(
    "cells",
    [
        array(["xyz"[i % 3] for i in range(N)]),
        array(["xyz"[i % 3] for i in range(N)], pa.large_string()),
        array(["xyz"[i % 3] for i in range(N)], pa.string_view()),
        array(["xyz"[i % 3] for i in range(N)]).dictionary_encode(),
        array(["123"[i % 3] for i in range(N)]).dictionary_encode(),
        array([time(i % 3) for i in range(N)], pa.time32("s")),
        array([time(i % 3) for i in range(N)], pa.time64("us")),
    ],
    ids=lambda cells: str(cells.type)[:20],
)
def test_words_times_and_what_is_called_categories_are_words(tmp_path: Path, cells: pa.Array) -> None:
    """A column that pandas wrote as categories stays one, even where the categories are digits."""
    column, values = read_parquet(tmp_path, cells)
    assert (column.kind, str(values.dtype), values.nunique()) == ("category", "str", 3)


def test_a_column_of_nothing_is_empty(tmp_path: Path) -> None:
    """Arrow's null has no values."""
    assert read_parquet(tmp_path, pa.nulls(N))[0].why == "empty"
    assert read_parquet(tmp_path, pa.nulls(N), kinds={"date": ["c"]})[0].kind == "date"


@pytest.mark.parametrize(
    ("cells", "dtype"),
    [
        (array([[1, 2]] * N), "list"),
        (array([{"x": 1}] * N), "struct"),
        (array([[("k", 1)]] * N, pa.map_(pa.string(), pa.int32())), "map"),
        (array([b"abc"] * N), "binary"),
        (array([b"abc"] * N, pa.binary(3)), "fixed_size_binary"),
    ],
)
def test_what_no_model_takes_is_named_or_dropped(tmp_path: Path, cells: pa.Array, dtype: str) -> None:
    """Lists and the like are answered with the way to leave them out, which works."""
    with pytest.raises(DataError, match=rf"column 'c' holds {dtype}.*, which no model takes\. \"data.drop=\['c'\]\""):
        read_parquet(tmp_path, cells)
    assert read_parquet(tmp_path, cells, drop=["c"])[0].why == "data.drop"


@pytest.mark.parametrize(
    ("value", "word"), [(7, "7"), (0.5, "0.5"), (True, "true"), (date(2020, 5, 31), "2020-05-31"), ("a", "a")]
)
def test_anything_can_be_a_category(tmp_path: Path, value: Any, word: str) -> None:
    """data.kinds.category takes values of any type as words."""
    column, values = read_parquet(tmp_path, [value] * N, kinds={"category": ["c"]})
    assert (column.kind, values[0]) == ("category", word)


@pytest.mark.parametrize(
    ("value", "kind"), [(7, "date"), (7, "boolean"), (True, "number"), (date(2020, 5, 31), "number")]
)
def test_a_type_that_is_not_what_was_asked_for_is_named(tmp_path: Path, value: Any, kind: str) -> None:
    """data.kinds doesn't make a date of a number."""
    with pytest.raises(DataError, match=f"column 'c' is no {kind}, it holds .*. Take it from data.kinds.{kind}"):
        read_parquet(tmp_path, [value] * N, kinds={kind: ["c"]})
