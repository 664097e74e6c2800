"""inference.py: what is written in a column of text."""

from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from champion import data
from champion.base.errors import DataError
from tests.data.tables import SPOILT, Cells, N, always, but, read, with_gaps, write

CET = timezone(timedelta(hours=1))


def day(i: int) -> date:
    """Return the i-th day from the end of May 1998."""
    return date(1998, 5, 25) + timedelta(i)


@pytest.mark.parametrize(
    "cells",
    [
        lambda i: i * 1.5,
        lambda i: f" {i * 1.5} ",
        lambda i: f"+{i * 1.5}",
        lambda i: f"{i * 1.5:e}",
        lambda i: f'{i * 1.5}',
    ],
)  # fmt: skip
def test_numbers_are_read_in_any_form(tmp_path: Path, cells: Cells) -> None:
    """Signs, exponents and spaces around them are no mistakes."""
    column, values = read(tmp_path, cells)
    assert (column.kind, column.holds) == ("number", "0 to 58.5")
    assert values.tolist() == [i * 1.5 for i in range(N)]


def test_blank_cells_among_numbers_are_missing(tmp_path: Path) -> None:
    """A cell of spaces holds nothing."""
    column, values = read(tmp_path, but("  ", lambda i: i * 1.5))
    assert (column.kind, values.isna().sum()) == ("number", 1)


def test_whole_numbers_stay_whole_unless_some_are_missing(tmp_path: Path) -> None:
    """The dtype of a column tells whether every row has a whole number."""
    assert read(tmp_path, lambda i: i % 9)[1].dtype == np.dtype("int64")
    assert read(tmp_path, with_gaps(lambda i: i % 9))[1].dtype == np.dtype("float64")


@pytest.mark.parametrize("word", ["?", "-", "unknown", "3 rooms", "12.5.1"])
def test_a_word_among_numbers_is_named(tmp_path: Path, word: str) -> None:
    """Mixed types are answered with the line, the column, what is in the cell, and two remedies."""
    with pytest.raises(DataError) as caught:
        read(tmp_path, but(word, lambda i: i * 1.5))
    assert str(caught.value).endswith(
        f"table.csv, line 7: column 'c' holds numbers, but here {word!r}. \"data.missing=['{word}']\" says that nothing"
        " is there, \"data.kinds.category=['c']\" that all are words."
    )


def test_the_remedies_work(tmp_path: Path) -> None:
    """What a message recommends reads the file."""
    cells = but("?", lambda i: i * 1.5)
    assert read(tmp_path, cells, missing=["?"])[1].isna().sum() == 1
    assert read(tmp_path, cells, kinds={"category": ["c"]})[1][SPOILT] == "?"


@pytest.mark.parametrize(
    "price", ["$1,200.50", "1200 €", "EUR 1200", "1200 USD", "-$5", "($5)", "5%", "1'200", "1 200"]
)
@pytest.mark.parametrize("everywhere", [True, False])
def test_money_is_told_from_words(tmp_path: Path, price: str, everywhere: bool) -> None:
    """Amounts with a currency, a percent sign or separated thousands are named, in one cell or in all of them."""
    with pytest.raises(
        DataError, match=r"column 'c' holds numbers, but here .*Write it as a plain number, as in 1200\.5"
    ):
        read(tmp_path, but(price, lambda i: price.replace("5", str(i % 9)) if everywhere else i))


def test_a_decimal_comma_has_its_own_remedy(tmp_path: Path) -> None:
    """data.decimal=',' is recommended where numbers have a comma, unless it separates thousands."""

    def cells(i: int) -> str:
        return f"{i},25"

    with pytest.raises(DataError, match=r"line 2: .* but here '0,25'. \"data.decimal=','\" reads it as a number"):
        read(tmp_path, cells)
    priced = data.load(write(tmp_path, c=cells, price=lambda i: i), target="price", decimal=",")
    assert priced.X["c"].tolist() == [i + 0.25 for i in range(N)]
    with pytest.raises(DataError, match=r"but here '1,000'. Write it as a plain number"):
        read(tmp_path, lambda i: f"{i + 1},000")


def test_words_that_are_sometimes_numbers_are_words(tmp_path: Path) -> None:
    """Tickets such as 113803 and A/5 21171 are names: many different words are no typing mistakes."""
    column, values = read(tmp_path, lambda i: 113803 + i % 30 if i % 4 else f"A/{i} 21171")
    assert column.kind == "category"
    assert values[1] == "113804"


