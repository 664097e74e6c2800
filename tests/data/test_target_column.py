"""target_column.py: what is to be predicted."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from champion import data
from champion.base.errors import ConfigError, DataError
from tests.data.tables import Cells, N, always, but, write


def load(folder: Path, price: Cells, **options: Any) -> data.Dataset:
    """Load a table with these prices."""
    return data.load(write(folder, price=price), target="price", **options)


@pytest.mark.parametrize(
    ("price", "task", "classes", "dtype"),
    [
        (lambda i: i * 1.5, "regression", (), "float64"),
        (lambda i: i, "regression", (), "float64"),
        (lambda i: f" {i} ", "regression", (), "float64"),
        (lambda i: i % 2, "binary", (0, 1), "int64"),
        (lambda i: f"{i % 2}.0", "binary", (0, 1), "int64"),
        (lambda i: i % 10, "multiclass", tuple(range(10)), "int64"),
        (lambda i: i % 11, "regression", (), "float64"),
        (lambda i: ["yes", "no"][i % 2], "binary", ("no", "yes"), "str"),
        (lambda i: ["true", "false"][i % 2], "binary", (False, True), "bool"),
        (lambda i: "xyz"[i % 3], "multiclass", ("x", "y", "z"), "str"),
        (but("z", lambda i: "xy"[i % 2]), "multiclass", ("x", "y", "z"), "str"),
        (lambda i: 2**60 + i % 2, "binary", (str(2**60), str(2**60 + 1)), "str"),
    ],
)
def test_the_task_is_told_from_the_target(
    tmp_path: Path, price: Cells, task: str, classes: tuple[object, ...], dtype: str
) -> None:
    """Words, truths and up to ten whole numbers are classes; other numbers are predicted as such."""
    table = load(tmp_path, price)
    assert (table.task.name, table.task.classes, str(table.y.dtype)) == (task, classes, dtype)


@pytest.mark.parametrize("price", [lambda i: i % 3, lambda i: ["true", "false"][i % 2]])
def test_classes_that_are_numbers_can_be_predicted_as_such(tmp_path: Path, price: Cells) -> None:
    """task=regression makes numbers of whole numbers and truths."""
    table = load(tmp_path, price, task="regression")
    assert (table.task.name, table.y.dtype) == ("regression", np.dtype("float64"))


def test_numbers_can_be_classes(tmp_path: Path) -> None:
    """data.kinds.category makes classes of numbers, with fractions or without."""
    table = load(tmp_path, lambda i: i % 12 + 0.5, kinds={"category": ["price"]})
    assert (table.task.name, len(table.task.classes), table.task.classes[0]) == ("multiclass", 12, "0.5")


@pytest.mark.parametrize(
    ("price", "options", "says"),
    [
        (
            but("", lambda i: i),
            {},
            "table.csv, line 7: data.target 'price' must have a value in every row, .* none. Fill",
        ),
        (always(""), {}, "line 2: .*'price' must have a value in every row.*, as in 39 other rows"),
        (but("inf", lambda i: i), {}, "table.csv, line 7: column 'price' holds numbers, but here 'inf'"),
        (but("cheap", lambda i: i), {}, "line 7: column 'price' holds numbers, but here 'cheap'"),
        (but("", lambda i: "xy"[i % 2]), {}, "line 7: data.target 'price' must have a value"),
        (
            lambda i: f"${i}.50",
            {},
            "line 2: column 'price' holds numbers, but here '\\$0.50'. Write it as a plain number",
        ),
        (always(7), {}, "data.target 'price' of .*table.csv can't be learned: it is 7 in every row. Choose another"),
        (always("x"), {}, "can't be learned: it is 'x' in every row"),
        (
            lambda i: "xyz"[i % 3],
            {"task": "regression"},
            "line 2: .* must hold numbers for task=regression, but here 'x'",
        ),
        (lambda i: f"2020-01-{i % 28 + 1:02}", {}, "holds dates, and only numbers and classes are predicted"),
        (lambda i: i % 2 + 0.5, {"task": "binary"}, "holds fractions.*data.kinds.category=\\['price'\\]"),
        (lambda i: i % 3, {"task": "binary"}, "3 different values, so it can't be predicted with task=binary"),
        (lambda i: i % 2, {"task": "multiclass"}, "2 different values, so it can't be predicted with task=multiclass"),
    ],
)
def test_targets_that_cant_be_learned_are_answered(
    tmp_path: Path, price: Cells, options: dict[str, Any], says: str
) -> None:
    """Each message names the line or the column, the rule and a remedy."""
    with pytest.raises(DataError, match=says):
        load(tmp_path, price, **options)


def test_too_many_words_are_no_classes(tmp_path: Path) -> None:
    """A target of names is a mistake rather than a hundred classes."""
    file = tmp_path / "table.csv"
    file.write_text("a,price\n" + "".join(f"{i % 7},name {i}\n" for i in range(300)))
    with pytest.raises(
        DataError, match=r"holds 300 different values in 300 rows: too many for classes \(at most 100\)"
    ):
        data.load(str(file), target="price")


def test_a_single_row_can_t_be_learned(tmp_path: Path) -> None:
    """One row is no table."""
    file = tmp_path / "table.csv"
    file.write_text("a,price\n1,2.5\n")
    with pytest.raises(DataError, match=r"can't be learned: it is 2\.5 in its only row\. .*add rows that differ"):
        data.load(str(file), target="price")


def test_a_task_that_there_is_not_is_refused(tmp_path: Path) -> None:
    """A task misspelt is a mistake of the config, found before the file is read."""
    with pytest.raises(
        ConfigError, match=r"^task must be one of regression, binary, multiclass.*Did you mean 'binary'\?"
    ):
        data.load(str(tmp_path / "nope.csv"), target="price", task="binry")


def test_a_target_may_look_like_a_number(tmp_path: Path) -> None:
    """The command line reads 2024 as a number, and the header line doesn't."""
    path = write(tmp_path, target="2024")
    assert data.load(path, target=2024).y.name == "2024"  # type: ignore[arg-type]
    assert len(data.load(path, target="2024")) == N
