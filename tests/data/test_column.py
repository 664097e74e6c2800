"""column.py: kinds of columns, and what they hold."""

from pathlib import Path
from uuid import UUID

import pandas as pd
import pytest

from champion.data import describe
from tests.conftest import column
from tests.data.tables import Cells, N, always, but, read, with_gaps


@pytest.mark.parametrize(
    ("cells", "why"),
    [
        (lambda i: i, "numbers the rows"),
        (lambda i: i + 1, "numbers the rows"),
        (lambda i: N - i, "numbers the rows"),
        (lambda i: i * 7 % N, "numbers the rows"),
        (lambda i: f"{i}.0", "numbers the rows"),
        (lambda i: UUID(int=i << 90), "names the rows"),
        (lambda i: 2**60 + 31 * i, "names the rows"),
        (lambda i: f"Mr. {i}", "names the rows"),
        (always(5), "one value"),
        (always("sea"), "one value"),
        (always("2020-01-01"), "one value"),
        (always("true"), "one value"),
        (always(""), "empty"),
        (always(" "), "empty"),
    ],
)
def test_columns_that_teach_nothing_are_left_out(tmp_path: Path, cells: Cells, why: str) -> None:
    """An index, an identifier, a constant and an empty column say nothing of rows to come."""
    column, _ = read(tmp_path, cells)
    assert (column.kind, column.why) == (None, why)


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (lambda i: 10 * i, "number"),
        (lambda i: i + 0.5, "number"),
        (but(7, lambda i: i), "number"),
        (but("", lambda i: i), "number"),
        (but("", always(5)), "number"),
        (but("sea", always("")), "category"),
        (lambda i: ["true", "false"][i % 2], "boolean"),
        (lambda i: ["yes", "no"][i % 2], "category"),
        (lambda i: f"the house of {i} rooms stands by the sea", "text"),
        (lambda i: f"the house of {i % 3} rooms stands by the sea", "category"),
        (lambda i: f"2020-01-{i % 28 + 1:02}", "date"),
        (lambda i: f"12:{i % 30:02}", "category"),
    ],
)
def test_columns_that_may_teach_something_are_used(tmp_path: Path, cells: Cells, kind: str) -> None:
    """Values that are missing, or the same but for one, are no reason to leave a column out."""
    column, values = read(tmp_path, cells)
    assert (column.kind, column.why, len(values)) == (kind, "", N)


def test_a_column_that_is_asked_for_is_never_left_out(tmp_path: Path) -> None:
    """data.kinds also brings back what would be left out."""
    assert read(tmp_path, lambda i: i, kinds={"number": ["c"]})[0].kind == "number"
    assert read(tmp_path, lambda i: UUID(int=i << 90), kinds={"category": ["c"]})[0].kind == "category"
    assert read(tmp_path, always(5), kinds={"number": ["c"]})[0].kind == "number"


def test_few_rows_say_nothing_of_what_names_them() -> None:
    """Ten different names may be categories."""
    assert describe(pd.Series([f"k{i}" for i in range(10)], name="c"), kind="category").kind == "category"
    assert describe(pd.Series(range(10), name="c"), kind="number").kind == "number"


def test_ten_thousand_categories_are_categories() -> None:
    """A column of many values is one of categories as long as they come again."""
    column = describe(pd.Series([f"k{i % 10_000}" for i in range(20_000)], name="c"), kind="category")
    assert (column.kind, column.holds) == ("category", "10,000 values")


@pytest.mark.parametrize(
    ("values", "holds"),
    [
        ([1963, 2024], "1963 to 2024"),
        ([0.5, 12_345.678], "0.5 to 12,345.7"),
        ([1, 2_000_000], "1 to 2,000,000"),
        ([5, 5], "5"),
        ([2.0**60, 2.0**61], "1.153e+18 to 2.306e+18"),
        ([True, False], "true or false"),
        (["sea", "hill"], "sea, hill"),
        (["a", "b", "c", "d"], "4 values"),
        (["a" * 30, "b" * 30], "2 values"),
        ([None, None], "nothing"),
        (pd.to_datetime(["1500-01-01", "2024-05-31T12:00"], format="ISO8601"), "1500-01-01 to 2024-05-31"),
    ],
)
def test_a_description_says_what_a_column_holds(values: object, holds: str) -> None:
    """Ranges of numbers and dates, a few categories, or their number."""
    assert column(pd.Series(values, name="c")).holds == holds


def test_the_share_of_missing_values_is_told(tmp_path: Path) -> None:
    """A quarter of the rows without a value is 0.25."""
    assert read(tmp_path, with_gaps(lambda i: i * 1.5))[0].missing == 0.25