@pytest.mark.parametrize(
    "cells", [lambda i: f"{i % 4}+", lambda i: f"{i % 4}-{i % 4 + 1}", lambda i: f"555-{i % 9:04}"]
)
def test_codes_of_digits_are_words(tmp_path: Path, cells: Cells) -> None:
    """Sizes, ranges and telephone numbers are no amounts."""
    assert read(tmp_path, cells)[0].kind == "category"


@pytest.mark.parametrize("first", [2**53 + 1, 2**60, 2**63, 2**80, -(2**60)])
@pytest.mark.parametrize("gaps", [False, True])
def test_identifiers_of_64_bits_are_words(tmp_path: Path, first: int, gaps: bool) -> None:
    """Whole numbers that a float can't hold keep all their digits, as categories."""

    def cells(i: int) -> int:
        return first + i % 7

    column, values = read(tmp_path, with_gaps(cells) if gaps else cells)
    assert column.kind == "category"
    assert set(values.dropna()) == {str(first + i) for i in range(7)}


def test_a_long_number_is_one_if_it_is_asked_for(tmp_path: Path) -> None:
    """data.kinds.number takes identifiers as amounts, and amounts with exponents are numbers anyway."""
    assert read(tmp_path, lambda i: 2**60 + i % 7, kinds={"number": ["c"]})[0].kind == "number"
    assert read(tmp_path, lambda i: f"{i}e30")[0].holds == "0 to 3.9e+31"


@pytest.mark.parametrize("word", ["1e39", "-3.5e38", "1e999", "9" * 400])
def test_a_number_that_no_model_holds_is_named(tmp_path: Path, word: str) -> None:
    """Models keep what they split on in single precision."""
    with pytest.raises(
        DataError, match=r"line 7: column 'c' must hold a finite number, but holds a number beyond 3\.4e\+38"
    ):
        read(tmp_path, but(word, lambda i: i * 1.5))


@pytest.mark.parametrize("word", ["inf", "-inf", "Infinity"])
def test_infinity_is_a_word(tmp_path: Path, word: str) -> None:
    """It may mean that nothing is there, or that somebody divided by zero."""
    with pytest.raises(DataError, match=f"column 'c' holds numbers, but here '{word}'"):
        read(tmp_path, but(word, lambda i: i * 1.5))
    assert read(tmp_path, but(word, lambda i: i * 1.5), missing=[word])[1].isna().sum() == 1


@pytest.mark.parametrize("pair", ["True False", "true false", "TRUE FALSE"])
def test_true_and_false_are_read_with_gaps_and_without(tmp_path: Path, pair: str) -> None:
    """A column of truths holds True, False and, where there are gaps, None."""
    words = pair.split()
    column, values = read(tmp_path, lambda i: words[i % 2])
    assert (column.kind, values.dtype, values[0]) == ("boolean", np.dtype("bool"), True)
    column, values = read(tmp_path, with_gaps(lambda i: words[i % 2]))
    assert (column.kind, values[2], values[3]) == ("boolean", True, None)


