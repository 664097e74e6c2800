"""Decides how a file becomes a dataset: its columns are read one by one, described, and given their parts."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from champion.base.errors import ConfigError, DataError
from champion.base.words import key
from champion.data import target_column
from champion.data.column import Column, describe
from champion.data.columnar import Columnar, open_columnar
from champion.data.dataset import Dataset
from champion.data.delimited import Delimited, check_separated, open_delimited
from champion.data.inference import Inferred, Where, infer
from champion.data.memory import give_back
from champion.data.reading import MISSING, Reading
from champion.data.roles import Roles, listed, read_roles
from champion.data.source import Source, open_source
from champion.data.target_column import complete


def load(
    path: str,
    *,
    target: str,
    task: str | None = None,
    name: str | None = None,
    unit: str | None = None,
    drop: Sequence[str] = (),
    kinds: Mapping[str, Sequence[str]] | None = None,
    missing: Sequence[str] = (),
    literal: Sequence[str] = (),
    time: str | None = None,
    group: str | None = None,
    sample: int | None = None,
    sep: str | None = None,
    decimal: str = ".",
    encoding: str | None = None,
) -> Dataset:
    """Read a CSV file with a header line, or a Parquet file; `path` and the options are the keys of conf/data/csv.yaml.

    Raises DataError where the file can't be read or learned from, and ConfigError for an option that can't be meant.
    """
    target_column.check(task)
    roles = read_roles(target=target, drop=drop, kinds=kinds, literal=literal, time=time, group=group)
    _check_options(sample=sample, decimal=decimal)
    with open_source(str(path)) as source:
        file = open_table(source, sep=sep, encoding=encoding)
        if not file.has_rows:
            raise DataError(f"data.path: {source.shown} has column names but no rows below them.")
        if isinstance(file, Delimited):
            check_separated(file, target=roles.target)
        roles.check(file.names, source=source.shown)
        words = Reading("", "", missing=tuple(listed(missing)), decimal=decimal)
        read = _columns(file, roles, words, sample=sample)
        learned = _learned_from(file, roles, *read, task=task)
        return Dataset(key(name or source.name), source.address, key(unit or roles.target), **learned)


def open_table(source: Source, *, sep: str | None = None, encoding: str | None = None) -> Delimited | Columnar:
    """Open the file as what it is; raise DataError where it is no table."""
    return open_columnar(source) if source.format == "parquet" else open_delimited(source, sep=sep, encoding=encoding)


def _learned_from(
    file: Delimited | Columnar,
    roles: Roles,
    values: dict[str, pd.Series],
    columns: Sequence[Column],
    written: pa.ChunkedArray,
    rows: np.ndarray | None,
    *,
    task: str | None,
) -> dict[str, Any]:
    """Return what a dataset holds beside its names: features, target, and what its rows have of time and groups."""
    shown = file.source.shown
    where: Where = file.where if rows is None else lambda row: file.where(int(rows[row]))
    y, chosen = target_column.learnable(values.pop(roles.target), written, task=task, source=shown, where=where)
    rows_of = {
        "time": _time(values[roles.time], where) if roles.time else None,
        "group": complete(values[roles.group], where, key="data.group") if roles.group else None,
    }
    used = [column.name for column in columns if column.kind]
    if not used:
        left_out = "".join(f" Column '{column.name}' is left out: {column.why}." for column in columns[:3])
        raise DataError(f"{shown} has no column beside the target '{roles.target}' to predict it from.{left_out}")
    X = pd.DataFrame({name: values[name] for name in used})
    values.clear()  # let go of what the columns were read from
    give_back()
    return {"X": X, "y": y, "columns": columns, "task": chosen, **rows_of}


def _check_options(*, sample: int | None, decimal: str) -> None:
    if sample is not None and (type(sample) is not int or sample < 1):
        raise ConfigError(f"data.sample must be a whole number of rows from 1, or null for all, but got {sample!r}.")
    if decimal not in (".", ","):
        raise ConfigError(f"data.decimal must be '.' or ',', but got {decimal!r}.")


def _columns(
    file: Delimited | Columnar, roles: Roles, words: Reading, *, sample: int | None
) -> tuple[dict[str, pd.Series], list[Column], pa.ChunkedArray, np.ndarray | None]:
    """Return the values of each column that is read, what is known of each but the target, its cells, and which rows.

    `words` says what is known of all text: its mark of decimals, and which words mean nothing.

    Columns are described as they are in the whole file, and let go of one by one: all of them as text take much memory.
    """
    table = file.read()
    rows, left = _drawn(table.num_rows, sample), dict(zip(table.column_names, table.columns, strict=True))
    del table
    target = left[roles.target] if rows is None else left[roles.target].take(rows)
    values: dict[str, pd.Series] = {}
    columns: list[Column] = []
    for name in file.names:
        written, kind = left.pop(name), roles.kinds.get(name)
        if name in roles.unread:
            columns.append(Column(name, None, "", 0.0, "data.drop"))
            continue
        is_literal = name in roles.literal or isinstance(file, Columnar)  # whose gaps have a type, and are no words
        present = tuple(word for word in MISSING if is_literal and word and word not in words.missing)
        found = infer(replace(words, name=name, present=present), written, asked=kind, where=file.where)
        if name != roles.target:
            columns.append(_described(found, roles, asked=kind is not None))
        values[name] = found.values if rows is None else found.values.take(rows).reset_index(drop=True)
    return values, columns, target, rows


def _described(found: Inferred, roles: Roles, *, asked: bool) -> Column:
    """Describe a column; one that names groups is left out: what will be predicted belongs to groups never seen."""
    column = describe(found.values, kind=found.reading.kind, asked=asked)
    why = "data.group" if column.name == roles.group else "data.drop" if column.name in roles.drop else ""
    if why:
        return Column(column.name, None, column.holds, column.missing, why)
    return replace(column, note=found.note, reading=found.reading if column.kind else None)


def _drawn(n_rows: int, sample: int | None) -> np.ndarray | None:
    """Return the positions of so many rows, the same ones every time and in their order, or None for all."""
    if sample is None or sample >= n_rows:
        return None
    return np.sort(np.random.default_rng(0).choice(n_rows, sample, replace=False))


def _time(values: pd.Series, where: Where) -> pd.Series:
    moments = complete(values, where, key="data.time")
    if not pd.api.types.is_any_real_numeric_dtype(moments) and not pd.api.types.is_datetime64_dtype(moments):
        says = f"data.time '{moments.name}' must hold dates or numbers, but here {str(moments.iloc[0])!r}"
        raise DataError(f"{where(0)}: {says}. Choose another column, or write its dates as 2024-05-31.")
    return moments
