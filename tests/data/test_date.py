"""date.py: how dates are written."""

from datetime import datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from champion.data import date

FORMATS = [
    "ISO8601",
    "%Y-%m-%d",
    "%d/%m/%Y",
    "%m/%d/%Y %I:%M %p",
    "%Y-%d-%m",
    "%d %B %Y",
    "%Y%m%d",
    "%Y-%m-%d %H:%M:%S.%f",
]


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("31/05/2024", "%d/%m/%Y"),
        ("5/31/2024 3:05 PM", "%m/%d/%Y %I:%M %p"),
        ("5/31/2024 3:05PM", "%m/%d/%Y %I:%M%p"),
        ("2024-31-05", "%Y-%d-%m"),
        ("31 January 2024", "%d %B %Y"),
    ],
)
def test_format_is_told_from_an_example(text: str, written: str) -> None:
    """Day and month in any order, names of months, and clocks of twelve hours."""
    assert written in date.formats([text])


@pytest.mark.parametrize("text", ["now", "today", "-999", "10000-01-01", "0000-00-00", "2024-02-30", "", "x", "12"])
def test_what_is_no_date_is_none(text: str) -> None:
    """Pandas takes some of these for one."""
    assert np.isnat(date.read([text] * 2, "ISO8601", "%d/%m/%Y")).all()
    assert np.isnat(date.read([text] * 50, "ISO8601", "%d/%m/%Y")).all()


def test_own_format_comes_first() -> None:
    """Where two formats fit, the one that the column was learned in says what is meant."""
    assert date.read(["2024-05-06"], "%Y-%d-%m", "ISO8601")[0] == np.datetime64("2024-06-05")
    assert date.read(["2024-05-26"], "%Y-%d-%m", "ISO8601")[0] == np.datetime64("2024-05-26")


@given(st.datetimes(datetime(1000, 1, 1), datetime(9999, 12, 30)), st.sampled_from(FORMATS))
def test_what_is_written_is_read_as_the_same(moment: datetime, written: str) -> None:
    """A date that was read in a format is written in it."""
    [read] = date.read([moment.strftime("%Y-%m-%dT%H:%M:%S" if written == "ISO8601" else written)], written)
    assert date.read([date.write(read.item(), written)], written, "ISO8601")[0] == read


@pytest.mark.parametrize("text", ["2024-05", "2024-5-1 10:00 EST", "13/01/2024", "31 mai 2024", "May 5, 2024"])
def test_some_text_looks_like_a_date(text: str) -> None:
    """Enough to say so where it can't be read."""
    assert date.LIKE.fullmatch(text)


@pytest.mark.parametrize("text", ["5-6", "A-2024", "1234567", "12:30", "2024", "192.168.1.1 x"])
def test_other_text_does_not(text: str) -> None:
    """Ranges, codes and addresses are none."""
    assert not date.LIKE.fullmatch(text)
