"""Decides what ready-made requests for a model look like: the rows that came with it, in each form."""

import json
import shlex
from typing import Any

import pandas as pd

from champion.serving.model import ServedModel


def bodies(model: ServedModel) -> dict[str, Any]:
    """Return a JSON body of each form that asks for a prediction of the model's example rows."""
    rows = _written(model.stored.example)
    split = json.loads(rows.to_json(orient="split", index=False, double_precision=15))
    records = json.loads(rows.to_json(orient="records", double_precision=15))
    columns = {name: [record[name] for record in records] for name in rows.columns}
    forms = {"dataframe_split": split, "dataframe_records": records, "inputs": columns, "instances": records}
    return {form: {form: table} for form, table in forms.items()}


def csv(model: ServedModel) -> str:
    """Return the same rows as CSV with a header line."""
    return str(_written(model.stored.example).to_csv(index=False)).rstrip("\n")


def curl_commands(model: ServedModel, url: str) -> list[str]:
    """Return one command for each form of request."""
    forms = [_curl(url, "application/json", json.dumps(body)) for body in bodies(model).values()]
    return [*forms, _curl(url, "text/csv", csv(model))]


def _written(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with their dates as text in ISO 8601."""
    dates = rows.select_dtypes("datetime")
    return rows.assign(**{str(name): dates[name].map(_iso, na_action="ignore").astype("str") for name in dates})


def _iso(date: pd.Timestamp) -> str:
    return date.isoformat().removesuffix("T00:00:00")


def _curl(url: str, content_type: str, body: str) -> str:
    return f"curl {url}/invocations -H 'Content-Type: {content_type}' --data-binary {shlex.quote(body)}"
