"""data.py: the table, its target and its fingerprint."""

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from champion import data
from champion.data import Dataset
from champion.errors import DataError

BUNDLED = "pkg://champion.datasets/california_housing.csv.gz"


def write(folder: Path, text: str) -> str:
    """Write a CSV file and return its path."""
    file = folder / "table.csv"
    file.write_text(text)
    return str(file)


def test_bundled_table_is_the_published_one() -> None:
    """The file in the package has the bytes that its provenance script made."""
    file = Path(data.__file__).parent / "datasets" / "california_housing.csv.gz"
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    assert digest == "1af4883567b310df06d75d888215d7e9c3205da4fd1ad0ebec4066560e991f23"
    assert file.with_name("build_california_housing.py").is_file()


def test_bundled_table_has_its_rows_and_columns() -> None:
    """California housing has 20,640 rows, nine features and a target in dollars."""
    housing = data.load(BUNDLED, target="median_house_value", name="housing_price", unit="dollars")
    assert housing.X.shape == (20640, 9)
    assert (housing.name, housing.target, housing.unit) == ("housing_price", "median_house_value", "dollars")
    assert housing.y.between(14_999, 500_001).all()


def test_a_file_gives_its_name_and_its_target_the_unit(tmp_path: Path) -> None:
    """Without a name and a unit the file and the target stand in."""
    table = data.load(write(tmp_path, "a,price\n1,2\n3,4\n"), target="price")
    assert (table.name, table.unit, len(table)) == ("table", "price", 2)


def test_dropped_columns_are_gone(tmp_path: Path) -> None:
    """data.drop leaves columns out."""
    table = data.load(write(tmp_path, "id,a,price\n1,2,3\n"), target="price", drop=["id"])
    assert list(table.X.columns) == ["a"]


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


@pytest.mark.parametrize(
    ("text", "options", "says"),
    [
        ("", {}, "can't be read as CSV with a header line"),
        ("a,price\n", {}, "has a header line but no rows below it"),
        ("a,b\n1,2\n", {}, r"data.target 'price' is not a column of .*table.csv. Columns: a, b\."),
        ("a,prise\n1,2\n", {}, r"Did you mean 'prise'\?"),
        ("a,price\n1,cheap\n", {}, "must hold numbers, but holds text such as 'cheap'"),
        ("a,price\n1,2\n3,\n", {}, "must be a finite number in every row; line 3 has none"),
        ("a,price\n1,2\n3,inf\n", {}, "line 3 has none"),
        ("a,price\n1,2\n", {"drop": ["b"]}, "data.drop 'b' is not a column"),
        ("a,price\n1,2\n", {"drop": ["price"]}, "data.drop holds 'price', which is the target"),
        ("price\n1\n", {}, "has no column beside the target"),
        ("a,price\n1,2\n1,2,3,4\n", {}, "can't be read as CSV"),
    ],
)
def test_tables_that_cant_be_learned_from_are_answered(
    tmp_path: Path, text: str, options: dict[str, Any], says: str
) -> None:
    """Each message names the key or the file, and the rule."""
    with pytest.raises(DataError, match=says):
        data.load(write(tmp_path, text), target="price", **options)


def test_missing_file_names_the_path_it_looked_at() -> None:
    """A relative path is shown in full, so that a wrong working directory is seen."""
    with pytest.raises(DataError, match=f"there is no file {Path.cwd() / 'nope.csv'}"):
        data.load("nope.csv", target="price")


def test_numbers_in_the_target_become_floats(tmp_path: Path) -> None:
    """A target of whole numbers is a number like any other."""
    y = data.load(write(tmp_path, "a,2024\n1,2\n"), target=2024).y  # type: ignore[arg-type]
    assert (y.name, y.dtype) == ("2024", np.dtype("float64"))
    assert isinstance(y, pd.Series)


def test_row_is_known_again_by_its_hash(small: Dataset) -> None:
    """The same values have the same hash in any order and any company, and other values another one."""
    some = np.array([7, 3, 150])
    assert list(small.take(some).row_hashes) == list(small.row_hashes[some])
    assert small.row_hashes.dtype == np.dtype("uint64")
    assert len(set(small.row_hashes)) == len(small)
