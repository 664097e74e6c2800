"""Decides what a table is to those who learn from it, and what tells it from another one."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from champion.base.redaction import redact
from champion.base.words import key
from champion.data.column import Column
from champion.data.memory import give_back
from champion.data.task import Task


@dataclass(frozen=True)
class Summary:
    """What identifies a table, for runs and reports; `classes` are what its labels are called."""

    name: str
    source: str
    target: str
    unit: str
    task: str
    classes: list[str]
    rows: int
    columns: int
    fingerprint: str


@dataclass(frozen=True, eq=False)
class Dataset:
    """A table whose target stands apart from the columns that predict it.

    `X` is a DataFrame of shape (n_rows, n_features), `y` a Series of shape (n_rows,): numbers in `unit`, such as
    dollars, or the labels of classes. `columns` describes every column of the file but the target, those that were
    left out included. Where the rows follow each other in time, or belong to groups, `time` or `group` says so for
    each row.
    """

    name: str
    source: str
    unit: str
    X: pd.DataFrame
    y: pd.Series
    columns: Sequence[Column]
    task: Task = field(default_factory=Task)
    time: pd.Series | None = None
    group: pd.Series | None = None

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
        hashes = pd.util.hash_pandas_object(self.table, index=False).to_numpy()
        give_back()  # what text took meanwhile
        return hashes

    @cached_property
    def fingerprint(self) -> str:
        """16 hexadecimal digits that change with any value, row order, column name or column order."""
        columns = json.dumps([str(column) for column in self.table.columns])
        return hashlib.sha256(columns.encode() + self.row_hashes.tobytes()).hexdigest()[:16]

    @property
    def summary(self) -> Summary:
        """What identifies the table."""
        rows, features = self.X.shape
        return Summary(
            name=self.name,
            source=redact(self.source),
            target=self.target,
            unit=self.unit,
            task=self.task.name,
            classes=[key(label) for label in self.task.classes],
            rows=rows,
            columns=features + 1,
            fingerprint=self.fingerprint,
        )

    def names(self, *kinds: str) -> list[str]:
        """Return the names of the columns of these kinds, in order."""
        return [column.name for column in self.columns if column.kind in kinds]

    def take(self, rows: np.ndarray) -> "Dataset":
        """Return the rows at these positions, in this order."""
        parts = {"X": self.X, "y": self.y, "time": self.time, "group": self.group}
        taken: dict[str, Any] = {name: part.iloc[rows] for name, part in parts.items() if part is not None}
        return replace(self, **taken)

    def __len__(self) -> int:
        return len(self.y)
