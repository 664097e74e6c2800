"""Decides how a request's body becomes columns: MLflow's four JSON forms, and CSV with a header line."""

import csv
import io
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson

from champion.base.errors import RequestError
from champion.data import Schema

NO_NUMBER = re.compile(rb"\b(NaN|Infinity)\b")  # which Python's json writes, and JSON doesn't have
Columns = Mapping[str, Sequence[Any]]


def read(body: bytes, content_type: str, schema: Schema) -> Columns:
    """Return the cells of each column in `body`; schema.check() decides whether they fit the model.

    Raises RequestError for another content type or charset (415) and for a body that isn't what its type says (400).
    """
    media_type, _, parameters = content_type.lower().partition(";")
    if "charset" in parameters and not re.search(r"utf-?8|us-ascii", parameters):
        raise RequestError("The charset in Content-Type must be utf-8: other text isn't read.", status=415)
    if media_type.strip() == "application/json":
        return _read_json(body, schema)
    if media_type.strip() == "text/csv":
        return _read_csv(body)
    raise RequestError("Content-Type must be application/json or text/csv.", status=415)


def _read_json(body: bytes, schema: Schema) -> Columns:
    try:
        content = orjson.loads(body)
    except ValueError as error:
        remedy = " Write null for a missing value." if NO_NUMBER.search(body) else ""
        raise RequestError(f"The body is not valid JSON: {error}.{remedy}") from None
    if isinstance(content, dict):
        content.pop("params", None)  # of which MLflow's clients send some; no model takes any
    if not isinstance(content, dict) or len(content) != 1 or not set(content) <= set(FORMS):
        raise RequestError(f"The body must be a JSON object with exactly one of the keys {', '.join(FORMS)}.")
    [(form, table)] = content.items()
    return FORMS[form](table, schema)


def _split(table: Any, _schema: Schema) -> Columns:
    says = "dataframe_split must be an object with 'columns', a list of names, and 'data', a list of rows."
    if not isinstance(table, dict) or not {"columns", "data"} <= set(table) <= {"columns", "data", "index"}:
        raise RequestError(says)
    return _rows(table["columns"], table["data"], says)


def _records(table: Any, _schema: Schema) -> Columns:
    if not isinstance(table, list) or not all(isinstance(record, dict) for record in table):
        raise RequestError("dataframe_records and instances must be a list of objects, one for each row.")
    names = dict.fromkeys(name for record in table for name in record)
    return {name: [record.get(name) for record in table] for name in names}


def _instances(table: Any, schema: Schema) -> Columns:
    if isinstance(table, list) and table and isinstance(table[0], list):
        return _rows(list(schema.names), table, "Every row must be a list with one value for each column of the model.")
    return _records(table, schema)


def _inputs(table: Any, schema: Schema) -> Columns:
    if not isinstance(table, dict):
        return _instances(table, schema)
    if not all(isinstance(cells, list) for cells in table.values()) or len(set(map(len, table.values()))) > 1:
        raise RequestError("inputs must hold a list of values for each column, all of the same length.")
    return table


FORMS: dict[str, Callable[[Any, Schema], Columns]] = {
    "dataframe_split": _split,
    "dataframe_records": _records,
    "inputs": _inputs,
    "instances": _instances,
}


def _rows(names: Any, rows: Any, says: str) -> Columns:
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names) or not isinstance(rows, list):
        raise RequestError(says)
    if len(set(names)) < len(names):
        raise RequestError("A column is named twice.")
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, list) or len(row) != len(names):
            raise RequestError(f"Every row must be a list of {len(names)} values, but row {number} is not.")
    return dict(zip(names, zip(*rows, strict=True), strict=True)) if rows else {name: [] for name in names}


def _read_csv(body: bytes) -> Columns:
    try:
        lines = list(csv.reader(io.StringIO(body.decode("utf-8-sig"), newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error):
        raise RequestError("The body is not valid CSV in UTF-8.") from None
    rows = [row for row in lines if row]
    if not rows:
        raise RequestError("The body must begin with a header line.")
    if len(rows[0]) == 1 and ";" in rows[0][0]:
        raise RequestError("The body must have commas between its columns, not semicolons.")
    return _rows(rows[0], rows[1:], "")
