"""Decides what a scored row is: what stood in the file, the prediction, and for classes how probable each one is."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pyarrow as pa

from champion.base.errors import CellError, ConfigError, DataError
from champion.base.words import did_you_mean, key, shorten
from champion.data import Columnar, Delimited, Schema
from champion.data import open_table as open_file
from champion.data.source import open_source
from champion.data.task import Task
from champion.serving.model import ServedModel
from champion.serving.output import open_output

File: TypeAlias = Delimited | Columnar

ROWS = 10_000  # scored together: a model may make hundreds of numbers of each
PREDICTION, PROBABILITY = "prediction", "probability_"


@contextmanager
def open_table(path: str, *, sep: str | None = None, encoding: str | None = None) -> Iterator[File]:
    """Yield the table at `path`, fetched where it lies elsewhere, for as long as it is read.

    `path` and the options are the keys of conf/data/csv.yaml. Raises DataError where there is none, or another thing,
    and names options as the command does.
    """
    try:
        with open_source(path) as source:
            yield open_file(source, sep=sep, encoding=encoding)
    except (DataError, ConfigError) as error:
        says = re.sub(r"^data\.path: ", "", str(error))
        raise type(error)(re.sub(r"\bdata\.(sep|encoding)\b", r"--\1", says)) from error


@dataclass(frozen=True)
class Scored:
    """How many rows were scored, the columns that all of them lack, and cells that training never saw, by column."""

    n_rows: int
    absent: Sequence[str]
    unseen: Counter[str]


def score(
    model: ServedModel, table: File, output: Path | None, *, decimal: str | None = None, missing: Sequence[str] = ()
) -> Scored:
    """Write every row of `table` with its prediction to `output`, or to the standard output.

    `decimal` is the mark of decimals in its text where it isn't the one that the model learned, and `missing` are words
    for nothing beside those that it knows. Raises DataError where a column of the model is missing, a cell is refused
    as the server would, or the file has a column already that is to be added. Nothing stands at `output` then.
    """
    task, columns = model.stored.task, model.stored.schema.written(decimal=decimal, missing=missing)
    added = _added(task, np.empty((0, len(task.classes)) if task.classes else 0))
    _check_names(table, columns, [*added], needed_by=f"{model.version.name} {model.version.version}")
    schema = table.schema
    for name, cells in added.items():
        schema = schema.append(pa.field(name, cells.type))
    n_rows, unseen = 0, Counter[str]()
    with open_output(output, schema, sep=table.sep, decimal=columns.columns[0].decimal) as write:
        for batch in (block.slice(at, ROWS) for block in table.batches() for at in range(0, block.num_rows, ROWS)):
            try:
                rows = columns.read(dict(zip(batch.schema.names, batch.columns, strict=True)), batch.num_rows)
            except CellError as error:
                raise DataError(f"{table.where(n_rows + error.row)}: {error.breaks}.") from error
            [predicted] = model.predict([rows])
            write(pa.RecordBatch.from_arrays([*batch.columns, *_added(task, predicted).values()], schema=schema))
            n_rows += batch.num_rows
            unseen.update(rows.unseen)
    return Scored(n_rows, [name for name in columns.names if name not in table.schema.names], unseen)


def _check_names(table: File, schema: Schema, added: Sequence[str], *, needed_by: str) -> None:
    names = table.schema.names
    unknown = [name for name in names if name not in schema.names]
    for column in schema.columns:
        if column.required and column.name not in names:
            hint = did_you_mean(column.name, unknown)
            says = f"{table.source.shown} has no column '{column.name}', which {needed_by} needs.{hint}"
            one = " Is it separated by something else? --sep says by what." if len(names) == 1 else ""
            raise DataError(f"{says} Its columns: {shorten(names)}.{one}")
    if len(unknown) == len(names):
        raise DataError(f"{table.source.shown} has no column that {needed_by} knows: {shorten(schema.names)}.")
    for name in added:
        if name in names:
            says = f"{table.source.shown} has a column '{name}' already, which is to be added"
            raise DataError(f"{says}. Rename it, or leave it out.")


def _added(task: Task, predicted: np.ndarray) -> dict[str, pa.Array]:
    """Return the columns that are added to rows with these predictions, or probabilities of (n_rows, n_classes)."""
    numbers = predicted.astype(np.float64)
    if not task.is_classification:
        return {PREDICTION: pa.array(numbers)}
    shares = {f"{PROBABILITY}{key(label)}": column for label, column in zip(task.classes, numbers.T, strict=True)}
    labels = pa.array(task.classes).take(pa.array(predicted.argmax(axis=1)))
    return {PREDICTION: labels} | {name: pa.array(np.ascontiguousarray(column)) for name, column in shares.items()}
