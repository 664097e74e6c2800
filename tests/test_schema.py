"""schema.py: which values a column may hold."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from champion.errors import RequestError
from champion.schema import Column, Schema

SCHEMA = Schema(
    [
        Column("size", "double", True),
        Column("rooms", "long", True),
        Column("age", "double", False),
        Column("place", "string", True),
        Column("garden", "boolean", True),
    ]
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
        ("size", float("inf"), "too large a number"),
        ("size", 10**400, "but row 2 holds too large a number"),
        ("age", "old", "but row 2 holds text"),
        ("rooms", 3.5, "must hold a whole number in every row, but row 2 holds a fraction"),
        ("rooms", 1e300, "but row 2 holds a fraction or too large a number"),
        ("rooms", "3", "but row 2 holds text"),
        ("rooms", 2**63, "but row 2 holds too large a number"),
        ("place", 3, "must hold text in every row"),
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


@pytest.mark.parametrize(("kind", "cells"), [("long", [3, None]), ("boolean", [True, None]), ("string", ["sea", None])])
def test_gaps_stay_gaps(kind: str, cells: list[Any]) -> None:
    """A missing value of a column that may have some is never taken for 0 or false."""
    schema = Schema([Column("x", kind, False)])
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
