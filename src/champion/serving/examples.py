"""Decides what ready-made requests for a model look like: the rows that came with it, in each form."""

import json
import shlex
from typing import Any

from champion.serving.model import ServedModel


def bodies(model: ServedModel) -> dict[str, Any]:
    """Return a JSON body of each form that asks for a prediction of the model's example rows."""
    rows = model.stored.example
    split = json.loads(rows.to_json(orient="split", index=False, double_precision=15))
    records = json.loads(rows.to_json(orient="records", double_precision=15))
    columns = {name: [record[name] for record in records] for name in rows.columns}
    forms = {"dataframe_split": split, "dataframe_records": records, "inputs": columns, "instances": records}
    return {form: {form: table} for form, table in forms.items()}


def csv(model: ServedModel) -> str:
    """Return the same rows as CSV with a header line."""
    return str(model.stored.example.to_csv(index=False)).rstrip("\n")


def curl_commands(model: ServedModel, url: str) -> list[str]:
    """Return one command for each form of request."""
    forms = [_curl(url, "application/json", json.dumps(body)) for body in bodies(model).values()]
    return [*forms, _curl(url, "text/csv", csv(model))]


def _curl(url: str, content_type: str, body: str) -> str:
    return f"curl {url}/invocations -H 'Content-Type: {content_type}' --data-binary {shlex.quote(body)}"
