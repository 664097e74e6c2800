"""Decides how the server describes itself: the body that the present model wants, column by column."""

import re
from collections.abc import Collection, Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from champion.base.words import key
from champion.data import Schema
from champion.data.reading import LARGEST, WHOLE, Reading
from champion.data.task import Task
from champion.serving.examples import bodies, csv
from champion.serving.model import ServedModel

TYPES: dict[str, dict[str, Any]] = {
    "double": {"type": ["number"], "minimum": -LARGEST, "maximum": LARGEST},
    "long": {"type": ["integer"], "minimum": -WHOLE, "maximum": WHOLE},
    "boolean": {"type": ["boolean"]},
    "datetime": {"type": ["string"], "format": "date-time", "description": "A date or a time in ISO 8601."},
    "string": {
        "type": ["string", "number", "boolean"],
        "description": "A value that training never saw counts as none of those it saw.",
    },
}
# What str.strip() takes away, code by code: languages differ in what \s is.
BLANKS = r"[\t-\r\u001c- \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]"


def document(app: FastAPI, model: ServedModel, *, limits: Mapping[str, float]) -> dict[str, Any]:
    """Return the OpenAPI document of `app` with the body that `model` takes, and its own example rows in it."""
    described = get_openapi(
        title=model.version.name,
        version=str(model.version.version),
        description=model.version.description,
        routes=app.routes,
    )
    described["components"]["schemas"] |= _tables(model.stored.schema, limits["max_rows"])
    described["components"]["schemas"]["Predictions"] = _predictions(model.stored.task)
    described["paths"]["/invocations"]["post"]["requestBody"] = {
        "required": True,
        "content": {
            "application/json": {
                "schema": {"oneOf": _forms()},
                "examples": {form: {"value": body} for form, body in bodies(model).items()},
            },
            "text/csv": {
                "schema": {
                    "type": "string",
                    "description": "A header line with the columns, then a line for each row.",
                },
                "example": csv(model),
            },
        },
    }
    return described


def _tables(schema: Schema, max_rows: float) -> dict[str, Any]:
    """Return the schemas of a row, and of the tables that the forms of request hold."""
    columns, ignored = schema.columns, {"description": "Training left it out: whatever it holds is ignored."}
    names = [column.name for column in columns]
    many = {"type": "array", "minItems": 1, "maxItems": max_rows}
    named = {"type": "object", "required": [column.name for column in columns if column.required]}
    closed = {**named, "additionalProperties": False}
    cells = {column.name: _cell(column) for column in columns} | dict.fromkeys(schema.unused, ignored)
    row = {"$ref": "#/components/schemas/Row"}
    line = {
        "type": "array",
        "prefixItems": [_cell(column) for column in columns],
        "minItems": len(names),
        "maxItems": len(names),
    }
    return {
        "Row": {**closed, "properties": cells},
        "Rows": {**many, "items": row},
        "Columns": {**closed, "properties": {name: {**many, "items": cell} for name, cell in cells.items()}},
        "Split": _closed({"columns": {"const": names}, "data": {**many, "items": line}}),
    }


def _predictions(task: Task) -> dict[str, Any]:
    """Return the schema of an answer: numbers, or classes and how probable each of them is."""
    if not task.is_classification:
        return _closed({"predictions": {"type": "array", "items": {"type": "number"}}})
    shares = _closed({key(label): {"type": "number", "minimum": 0, "maximum": 1} for label in task.classes})
    predictions = {"type": "array", "items": {"enum": list(task.classes)}}
    return _closed({"predictions": predictions, "probabilities": {"type": "array", "items": shares}})


def _closed(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "required": list(properties), "properties": properties, "additionalProperties": False}


def _forms() -> list[dict[str, Any]]:
    """Return the forms of request, each with the table that reads best in it."""
    tables = {"dataframe_records": "Rows", "dataframe_split": "Split", "inputs": "Columns", "instances": "Rows"}
    return [_closed({form: {"$ref": f"#/components/schemas/{table}"}}) for form, table in tables.items()]


def _cell(column: Reading) -> dict[str, Any]:
    """Return the schema of a cell; text beside the types that it names stands for what it says, as in CSV."""
    allowed = TYPES[column.type]
    if not column.required:
        return {**allowed, "type": [*allowed["type"], "null"]}
    nothing = {"type": "string", "pattern": _spelling(column.nothing)}
    return {**allowed, "not": nothing} if column.type == "string" else allowed


def _spelling(words: Collection[str]) -> str:
    """Return a regular expression, the same to all who read JSON schemas, of the words with any blanks around them."""
    escaped = (re.sub(r"[$()*+./?[\\\]^{|}]", r"\\\g<0>", word) for word in sorted(words))
    return f"^{BLANKS}*({'|'.join(escaped)}){BLANKS}*$"
