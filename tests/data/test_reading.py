"""reading.py: what a cell means, whichever way it comes."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from champion.base.errors import CellError
from champion.data.reading import MISSING, Reading

NUMBER = Reading("x", "number")
DAY = Reading("x", "date", date_format="%d/%m/%Y")
WORDS = ["1", "+5", " 5 ", "5.", "1e3", "-.5", "3.0", "3.5", str(2**53), str(2**53 + 1), str(2**63), "9" * 400, "1e400"]
WORDS += ["inf", "NAN", "0x1F", "1_0", "\uff11", "", " ", "NA", " NA", "true", "FALSE", " true", "yes", "a\0b", "now"]
WORDS += ["2024-05-31", "31/05/2024", " 2024-05-31", "2024-05-31T10:00:00+02:00", "0001-01-01T00:00+05:00"]
WORDS += ["2024-02-30", "2024-05", "5/6/2024", "1,5", "1.200", "\u00a05\u202f", "-999", "-999.0", "?", "1e38", "1e39"]
READINGS = [
    NUMBER,
    Reading("x", "number", whole=True),
    Reading("x", "number", decimal=","),
    Reading("x", "boolean"),
    DAY,
    Reading("x", "date"),
    Reading("x", "category", words="sea\0hill"),
    Reading("x", "category", words="1\x003", made_of="numbers"),
    Reading("x", "text"),
]


def one(reading: Reading, cell: Any) -> Any:
    """Return the value of a single cell, or the rule that it breaks."""
    try:
        return reading.read([cell])[0]
    except CellError as error:
        return error.breaks


@pytest.mark.parametrize("more", [{}, {"required": True}, {"missing": ("-999", "?")}], ids=str)
@pytest.mark.parametrize("reading", READINGS, ids=lambda one: f"{one.kind}{one.decimal}{one.made_of}")
@pytest.mark.parametrize("holder", [pa.array, lambda cells: pa.chunked_array([cells]), pd.Series])
def test_text_means_the_same_in_whatever_holds_it(reading: Reading, holder: Any, more: dict[str, Any]) -> None:
    """The short way for many cells gives what one alone does, or both refuse it with one wording."""
    told = replace(reading, **more)
    for word in WORDS:
        try:
            found = told.read(holder([word]))[0]
        except CellError as error:
            found = error.breaks
        assert repr(found) == repr(one(told, word)), word


@pytest.mark.parametrize(
    ("reading", "cells", "value"),
    [
        (NUMBER, [5, 5.0, Decimal("5"), np.int8(5), np.float32(5), "5", " 5.0 ", timedelta(seconds=5)], 5.0),
        (Reading("x", "number", decimal=","), [1.5, "1,5", Decimal("1.5")], 1.5),
        (Reading("x", "boolean"), [True, np.True_, "true", "TRUE", " True "], True),
        (Reading("x", "text"), [5, 5.0, "5", Decimal("5")], "5"),
        (Reading("x", "text"), [True, "true"], "true"),
        (
            DAY,
            ["31/05/2024", "2024-05-31", date(2024, 5, 31), datetime(2024, 5, 31)],
            np.datetime64("2024-05-31", "us"),
        ),
        (DAY, [datetime(2024, 5, 31, 2, tzinfo=timezone(timedelta(hours=2)))], np.datetime64("2024-05-31", "us")),
        (
            Reading("x", "date", date_format="%Y%m%d"),
            ["20240531", 20240531, 20240531.0],
            np.datetime64("2024-05-31", "us"),
        ),
        (
            Reading("x", "date", date_format="%Y-%d-%m"),
            ["2024-06-05", date(2024, 5, 6)],
            np.datetime64("2024-05-06", "us"),
        ),
        (Reading("x", "category", words="01\x002", made_of="numbers"), ["1", "01", 1, 1.0, " 1.0", "+1", "1e0"], "01"),
        (Reading("x", "category", words="01\x001\x002", made_of="codes"), ["1", "1.0"], "1"),
        (Reading("x", "category", words="01\x001\x002", made_of="codes"), ["2", 2, 2.0], "2"),
        (Reading("x", "category", words="TRUE\x00007\x008.50\0a"), [True, "TRUE", "true"], "TRUE"),
        (Reading("x", "category", words="TRUE\x00007\x008.50\0a"), [7, 7.0, "7", "007"], "007"),
        (Reading("x", "category", words="TRUE\x00007\x008.50\0a"), [8.5, "8.5", "8.50"], "8.50"),
        (Reading("x", "category", words="01\x001", made_of="codes"), ["01", " 01 "], "01"),
        (Reading("x", "category", words="8:30\x009:00", made_of="times"), ["08:30", "8:30:00", time(8, 30)], "8:30"),
        (Reading("x", "category", words="TRUE\0False", made_of="truths"), [True, "true", "TRUE"], "TRUE"),
        (Reading("x", "category", words="1,5\x002", made_of="numbers", decimal=","), ["1,5", 1.5, "1,50"], "1,5"),
        (Reading("x", "category", words="NA\0DE", present=("NA",)), ["NA", " NA"], "NA"),
    ],
)
def test_spellings_of_one_value_are_one(reading: Reading, cells: list[Any], value: Any) -> None:
    """Whatever type or spelling a cell has, it stands for the value that training gave it."""
    for cell in cells:
        found = one(reading, cell)
        assert (
            (type(found), found) == (type(np.asarray(value)[()]), value)
            if not isinstance(value, str)
            else found == value
        )
        assert one(reading, found) == value, "reading what was read changes nothing"


@pytest.mark.parametrize("reading", READINGS, ids=lambda one: f"{one.kind}{one.decimal}{one.made_of}")
def test_every_nothing_is_one(reading: Reading) -> None:
    """None, NaN, NaT, pd.NA, blanks and pandas' words for it are one missing value."""
    nothing = [None, np.nan, float("nan"), pd.NaT, pd.NA, "  ", *MISSING, *(f" {word}\t" for word in MISSING)]
    assert pd.isna(reading.read(nothing)).all()
    for cell in nothing:
        with pytest.raises(CellError, match="holds nothing"):
            replace(reading, required=True).read([cell])


