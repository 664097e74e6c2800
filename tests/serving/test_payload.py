"""payload.py: a body becomes columns, or is refused."""

import json
from typing import Any

import pytest

from champion.base.errors import RequestError
from champion.data import Schema
from champion.data.reading import Reading
from champion.serving import payload

SCHEMA = Schema([Reading("size", "number"), Reading("rooms", "number", whole=True), Reading("place", "category")])
COLUMNS = {"size": [50.5, 70], "rooms": [2, 3], "place": ["sea", "hill, high"]}
ROWS = [[50.5, 2, "sea"], [70, 3, "hill, high"]]
RECORDS = [dict(zip(COLUMNS, row, strict=True)) for row in ROWS]
CSV = 'size,rooms,place\n50.5,2,sea\n70,3,"hill, high"\n'


def read(body: Any, content_type: str = "application/json") -> dict[str, list[Any]]:
    """Read a body that is given as an object, text or bytes."""
    text = body if isinstance(body, str | bytes) else json.dumps(body)
    raw = text.encode() if isinstance(text, str) else text
    return {name: list(cells) for name, cells in payload.read(raw, content_type, SCHEMA).items()}


@pytest.mark.parametrize(
    "body",
    [
        {"dataframe_split": {"columns": list(COLUMNS), "data": ROWS}},
        {"dataframe_split": {"columns": list(COLUMNS), "index": [7, 9], "data": ROWS}},
        {"dataframe_records": RECORDS},
        {"inputs": COLUMNS},
        {"inputs": RECORDS},
        {"instances": RECORDS},
        {"instances": ROWS},
    ],
)
def test_every_form_of_mlflow_is_read(body: dict[str, Any]) -> None:
    """The four forms say the same thing."""
    assert read(body) == COLUMNS


def test_row_without_a_column_has_no_value_there() -> None:
    """A record may leave out what it doesn't know; the schema decides whether it may."""
    assert read({"dataframe_records": [{"size": 1}, {"rooms": 2}]}) == {"size": [1, None], "rooms": [None, 2]}


@pytest.mark.parametrize("text", [CSV, "\ufeff" + CSV, CSV.replace("\n", "\r\n"), CSV + "\n\n"])
def test_csv_is_read(text: str) -> None:
    """CSV with a header line, as spreadsheets write it too; what its cells mean is up to the schema."""
    found = read(text, "text/csv; charset=utf-8")
    assert found == {"size": ["50.5", "70"], "rooms": ["2", "3"], "place": COLUMNS["place"]}
    values = SCHEMA.check(found).arrays
    assert {name: cells.tolist() for name, cells in values.items()} == COLUMNS


@pytest.mark.parametrize("params", [{}, None, {"threads": 3}])
def test_params_are_ignored(params: Any) -> None:
    """MLflow's clients send them, and its own server ignores those that a model doesn't take."""
    assert read({"inputs": COLUMNS, "params": params}) == COLUMNS


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("{", "not valid JSON: .*: line 1 column 2"),
        ("", "not valid JSON"),
        (b"\xff\xfe", "not valid JSON"),
        ('{"inputs": {"size": [NaN]}}', "not valid JSON.* Write null for a missing value"),
        ('{"inputs": {"size": [-Infinity]}}', "not valid JSON.* Write null for a missing value"),
        ("[" * 100_000, "not valid JSON: depth limit"),
        ("[1]", "exactly one of the keys dataframe_split, dataframe_records, inputs, instances"),
        ({}, "exactly one of the keys"),
        ({"rows": []}, "exactly one of the keys"),
        ({"inputs": {}, "instances": []}, "exactly one of the keys"),
        ({"dataframe_split": []}, "dataframe_split must be an object"),
        ({"dataframe_split": {"data": [[1]]}}, "dataframe_split must be an object"),
        ({"dataframe_split": {"columns": "size", "data": [[1]]}}, "dataframe_split must be an object"),
        ({"dataframe_split": {"columns": ["size"], "data": 3}}, "dataframe_split must be an object"),
        ({"dataframe_split": {"columns": ["size", "size"], "data": [[1, 2]]}}, "named twice"),
        ({"dataframe_split": {"columns": ["size"], "data": [[1], [1, 2]]}}, "list of 1 values, but row 2 is not"),
        ({"dataframe_records": {"size": 1}}, "must be a list of objects"),
        ('{"inputs": {"size": [1e999]}}', "not valid JSON: number is infinity"),
        (f'{{"inputs": {{"size": [1{"0" * 400}]}}}}', "not valid JSON: number is infinity"),
        ({"instances": [[1, 2]]}, "list of 3 values, but row 1 is not"),
        ({"instances": [1, 2]}, "must be a list of objects"),
        ({"inputs": {"size": 1}}, "a list of values for each column"),
        ({"inputs": {"size": [1], "rooms": [1, 2]}}, "all of the same length"),
    ],
)
def test_other_bodies_are_refused(body: Any, says: str) -> None:
    """The answer says what is missing, with status 400."""
    with pytest.raises(RequestError, match=says) as refused:
        read(body)
    assert refused.value.status == 400


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("", "must begin with a header line"),
        ("size,rooms\n1\n", "list of 2 values, but row 1 is not"),
        ('size\n"1\n', "not valid CSV"),
        (b"size\n\xff\n", "not valid CSV in UTF-8"),
    ],
)
def test_other_csv_is_refused(body: str | bytes, says: str) -> None:
    """A ragged line, an open quote and another encoding are said."""
    with pytest.raises(RequestError, match=says):
        read(body, "text/csv")


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/x-www-form-urlencoded"])
def test_other_content_types_are_refused(content_type: str) -> None:
    """A body that doesn't say what it is isn't guessed at."""
    with pytest.raises(RequestError, match="Content-Type must be application/json or text/csv") as refused:
        read({"inputs": COLUMNS}, content_type)
    assert refused.value.status == 415


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=latin-1", "text/csv;charset=UTF-16", 'text/csv; Charset="cp1252"']
)
def test_other_charsets_are_refused(content_type: str) -> None:
    """Bytes that are said to be other text aren't read as UTF-8."""
    with pytest.raises(RequestError, match="charset in Content-Type must be utf-8") as refused:
        read({"inputs": COLUMNS}, content_type)
    assert refused.value.status == 415
