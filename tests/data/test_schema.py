"""schema.py: which columns a model takes, and what a request may hold."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from champion.base.errors import RequestError
from champion.data import Schema
from champion.data.reading import Reading

SCHEMA = Schema(
    [
        Reading("size", "number", required=True),
        Reading("rooms", "number", whole=True, required=True),
        Reading("age", "number"),
        Reading("place", "category", words="sea\0hill", required=True),
        Reading("garden", "boolean", required=True),
    ],
    unused=["id"],
)
GOOD: dict[str, list[Any]] = {
    "garden": [True, False],
    "size": [50.5, 70],
    "rooms": [2, 3],
    "age": [None, 1.5],
    "place": ["sea", "hill"],
}


def test_columns_come_in_the_models_order_and_types() -> None:
    """The order of the request doesn't matter; whole numbers are numbers too."""
    table = pd.DataFrame(SCHEMA.join([SCHEMA.check(GOOD)]))
    assert list(table.columns) == ["size", "rooms", "age", "place", "garden"]
    assert [str(dtype) for dtype in table.dtypes] == ["float64", "int64", "float64", "str", "bool"]
    assert table["size"].tolist() == [50.5, 70.0]
    assert np.isnan(table["age"][0])


def test_optional_column_may_be_absent() -> None:
    """A column that had missing values in training may be left out."""
    rows = SCHEMA.check({name: cells for name, cells in GOOD.items() if name != "age"})
    assert np.isnan(rows.arrays["age"]).all()


@pytest.mark.parametrize(
    ("column", "cell", "says"),
    [
        ("size", "big", "must hold a finite number in every row, but row 2 holds text"),
        ("size", True, "but row 2 holds true or false"),
        ("size", None, "but row 2 holds nothing"),
        ("size", [1], "but row 2 holds a list or an object"),
        ("size", {"a": 1}, "but row 2 holds a list or an object"),
        ("size", float("inf"), "a number beyond"),
        ("size", 10**400, "but row 2 holds a number beyond"),
        ("age", "old", "but row 2 holds text"),
        ("rooms", 3.5, "must hold a whole number in every row, but row 2 holds a fraction"),
        ("rooms", 1e300, "but row 2 holds a number beyond"),
        ("rooms", 2.0**53 + 2, "but row 2 holds a number beyond"),
        ("rooms", "3.5", "but row 2 holds a fraction"),
        ("rooms", "three", "but row 2 holds text"),
        ("size", 1e39, "but row 2 holds a number beyond"),
        ("size", "1,5", "but row 2 holds text"),
        ("size", "NA", "but row 2 holds nothing"),
        ("rooms", 2**63, "but row 2 holds a number beyond"),
        ("place", [3], "must hold text in every row"),
        ("place", " ", "but row 2 holds nothing"),
        ("place", None, "but row 2 holds nothing"),
        ("garden", 1, "must hold true or false in every row"),
    ],
)
def test_cell_of_another_kind_is_refused(column: str, cell: Any, says: str) -> None:
    """The answer names column, row and rule."""
    with pytest.raises(RequestError, match=says) as refused:
        SCHEMA.check({**GOOD, column: [GOOD[column][0], cell] if column != "age" else [1.0, cell]})
    assert refused.value.column == column
    assert refused.value.status == 400


def test_missing_and_unknown_columns_are_named() -> None:
    """A misspelt column is unknown under one name before it is missing under the other."""
    with pytest.raises(RequestError, match="Column 'size' is missing"):
        SCHEMA.check({name: cells for name, cells in GOOD.items() if name != "size"})
    with pytest.raises(RequestError, match=r"Column 'sise' is not one of the model's\. Did you mean 'size'"):
        SCHEMA.check({**GOOD, "sise": [1, 2]})


def test_whole_number_may_be_written_as_a_fraction_of_none() -> None:
    """3.0 is 3: JavaScript has no other way to say it."""
    assert SCHEMA.check({**GOOD, "rooms": [2.0, 3]}).arrays["rooms"].tolist() == [2, 3]


def test_text_stands_for_what_it_says() -> None:
    """A cell of JSON that is text means what it would mean in CSV."""
    said = {"garden": ["true", " FALSE"], "size": ["50.5", "7e1"], "rooms": [" 2", "3"], "age": ["NA", "1.5"]}
    found, expected = SCHEMA.check({**GOOD, **said}).arrays, SCHEMA.check(GOOD).arrays
    for name in SCHEMA.names:
        np.testing.assert_array_equal(found[name], expected[name])


def test_column_that_training_left_out_may_be_sent() -> None:
    """Whoever sends the rows of a table needn't take its index away; what it holds doesn't matter."""
    assert SCHEMA.check({**GOOD, "id": ["anything", {}]}).n_rows == 2


def test_blanks_around_a_name_are_no_part_of_it() -> None:
    """A header line such as `size, rooms` names the column rooms."""
    assert SCHEMA.check({f" {name} ": cells for name, cells in GOOD.items()}).n_rows == 2


@pytest.mark.parametrize("take", [SCHEMA.check, SCHEMA.transform])
def test_two_columns_of_one_name_are_refused(take: Callable[[Any], Any]) -> None:
    """Neither of them is taken in silence."""
    with pytest.raises(RequestError, match=r"^A column is named twice\.$"):
        take(GOOD | {" size ": [1, 2]})


def test_unseen_categories_are_counted() -> None:
    """What training never saw is told by the column, gaps are not."""
    schema = Schema([Reading("x", "category", words="sea\0hill"), Reading("note", "text")])
    rows = schema.check({"x": ["sea", "moon", None, "moon", " hill "], "note": ["a"] * 5})
    assert rows.unseen == {"x": 2}


def test_more_words_for_nothing_can_be_given() -> None:
    """What is known of a file beside what the model knows: another mark of decimals, another word for a gap."""
    schema = Schema([Reading("x", "number", missing=("-",))]).written(decimal=",", missing=["?"])
    assert schema.check({"x": ["1,5", "-", "?", "NA"]}).arrays["x"].tolist() == pytest.approx(
        [1.5] + [np.nan] * 3, nan_ok=True
    )


@pytest.mark.parametrize(
    ("kind", "cells"), [("number", [3, None]), ("boolean", [True, None]), ("category", ["sea", None])]
)
def test_gaps_stay_gaps(kind: str, cells: list[Any]) -> None:
    """A missing value of a column that may have some is never taken for 0 or false."""
    schema = Schema([Reading("x", kind)])
    assert pd.DataFrame(schema.join([schema.check({"x": cells})]))["x"].isna().tolist() == [False, True]


def test_parts_are_joined_in_order() -> None:
    """The rows of several requests become one table."""
    parts = [SCHEMA.check(GOOD), SCHEMA.check({name: cells[:1] for name, cells in GOOD.items()})]
    table = pd.DataFrame(SCHEMA.join(parts))
    assert table["size"].tolist() == [50.5, 70.0, 50.5]
    assert str(table["place"].dtype) == "str"


@pytest.mark.parametrize("values", [{}, {"size": []}])
def test_no_rows_are_refused(values: dict[str, list[Any]]) -> None:
    """There is nothing to predict."""
    with pytest.raises(RequestError, match="There are no rows"):
        SCHEMA.check(values)


def test_answer_never_holds_the_callers_data() -> None:
    """What stood in the cell isn't repeated."""
    with pytest.raises(RequestError) as refused:
        SCHEMA.check({**GOOD, "size": [1, "my secret"]})
    assert "secret" not in str(refused.value)
