"""Small tables as files, each with one thing that is odd about it."""

import csv
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
from pyarrow import parquet

from champion import data
from champion.data import Column, Dataset

N = 40  # rows, enough for a column whose values all differ to say something
SPOILT = 5  # the row that is odd, where one is; in line 7 of a CSV file

Cells = Callable[[int], object]


def save(folder: Path, content: str | bytes, name: str = "table.csv") -> str:
    """Write a file as it stands and return its path."""
    file = folder / name
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(file)


def plain(sep: str = ",", rows: int = N) -> str:
    """Return a table of two columns, a and price, that can be learned from."""
    return f"a{sep}price\n" + "".join(f"{i % 7}{sep}{i * 1.5}\n" for i in range(rows))


def write(folder: Path, *, target: str = "price", **columns: Cells) -> str:
    """Write a CSV file whose columns are made of the row's number; a and the target are added where they lack."""
    made: dict[str, Cells] = {**columns, "a": lambda i: i % 7}
    made.setdefault(target, lambda i: i * 1.5)
    with (folder / "table.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(made)
        rows.writerows([cell(i) for cell in made.values()] for i in range(N))
    return str(folder / "table.csv")


def always(value: object) -> Cells:
    """Return cells that are all the same."""
    return lambda _: value


def but(odd: object, others: Cells) -> Cells:
    """Return cells of which a single one is odd."""
    return lambda i: odd if i == SPOILT else others(i)


def with_gaps(others: Cells) -> Cells:
    """Return cells of which every fourth is empty."""
    return lambda i: "" if i % 4 == 3 else others(i)


def read(folder: Path, cells: Cells, **options: Any) -> tuple[Column, pd.Series]:
    """Return what becomes of a column `c` of a CSV file: its description, and its values where it isn't left out."""
    return found(data.load(write(folder, c=cells), target="price", **options))


def read_parquet(folder: Path, cells: Sequence[Any] | pa.Array, **options: Any) -> tuple[Column, pd.Series]:
    """Return what becomes of a column `c` of a Parquet file of N rows."""
    table = {"c": cells, "a": [i % 7 for i in range(N)], "price": [i * 1.5 for i in range(N)]}
    parquet.write_table(pa.table(table), folder / "table.parquet")
    return found(data.load(str(folder / "table.parquet"), target="price", **options))


def found(table: Dataset) -> tuple[Column, pd.Series]:
    """Return the description and the values of column `c`."""
    column = next(column for column in table.columns if column.name == "c")
    return column, table.X["c"] if column.kind else pd.Series()
