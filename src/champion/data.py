"""Decides what the table is and which column is to be predicted; who sees which row is up to split.py."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from champion.errors import DataError, did_you_mean, shorten
from champion.redaction import redact


@dataclass(frozen=True, eq=False)
class Dataset:
    """A table whose target stands apart from the columns that predict it.

    `X` is a DataFrame of shape (n_rows, n_features), `y` a Series of shape (n_rows,) in `unit`, such as dollars.
    """

    name: str
    source: str
    unit: str
    X: pd.DataFrame
    y: pd.Series

    @property
    def target(self) -> str:
        """Name of the column to predict."""
        return str(self.y.name)

    @property
    def table(self) -> pd.DataFrame:
        """Features and target together, of shape (n_rows, n_features + 1); the target comes last."""
        return self.X.assign(**{self.target: self.y})

    @cached_property
    def row_hashes(self) -> np.ndarray:
        """A whole number for each row, of shape (n_rows,), that is the same wherever the same values stand."""
        return pd.util.hash_pandas_object(self.table, index=False).to_numpy()

    @cached_property
    def fingerprint(self) -> str:
        """16 hexadecimal digits that change with any value, row order, column name or column order."""
        columns = json.dumps([str(column) for column in self.table.columns])
        return hashlib.sha256(columns.encode() + self.row_hashes.tobytes()).hexdigest()[:16]

    @property
    def summary(self) -> dict[str, Any]:
        """What identifies the table, for reports."""
        rows, features = self.X.shape
        identity = {"name": self.name, "source": redact(self.source), "target": self.target, "unit": self.unit}
        return identity | {"rows": rows, "columns": features + 1, "fingerprint": self.fingerprint}

    def take(self, rows: np.ndarray) -> "Dataset":
        """Return the rows at these positions, in this order."""
        return replace(self, X=self.X.iloc[rows], y=self.y.iloc[rows])

    def __len__(self) -> int:
        return len(self.y)


def load(
    path: str, *, target: str, name: str | None = None, unit: str | None = None, drop: Sequence[str] = ()
) -> Dataset:
    """Read a CSV file with a header line; `pkg://package/file` reads one that comes inside a package.

    Raises DataError when there is no such file, it isn't a table, or it lacks `target` or a column to drop.
    """
    target = str(target)  # the command line reads 2024 as a number, a header line doesn't
    source = _locate(str(path))
    table = _read(source)
    if table.empty:
        raise DataError(f"data.path: {source} has a header line but no rows below it.")
    for key, column in [("data.target", target), *(("data.drop", column) for column in drop)]:
        if column not in table.columns:
            hint = did_you_mean(column, table.columns)
            raise DataError(f"{key} '{column}' is not a column of {source}.{hint} Columns: {shorten(table.columns)}.")
    if target in drop:
        raise DataError(f"data.drop holds '{target}', which is the target. Drop it from data.drop.")
    y = _numbers(table[target], source)
    X = table.drop(columns=[target, *drop])
    if X.shape[1] == 0:
        raise DataError(f"{source} has no column beside the target '{target}' to predict it from.")
    return Dataset(name=name or Path(source).name.split(".")[0], source=source, unit=unit or target, X=X, y=y)


def _locate(path: str) -> str:
    """Return where the table lies, absolute unless it is a URL."""
    if path.startswith("pkg://"):
        package, _, file = path.removeprefix("pkg://").partition("/")
        return str(files(package) / file)
    return path if "://" in path else str(Path(path).absolute())


def _read(source: str) -> pd.DataFrame:
    try:
        return pd.read_csv(source)
    except FileNotFoundError as error:
        raise DataError(f"data.path: there is no file {source}. Give a path from the working directory.") from error
    except (OSError, EOFError, UnicodeDecodeError, pd.errors.EmptyDataError, pd.errors.ParserError) as error:
        raise DataError(f"data.path: {source} can't be read as CSV with a header line: {error}.") from error


def _numbers(y: pd.Series, source: str) -> pd.Series:
    if not pd.api.types.is_numeric_dtype(y):
        raise DataError(f"data.target '{y.name}' of {source} must hold numbers, but holds text such as {y.iloc[0]!r}.")
    finite = np.isfinite(y.to_numpy(dtype="float64"))
    if not finite.all():
        line = int(np.argmin(finite)) + 2
        raise DataError(
            f"data.target '{y.name}' of {source} must be a finite number in every row; line {line} has none."
        )
    return y.astype("float64")
