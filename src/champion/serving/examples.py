"""Decides what the ready-made curl commands for a model look like."""

import json
import shlex

from champion.serving.model import ServedModel


def curl_commands(model: ServedModel, url: str) -> list[str]:
    """Return one command for each form of request, each asking for a prediction of the model's example rows."""
    rows = model.stored.example
    split = json.loads(rows.to_json(orient="split", index=False, double_precision=15))
    records = json.loads(rows.to_json(orient="records", double_precision=15))
    columns = {name: [record[name] for record in records] for name in rows.columns}
    bodies = [
        {"dataframe_split": split},
        {"dataframe_records": records},
        {"inputs": columns},
        {"instances": records},
    ]
    return [
        *(_curl(url, "application/json", json.dumps(body)) for body in bodies),
        _curl(url, "text/csv", rows.to_csv(index=False).rstrip("\n")),
    ]


def _curl(url: str, content_type: str, body: str) -> str:
    return f"curl {url}/invocations -H 'Content-Type: {content_type}' --data-binary {shlex.quote(body)}"
