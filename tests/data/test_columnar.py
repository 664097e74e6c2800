"""columnar.py: Parquet."""

from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from champion import data
from champion.base.errors import DataError
from tests.data.tables import N, plain, read_parquet, save


@pytest.fixture
def frame() -> pd.DataFrame:
    """Make a table that can be learned from."""
    return pd.DataFrame({"a": [i % 7 for i in range(N)], "price": [i * 1.5 for i in range(N)]})


def test_parquet_and_csv_give_the_same_table(tmp_path: Path, frame: pd.DataFrame) -> None:
    """A fingerprint tells tables apart, and not the files they are in; names of files don't matter."""
    frame.to_parquet(tmp_path / "table")
    table = data.load(str(tmp_path / "table"), target="price")
    assert table.fingerprint == data.load(save(tmp_path, plain()), target="price").fingerprint


@pytest.mark.parametrize(("name", "column"), [("key", "key"), (None, "__index_level_0__")])
def test_an_index_of_pandas_is_a_column(tmp_path: Path, frame: pd.DataFrame, name: str | None, column: str) -> None:
    """What names the rows is left out like any other identifier, and a plain range isn't even written."""
    frame.set_axis(pd.Index([f"r{i}" for i in range(N)], name=name)).to_parquet(tmp_path / "t.parquet")
    table = data.load(str(tmp_path / "t.parquet"), target="price")
    assert {found.name: found.why for found in table.columns} == {"a": "", column: "names the rows"}


def test_a_folder_that_looks_like_a_partition_adds_no_column(tmp_path: Path, frame: pd.DataFrame) -> None:
    """The path year=2024 is a path."""
    (tmp_path / "year=2024").mkdir()
    frame.to_parquet(tmp_path / "year=2024" / "t.parquet")
    assert [column.name for column in data.load(str(tmp_path / "year=2024" / "t.parquet"), target="price").columns] == [
        "a"
    ]


@pytest.mark.parametrize("kept", [5, 20, 0.5, -1])
def test_a_file_that_is_cut_off_is_named(tmp_path: Path, frame: pd.DataFrame, kept: float) -> None:
    """Parquet has its table of contents at the end."""
    content = frame.to_parquet()
    assert content is not None
    end = int(kept * len(content)) if kept == 0.5 else int(kept)
    with pytest.raises(
        DataError, match=r"^data.path: .*t.parquet can't be read as Parquet: .*Is it cut off, or damaged\?$"
    ):
        data.load(save(tmp_path, content[:end], "t.parquet"), target="price")


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({}, "t.parquet has column names but no rows"),
        ({"a": pa.array([], pa.int64()), "price": pa.array([], pa.int64())}, "has column names but no rows"),
        (pa.table([[1], [2], [3]], names=["a", "a", "price"]), "t.parquet: 2 columns are called 'a'"),
    ],
)
def test_a_file_without_a_table_is_answered(tmp_path: Path, table: Any, says: str) -> None:
    """There must be rows, and columns of different names."""
    parquet.write_table(pa.table(table), tmp_path / "t.parquet")
    with pytest.raises(DataError, match=says):
        data.load(str(tmp_path / "t.parquet"), target="price")


def test_a_column_without_a_name_is_called_after_its_place(tmp_path: Path, frame: pd.DataFrame) -> None:
    """A name is needed to ask the model."""
    frame.rename(columns={"a": ""}).to_parquet(tmp_path / "t.parquet")
    assert list(data.load(str(tmp_path / "t.parquet"), target="price").X) == ["column 1"]


@pytest.mark.parametrize(
    ("odd", "usual", "missing"),
    [
        ("NA", "1.5", []),
        ("", "x", []),
        ("NA", "x", ["NA"]),
        ("?", "1.5", ["?"]),
        (-999, 5, ["-999"]),
        (-999.0, 5.5, [-999]),
        (date(1900, 1, 1), date(2020, 5, 31), ["1900-01-01"]),
    ],
)
def test_words_for_missing_mean_the_same_as_in_csv(tmp_path: Path, odd: Any, usual: Any, missing: list[Any]) -> None:
    """NA among numbers, and what data.missing holds, stand for no value in columns of any type."""
    column, _ = read_parquet(tmp_path, [odd if i == 4 else usual for i in range(N)], missing=missing)
    assert column.missing == pytest.approx(1 / N)


@pytest.mark.parametrize("word", ["NA", "None", "null", "NaN"])
def test_gaps_that_have_a_type_are_no_words(tmp_path: Path, word: str) -> None:
    """In Parquet a gap is a gap, and text is what it is."""
    cells = [word if i % 4 == 1 else None if i % 4 == 3 else "x" for i in range(N)]
    column, values = read_parquet(tmp_path, cells)
    assert (column.holds, column.missing) == (f"x, {word}", 0.25)
    assert values[1] == word


def test_what_pandas_saved_as_categories_are_categories(tmp_path: Path) -> None:
    """Parquet forgets that whole numbers were categories, pandas' own metadata in it doesn't."""
    frame = pd.DataFrame({"c": pd.Categorical([i % 3 for i in range(N)]), "price": [i * 1.5 for i in range(N)]})
    frame.to_parquet(tmp_path / "table.parquet")
    [column] = data.load(str(tmp_path / "table.parquet"), target="price").columns
    assert (column.kind, column.holds) == ("category", "0, 1, 2")


def test_index_that_pandas_saved_is_left_out(tmp_path: Path, frame: pd.DataFrame) -> None:
    """Its numbers carry the order of the table, which is no column of it."""
    frame.sample(frac=0.7, random_state=0).to_parquet(tmp_path / "t.parquet")
    *_, index = data.load(str(tmp_path / "t.parquet"), target="price").columns
    assert (index.name, index.why) == ("__index_level_0__", "numbers the rows")
