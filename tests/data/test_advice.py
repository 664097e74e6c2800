"""advice.py: what a colleague would say of a table, and what a colleague would not."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from champion import data
from champion.data import Dataset, split
from champion.data.advice import advise
from champion.data.task import classification
from tests.conftest import dataset


def said(table: Dataset, *, test_size: float = 0.2) -> list[str]:
    """Return what is said of a table that is split as usual."""
    return advise(table, *split.hold_out(table, test_size=test_size, seed=42))


def test_ordinary_table_needs_no_advice(small: Dataset) -> None:
    """Neither a small table nor the bundled one makes anybody worry."""
    assert said(small) == []
    assert said(data.load("pkg://champion.data.datasets/california_housing.csv.gz", target="median_house_value")) == []


def test_rows_on_both_sides_are_counted(small: Dataset) -> None:
    """Duplicates across the split flatter the scores."""
    table = dataset(pd.concat([small.X] * 2, ignore_index=True), pd.concat([small.y] * 2, ignore_index=True))
    train, test = split.hold_out(table, test_size=0.2, seed=42)
    twins = int(np.isin(test.row_hashes, train.row_hashes).sum())
    [note] = advise(table, train, test)
    assert note.startswith(f"{twins} of 80 held-out rows are training rows too")
    assert "data.group" in note
    named = replace(train, group=pd.Series(range(len(train)), name="owner"))
    [note] = advise(table, named, test)
    assert "data.group" not in note


@pytest.mark.parametrize("noise", [0, 1e-4])
def test_column_that_knows_the_answer_is_named(small: Dataset, noise: float) -> None:
    """A copy of the target, in other units and with a little noise, is found; an honest column isn't."""
    copy = small.y / 1000 + np.random.default_rng(0).normal(scale=noise, size=200)
    many = dataset(
        pd.concat([small.X.assign(tax=copy)] * 5, ignore_index=True), pd.concat([small.y] * 5, ignore_index=True)
    )
    notes = [note for note in said(many) if "alone" in note]
    assert [note[:12] for note in notes] == ["Column 'tax'"]
    assert notes[0].endswith("\"data.drop=['tax']\" leaves it out.")


def test_category_that_knows_the_class_is_named(small: Dataset) -> None:
    """The label in other words is a leak too."""
    y = small.X["place"]
    table = dataset(
        small.X.assign(place=y.map({"sea": "S", "hill": "H", "town": "T"})),
        y,
        task=classification(tuple(sorted(y.unique()))),
    )
    assert any("Column 'place' alone tells 100.0% of 'price'" in note for note in said(table))


def test_index_is_left_out_and_said(small: Dataset) -> None:
    """A column that numbers the rows is no feature, and the note says how to use it all the same."""
    [note] = said(dataset(small.X.assign(id=range(1, 201)), small.y))
    assert note == """Column 'id' numbers the rows, so it is left out; "data.kinds.number=['id']" uses it."""


def test_zero_and_one_as_numbers_are_noticed(small: Dataset) -> None:
    """Who predicts 0 and 1 as a number may have meant classes."""
    [note] = said(dataset(small.X, pd.Series(np.random.default_rng(0).integers(0, 2, 200) * 1.0)))
    assert "task=binary" in note


@pytest.mark.parametrize("classes", [("no", "yes"), (0, 1)])
def test_rare_class_is_noticed(classes: tuple[str | int, ...]) -> None:
    """Where a class is in one row of 200, accuracy says little."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"size": rng.normal(size=2000), "age": rng.normal(size=2000)})
    y = pd.Series(np.where(np.arange(2000) < 10, *reversed(classes)))
    [note] = said(dataset(X, y, task=classification(classes)))
    assert f"class {classes[1]!r} has 10 of 2,000 rows (0.50%). Look at average_precision rather than accuracy." in note


def test_later_rows_unlike_the_earlier_are_noticed() -> None:
    """Prices and a shop that change with time are named where the latest rows are held out, time itself isn't."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {"day": np.arange(2000) // 2, "oil": np.arange(2000) + rng.normal(size=2000), "wind": rng.normal(size=2000)}
    )
    X["shop"] = np.where(np.arange(2000) > 1700, "new", "old")
    y = pd.Series(rng.normal(size=2000))
    notes = said(dataset(X, y, time=X["day"]))
    unlike = "Held-out rows are unlike the training rows in oil, shop"
    assert notes == [f"{unlike}. They come later, so expect the scores to move with the next rows."]


def test_few_rows_are_no_drift(small: Dataset) -> None:
    """What differs by chance in a handful of rows isn't worth a word, nor does a category of many values differ."""
    X = small.X.assign(street=[f"street {row}" for row in np.random.default_rng(0).permutation(200) // 2])
    assert said(dataset(X, small.y), test_size=0.05) == []
