"""Decides what a scored row is: what stood in the file, the prediction, and for classes how probable each one is."""

from pathlib import Path

import numpy as np
import pyarrow as pa

from champion.errors import CellError, DataError, did_you_mean, shorten
from champion.schema import Schema
from champion.scoring.cells import check
from champion.scoring.output import open_output
from champion.scoring.table import Table
from champion.serving.model import ServedModel
from champion.task import Task, key

PREDICTION, PROBABILITY = "prediction", "probability_"


def score(model: ServedModel, table: Table, output: Path | None) -> int:
    """Write every row of `table` with its prediction to `output`, or to the standard output; return how many.

    Raises DataError where a column of the model is missing, a cell is refused as the server would, or the file has a
    column already that is to be added. Nothing stands at `output` then.
    """
    task, columns = model.stored.task, model.stored.schema
    _check_names(table, columns, task, needed_by=f"{model.version.name} {model.version.version}")
    schema = table.schema
    for field in _fields(task):
        schema = schema.append(field)
    n_rows = 0
    with open_output(output, schema, sep=table.sep, decimal=table.decimal) as write:
        for batch in table.batches():
            try:
                rows = check(columns, batch, decimal=table.decimal, missing=table.missing)
            except CellError as error:
                raise DataError(f"{table.where(n_rows + error.row)}: {error.breaks}.") from error
            [predicted] = model.predict([rows])
            write(pa.RecordBatch.from_arrays([*batch.columns, *_arrays(task, predicted)], schema=schema))
            n_rows += batch.num_rows
    return n_rows


def absent(model: ServedModel, table: Table) -> list[str]:
    """Return the columns that the model would take and the file doesn't have."""
    return [name for name in model.stored.schema.names if name not in table.schema.names]


def _check_names(table: Table, schema: Schema, task: Task, *, needed_by: str) -> None:
    names = table.schema.names
    unknown = [name for name in names if name not in schema.names]
    for column in schema.columns:
        if column.required and column.name not in names:
            hint = did_you_mean(column.name, unknown)
            says = f"{table.shown} has no column '{column.name}', which {needed_by} needs.{hint}"
            one = " Is it separated by something else? --sep says by what." if len(names) == 1 else ""
            raise DataError(f"{says} Its columns: {shorten(names)}.{one}")
    if len(unknown) == len(names):
        raise DataError(f"{table.shown} has no column that {needed_by} knows: {shorten(schema.names)}.")
    for field in _fields(task):
        if field.name in names:
            says = f"{table.shown} has a column '{field.name}' already, which is to be added"
            raise DataError(f"{says}. Rename it, or leave it out.")


def _fields(task: Task) -> list[pa.Field]:
    """Return the columns that are added."""
    if not task.is_classification:
        return [pa.field(PREDICTION, pa.float64())]
    shares = [pa.field(f"{PROBABILITY}{key(label)}", pa.float64()) for label in task.classes]
    return [pa.field(PREDICTION, pa.array(task.classes).type), *shares]


def _arrays(task: Task, predicted: np.ndarray) -> list[pa.Array]:
    """Return the cells that are added to rows with these predictions, or probabilities of (n_rows, n_classes)."""
    numbers = predicted.astype(np.float64)
    if not task.is_classification:
        return [pa.array(numbers)]
    labels = pa.array(task.classes).take(pa.array(predicted.argmax(axis=1)))
    return [labels, *(pa.array(np.ascontiguousarray(column)) for column in numbers.T)]