@pytest.mark.parametrize(
    ("reading", "missing", "cells"),
    [
        (NUMBER, "-999", [-999, -999.0, "-999", "-999.0", " -9.99e2"]),
        (Reading("x", "date"), "1900-01-01", ["1900-01-01", date(1900, 1, 1), "1900-01-01T00:00:00"]),
        (Reading("x", "category", words="1\x002", made_of="numbers"), "9", [9, 9.0, "9", "09"]),
        (Reading("x", "category", words="a"), "?", ["?", " ? "]),
    ],
)
def test_word_for_nothing_may_be_a_value(reading: Reading, missing: str, cells: list[Any]) -> None:
    """A number or a date that means a gap does so in all its spellings and types."""
    told = replace(reading, missing=(missing,))
    for cell in cells:
        assert pd.isna(told.read([cell])[0]), cell
        assert pd.isna(told.read(pd.Series([cell]))[0]), cell


@pytest.mark.parametrize(
    ("reading", "cells", "found"),
    [
        (NUMBER, pa.array([10**17], pa.timestamp("ms")), "text"),
        (NUMBER, pa.array([1], pa.timestamp("ns", "UTC")), "a date"),
        (NUMBER, pa.array([b"x"]), "bytes"),
        (NUMBER, pa.array([True]), "true or false"),
        (NUMBER, pa.array([1e39]), "a number beyond"),
        (NUMBER, pa.array([np.inf]), "a number beyond"),
        (Reading("x", "number", whole=True), pa.array([2**64 - 1], pa.uint64()), "a number beyond"),
        (Reading("x", "number", whole=True), pa.array([3.5], pa.float32()), "a fraction"),
        (Reading("x", "boolean"), pa.array([1]), "a number"),
        (DAY, pa.array([5], pa.duration("s")), "a span of time"),
        (DAY, pa.array([5]), "a number"),
        (DAY, pa.array([10**17], pa.timestamp("ms")), "no such date"),
        (DAY, pa.array(["today"]), "no such date"),
        (Reading("x", "text"), pa.array([["a"]]), "a list or an object"),
        (
            Reading("x", "category", words="9007199254740993", made_of="numbers"),
            pa.array([1e17]),
            "a number that may be several",
        ),
    ],
)
def test_cell_that_has_no_place_is_named(reading: Reading, cells: pa.Array, found: str) -> None:
    """Each is called what it is, and its content isn't repeated."""
    with pytest.raises(CellError, match=f"but row 1 holds {found}"):
        reading.read(cells)


def test_row_is_that_of_the_first_cell() -> None:
    """Where many rows hold the same cell, the first one is named."""
    with pytest.raises(CellError, match="row 3 holds text"):
        NUMBER.read(pa.array(["1", "2", "x", "y", "x"]))


def test_typed_cells_are_taken_as_they_are_learned() -> None:
    """Spans of time are seconds, moments are in UTC and cut to the microsecond, whole numbers may be floats."""
    assert NUMBER.read(pa.array([1500], pa.duration("ms"))).tolist() == [1.5]
    assert Reading("x", "number", whole=True).read(pa.array([3.0])).dtype == "int64"
    moment = pa.array([1_588_888_888_000_000_001], pa.timestamp("ns", "Europe/Berlin"))
    assert str(DAY.read(moment)[0]) == "2020-05-07T22:01:28.000000"
    assert str(DAY.read(pd.Series([datetime(2020, 5, 7, tzinfo=UTC)]))[0]) == "2020-05-07T00:00:00.000000"


def test_saved_state_holds_only_what_was_learned() -> None:
    """What a reading derives for itself isn't saved with the model."""
    told = Reading("x", "category", words="a\0b", made_of="numbers")
    told.read(["a"])
    assert set(told.__getstate__()) == set(Reading.__dataclass_fields__)