@pytest.mark.parametrize(
    ("written", "date_format"),
    [
        ("%Y-%m-%d", ""),
        ("%Y-%m-%dT%H:%M:%S", ""),
        ("%Y-%m-%d %H:%M:%SZ", ""),
        ("%d/%m/%Y", "%d/%m/%Y"),
        ("%m/%d/%Y", "%m/%d/%Y"),
        ("%d.%m.%Y", "%d.%m.%Y"),
        ("%b %d %Y", "%b %d %Y"),
        ("%d %B %Y", "%d %B %Y"),
        ("%Y/%m/%d", "%Y/%m/%d"),
    ],
)
@pytest.mark.parametrize("gaps", [False, True])
def test_dates_are_read_as_they_are_written(tmp_path: Path, written: str, date_format: str, gaps: bool) -> None:
    """ISO 8601, day or month first, and names of months; the format is kept for those who ask the model."""

    def cells(i: int) -> str:
        return day(i).strftime(written)

    column, values = read(tmp_path, with_gaps(cells) if gaps else cells)
    assert column.reading is not None
    assert (column.kind, column.reading.date_format) == ("date", date_format or "ISO8601")
    assert values.dtype == np.dtype("datetime64[us]")
    assert values[1] == pd.Timestamp(day(1))
    assert values.isna().sum() == (N // 4 if gaps else 0)


def test_the_month_comes_first_where_nothing_tells(tmp_path: Path) -> None:
    """A column in which no day is later than the twelfth is read as pandas reads it."""
    column, values = read(tmp_path, lambda i: f"{i % 12 + 1:02}/03/2020")
    assert column.reading is not None
    assert (column.reading.date_format, values[1]) == ("%m/%d/%Y", pd.Timestamp(2020, 2, 3))


def test_dates_of_other_time_zones_are_in_utc(tmp_path: Path) -> None:
    """Moments of several time zones can be compared."""
    column, values = read(tmp_path, lambda i: datetime(2020, 1, 1, i % 24, tzinfo=CET if i % 2 else UTC).isoformat())
    assert (column.kind, values[0], values[1]) == ("date", pd.Timestamp(2020, 1, 1), pd.Timestamp(2020, 1, 1))


@pytest.mark.parametrize("word", ["2020-13-45", "0000-00-00", "unknown"])
@pytest.mark.parametrize("asked", [True, False])
def test_a_word_among_dates_is_named(tmp_path: Path, word: str, asked: bool) -> None:
    """A day that there is not would make the whole column words, silently."""
    kinds = {"date": ["c"]} if asked else {}
    with pytest.raises(DataError, match=f"line 7: column 'c' holds dates, but here '{word}'. \"data.missing="):
        read(tmp_path, but(word, lambda i: day(i).isoformat()), kinds=kinds)


@pytest.mark.parametrize(("cells", "year"), [(lambda i: 1990 + i % 9, 1990), (lambda i: f"{1990 + i % 9}0102", 1990)])
def test_numbers_are_dates_if_it_is_asked_for(tmp_path: Path, cells: Cells, year: int) -> None:
    """Years and days without marks are numbers, unless data.kinds.date has them."""
    assert read(tmp_path, cells)[0].kind == "number"
    column, values = read(tmp_path, cells, kinds={"date": ["c"]})
    assert (column.kind, values[0].year) == ("date", year)


@pytest.mark.parametrize("kind", ["number", "boolean", "category", "text", "date"])
def test_an_empty_column_is_of_any_kind_that_is_asked_for(tmp_path: Path, kind: str) -> None:
    """Nothing fits everything."""
    column, values = read(tmp_path, always(""), kinds={kind: ["c"]})
    assert (column.kind, column.holds) == (kind, "nothing")
    assert values.isna().all()


@pytest.mark.parametrize(
    ("kind", "says"), [("date", "is no date"), ("boolean", "is no boolean"), ("number", "holds numbers")]
)
def test_a_column_that_is_not_what_was_asked_for_is_named(tmp_path: Path, kind: str, says: str) -> None:
    """data.kinds can't make numbers of words."""
    with pytest.raises(DataError, match=f"table.csv, line 2: column 'c' {says}.* 'sea'"):
        read(tmp_path, lambda i: ["sea", "hill"][i % 2], kinds={kind: ["c"]})


@pytest.mark.parametrize("others", [lambda i: i * 1.5, lambda i: "xyz"[i % 3]])
def test_a_nul_byte_is_named(tmp_path: Path, others: Cells) -> None:
    """A NUL byte is a sign of damage, in numbers and in words."""
    with pytest.raises(DataError, match=r"table.csv, line 7: column 'c' holds a NUL byte"):
        read(tmp_path, but("a\0b", others))


@pytest.mark.parametrize("missing", [["-999"], [-999], "-999"])
def test_a_number_may_mean_that_nothing_is_there(tmp_path: Path, missing: Any) -> None:
    """data.missing takes words and numbers, in a list or alone."""
    _, values = read(tmp_path, but(-999, lambda i: i * 1.5), missing=missing)
    assert values.isna().tolist() == [i == SPOILT for i in range(N)]


@pytest.mark.parametrize(("mark", "day", "first"), [(".", 5, "day"), ("/", 3, "month"), ("-", 3, "month")])
def test_dates_that_may_be_two_are_noted(tmp_path: Path, mark: str, day: int, first: str) -> None:
    """Where no day is later than the twelfth, dots have the day before them; whoever looks is told."""
    column, values = read(
        tmp_path,
        lambda i: (
            mark.join(("05", f"{i % 12 + 1:02}", "2020"))
            if mark == "."
            else mark.join(("03", f"{i % 12 + 1:02}", "2020"))
        ),
    )
    assert f"may have day or month first, and is read with the {first} first" in column.note
    assert (values.dt.day if mark == "." else values.dt.month).eq(day).all()
    assert not read(tmp_path, lambda i: f"{i % 28 + 1:02}.05.2020")[0].note


def test_a_remedy_holds_what_was_said_before(tmp_path: Path) -> None:
    """Words for nothing are found one after the other."""
    with pytest.raises(DataError, match=r"\"data.missing=\['\?','-'\]\" says that nothing is there"):
        read(tmp_path, lambda i: {3: "?", 5: "-"}.get(i, i * 1.5), missing=["?"])
