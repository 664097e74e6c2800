"""Decides how a file becomes a dataset: its columns are read one by one, described, and given their parts."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import pyarrow as pa

from champion.data import cells, target_column
from champion.data.column import Column, describe
from champion.data.columnar import Columnar, open_columnar
from champion.data.dataset import Dataset
from champion.data.delimited import Delimited, check_separated, open_delimited
from champion.data.roles import Roles, listed, read_roles
from champion.data.source import Source, open_source
from champion.data.written import Where
from champion.errors import ConfigError, DataError


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
    roles = read_roles(target=target, drop=drop, kinds=kinds, time=time, group=group)
    _check_options(sample=sample, decimal=decimal)
    with open_source(str(path)) as source:
        file = open_table(source, sep=sep, encoding=encoding, missing=listed(missing))
        if isinstance(file, Delimited):
            check_separated(file, target=roles.target)
        roles.check(file.names, source=source.shown)
        values, columns, rows = _columns(file, roles, decimal=decimal, sample=sample)
        where = _where(file, rows)
        y, chosen = target_column.learnable(values.pop(roles.target), task=task, source=source.shown, where=where)
        times = _time(values[roles.time], where) if roles.time else None
        groups = _complete(values[roles.group], "data.group", where) if roles.group else None
        return Dataset(
            name=name or source.name,
            source=source.address,
            unit=unit or roles.target,
            X=_features(values, columns, target=roles.target, source=source),
            y=y,
            columns=columns,
            task=chosen,
            time=times,
            group=groups,
        )


def _features(values: dict[str, pd.Series], columns: Sequence[Column], *, target: str, source: Source) -> pd.DataFrame:
    """Return the columns that are used as one table, and let go of what they were read from."""
    used = [column.name for column in columns if column.kind]
    if not used:
        left_out = "".join(f" Column '{column.name}' is left out: {column.why}." for column in columns[:3])
        raise DataError(f"{source.shown} has no column beside the target '{target}' to predict it from.{left_out}")
    X = pd.DataFrame({name: values[name] for name in used})
    values.clear()
    pa.default_memory_pool().release_unused()
    return X


def open_table(
    source: Source, *, sep: str | None = None, encoding: str | None = None, missing: Sequence[str] = ()
) -> Delimited | Columnar:
    """Open the file as what it is; raise DataError where it is no table."""
    if source.format == "parquet":
        return open_columnar(source, missing=missing)
    return open_delimited(source, sep=sep, encoding=encoding, missing=missing)


def _check_options(*, sample: int | None, decimal: str) -> None:
    if sample is not None and (type(sample) is not int or sample < 1):
        raise ConfigError(f"data.sample must be a whole number of rows from 1, or null for all, but got {sample!r}.")
    if decimal not in (".", ","):
        raise ConfigError(f"data.decimal must be '.' or ',', but got {decimal!r}.")


def _columns(
    file: Delimited | Columnar, roles: Roles, *, decimal: str, sample: int | None
) -> tuple[dict[str, pd.Series], list[Column], np.ndarray | None]:
    """Return the values of each column that is read, what is known of each but the target, and which rows were drawn.

    Columns are described as they are in the whole file, and let go of one by one: all of them as text take much memory.
    """
    table = file.read()
    rows, left = _drawn(table.num_rows, sample), dict(zip(table.column_names, table.columns, strict=True))
    del table
    values: dict[str, pd.Series] = {}
    columns: list[Column] = []
    for name in file.names:
        written, kind = left.pop(name), roles.kinds.get(name)
        if name in roles.unread:
            columns.append(Column(name, None, "", 0.0, "data.drop"))
            continue
        found, date_format = cells.read(name, written, kind=kind, decimal=decimal, where=file.where)
        if name != roles.target:
            columns.append(_described(found, roles, kind=kind, date_format=date_format))
        values[name] = found if rows is None else found.take(rows).reset_index(drop=True)
    return values, columns, rows


def _described(values: pd.Series, roles: Roles, *, kind: str | None, date_format: str) -> Column:
    """Describe a column; one that names groups is left out: what will be predicted belongs to groups never seen."""
    found = describe(values, kind=kind, date_format=date_format)
    why = "data.group" if found.name == roles.group else "data.drop" if found.name in roles.drop else ""
    return Column(found.name, None, found.holds, found.missing, why) if why else found


def _drawn(n_rows: int, sample: int | None) -> np.ndarray | None:
    """Return the positions of so many rows, the same ones every time and in their order, or None for all."""
    if sample is None or sample >= n_rows:
        return None
    return np.sort(np.random.default_rng(0).choice(n_rows, sample, replace=False))


def _where(file: Delimited | Columnar, rows: np.ndarray | None) -> Where:
    """Return what names a row of the file by its number among those drawn."""

    def drawn(row: int) -> str:
        return file.where(int(rows[row]))  # type: ignore[index]

    return file.where if rows is None else drawn


def _time(values: pd.Series, where: Where) -> pd.Series:
    moments = _complete(values, "data.time", where)
    is_number = pd.api.types.is_numeric_dtype(moments) and not pd.api.types.is_bool_dtype(moments)
    if not is_number and not pd.api.types.is_datetime64_dtype(moments):
        says = f"data.time '{moments.name}' must hold dates or numbers, but here {str(moments.iloc[0])!r}"
        raise DataError(f"{where(0)}: {says}. Choose another column, or write its dates as 2024-05-31.")
    return moments


def _complete(values: pd.Series, key: str, where: Where) -> pd.Series:
    if (absent := values.isna().to_numpy()).any():
        here = where(int(np.argmax(absent)))
        raise DataError(f"{here}: {key} '{values.name}' must have a value in every row. Fill it in, or remove the row.")
    return values
