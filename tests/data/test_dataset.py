"""dataset.py: a table, its target and its fingerprint."""

from dataclasses import replace

import numpy as np

from champion.data import Dataset
from champion.data.task import Task


def test_fingerprint_changes_with_any_value_name_or_order(small: Dataset) -> None:
    """Two tables have one fingerprint only if they are the same table."""
    changed = small.X.copy()
    changed["age"] = changed["age"].where(changed.index != 7, 17.000000001)
    others = [
        replace(small, X=changed),
        replace(small, X=small.X.rename(columns={"age": "years"})),
        replace(small, X=small.X[["age", "size", "place"]]),
        small.take(np.arange(200)[::-1]),
        small.take(np.arange(199)),
    ]
    fingerprints = {small.fingerprint, *(other.fingerprint for other in others)}
    assert len(fingerprints) == 1 + len(others)
    assert small.take(np.arange(200)).fingerprint == small.fingerprint


def test_row_is_known_again_by_its_hash(small: Dataset) -> None:
    """The same values have the same hash in any order and any company, and other values another one."""
    some = np.array([7, 3, 150])
    assert list(small.take(some).row_hashes) == list(small.row_hashes[some])
    assert small.row_hashes.dtype == np.dtype("uint64")
    assert len(set(small.row_hashes)) == len(small)


def test_rows_are_taken_with_all_that_belongs_to_them(small: Dataset) -> None:
    """Features, target, time and group of a row stay together, and rows of rows are rows."""
    whole = replace(small, time=small.X["age"], group=small.X["place"])
    part = whole.take(np.array([9, 4, 7, 1])).take(np.array([2, 0]))
    assert part.time is not None
    assert part.group is not None
    assert part.X.index.tolist() == part.y.index.tolist() == [7, 9]
    assert part.time.tolist() == small.X["age"][[7, 9]].tolist() == part.X["age"].tolist()
    assert part.group.tolist() == small.X["place"][[7, 9]].tolist()
    assert len(part) == 2


def test_columns_are_found_by_kind(small: Dataset) -> None:
    """Names come in the order of the file."""
    assert small.names("number", "category") == ["size", "age", "place"]
    assert small.names("category") == ["place"]


def test_summary_identifies_the_table_without_a_password(small: Dataset) -> None:
    """A report says where the table is from, but not how to get in."""
    secret = replace(small, source="https://ada:pw@example.com/houses.csv", task=Task("binary", (False, True)))
    summary = secret.summary
    assert summary.source == "https://ada:***@example.com/houses.csv"
    assert (summary.classes, summary.rows, summary.columns) == (["false", "true"], 200, 4)
    assert summary.fingerprint == secret.fingerprint


def test_the_target_stands_last_in_the_table(small: Dataset) -> None:
    """Features and target together are what is hashed."""
    assert list(small.table) == ["size", "age", "place", "price"]
    assert len(small.table) == len(small)
