"""openapi.py: what the server says of itself is true, whatever it is sent."""

import json
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
import requests
import schemathesis
from hypothesis import given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode

from champion import tracking
from champion.serving.follow import Follower
from champion.serving.payload import FORMS
from tests.conftest import Home
from tests.serving.conftest import ROW, Serving, champion, serving, unsaid

SECRET = "s3cr3t"  # noqa: S105


@pytest.fixture(scope="module")
def server(two_versions: Home) -> Iterator[Serving]:
    """Serve version 1."""
    tracking.connect(two_versions.uri)
    with serving(Follower(champion, poll_seconds=3600), two_versions) as running:
        yield running


@pytest.fixture(scope="module")
def session() -> Iterator[requests.Session]:
    """Keep the connection open from request to request."""
    with requests.Session() as kept:
        yield kept


def test_requests_are_answered_as_the_document_says(
    server: Serving, session: requests.Session, everything: bool
) -> None:
    """Requests made from the OpenAPI document, half of them against it: no 500, and no answer that it doesn't name.

    What it allows is accepted, but for two rules that it can't express: columns must have the same length, and what
    CSV is. What it doesn't allow is refused, but for a third one: text stands for what it says.
    """
    operation = schemathesis.openapi.from_url(f"{server.url}/openapi.json")["/invocations"]["POST"]
    number = 10_000 if everything else 300
    statuses: dict[int, int] = {}

    @given(
        case=st.one_of(*(operation.as_strategy(mode) for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)))
    )
    @settings(max_examples=number)
    def ask(case: Case[Any]) -> None:
        answer = case.call(session=session)
        case.validate_response(answer, excluded_checks=unsaid(case, answer))
        statuses[answer.status_code] = statuses.get(answer.status_code, 0) + 1

    ask()
    assert set(statuses) >= {200, 400}
    assert sum(statuses.values()) >= number


@pytest.mark.parametrize("path", ["/ping", "/health", "/version", "/model", "/metrics"])
def test_other_addresses_answer_as_the_document_says(server: Serving, path: str) -> None:
    """Their answers fit the document too, and no other method is answered."""
    operation = schemathesis.openapi.from_url(f"{server.url}/openapi.json")[path]["GET"]
    case = operation.Case()
    case.validate_response(case.call())


def test_document_describes_the_columns(server: Serving) -> None:
    """Each column has its type, and whether it may be missing; the examples are requests that are answered."""
    document = requests.get(f"{server.url}/openapi.json", timeout=5).json()
    row = document["components"]["schemas"]["Row"]
    assert row["required"] == ["size", "garden", "place"]
    assert row["properties"]["age"]["type"] == ["number", "null"]
    assert row["properties"]["rooms"]["type"] == ["integer", "null"]
    assert row["additionalProperties"] is False
    body = document["paths"]["/invocations"]["post"]["requestBody"]["content"]
    assert set(body["application/json"]["examples"]) == set(FORMS)
    for example in body["application/json"]["examples"].values():
        answer = requests.post(f"{server.url}/invocations", json=example["value"], timeout=5)
        assert len(answer.json()["predictions"]) == 3
    csv = body["text/csv"]["example"]
    assert requests.post(f"{server.url}/invocations", csv, headers={"Content-Type": "text/csv"}, timeout=5).ok


def test_nothing_is_nothing_to_the_document_as_to_the_server(server: Serving) -> None:
    """A required text of blanks alone, or of a word for nothing among them, is in neither; other marks are text."""
    document = requests.get(f"{server.url}/openapi.json", timeout=5).json()
    valid = jsonschema_rs.validator_for(document["components"]["schemas"]["Row"]["properties"]["place"]).is_valid
    blanks = [mark for mark in map(chr, range(0xD800)) if mark.isspace()]
    assert len(blanks) > 20
    texts: dict[Any, bool] = {f"{mark}{word}{mark}": False for mark in blanks for word in ("", "n/a")} | {
        "\ufeff": True,
        "n.a": True,
        0.0: True,
    }
    assert {text: valid(text) for text in texts} == texts
    rows = [{**ROW, "place": text} for text in texts]
    answers = (requests.post(f"{server.url}/invocations", json={"instances": [row]}, timeout=5) for row in rows)
    assert [answer.ok for answer in answers] == list(texts.values())


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(min_value=2**62, max_value=2**70),
    st.floats(),
    st.text(max_size=5),
    st.just(SECRET),
    st.lists(st.just(SECRET), max_size=2),
    st.dictionaries(st.just(SECRET), st.integers(), max_size=2),
)
WORDS = st.text(max_size=5).filter(lambda word: SECRET not in word)
NAMES = st.one_of(st.sampled_from(list(ROW)), WORDS, st.sampled_from(["", "\0", "__proto__", "x" * 5000]))
TABLES = st.one_of(
    VALUES,
    st.lists(st.dictionaries(NAMES, VALUES, max_size=6), max_size=4),
    st.lists(
        st.fixed_dictionaries({name: st.one_of(st.just(value), VALUES) for name, value in ROW.items()}), max_size=4
    ),
    st.lists(st.lists(VALUES, max_size=6), max_size=4),
    st.dictionaries(NAMES, st.lists(VALUES, max_size=4), max_size=6),
    st.fixed_dictionaries({"columns": st.lists(NAMES, max_size=6), "data": st.lists(st.lists(VALUES, max_size=6))}),
)
BODIES = st.one_of(
    st.binary(max_size=200),
    WORDS.map(str.encode),
    st.dictionaries(st.one_of(st.sampled_from(list(FORMS)), WORDS), TABLES, max_size=2).map(
        lambda body: json.dumps(body).encode()
    ),
    st.tuples(st.sampled_from(list(FORMS)), TABLES).map(lambda pair: json.dumps(dict([pair])).encode()),
    st.integers(min_value=1, max_value=5000).map(lambda depth: b'{"inputs":' + b"[" * depth),
    st.lists(st.lists(WORDS, max_size=6).map(",".join), max_size=5).map(lambda rows: "\n".join(rows).encode()),
    st.lists(VALUES, min_size=5, max_size=5).map(lambda row: f"{','.join(ROW)}\n{','.join(map(str, row))}".encode()),
)
TYPES = st.sampled_from(
    ["application/json", "text/csv", "application/json; charset=utf-8", "TEXT/CSV;x", "", "application/xml", "nonsense"]
)


def test_hostile_bodies_are_answered(server: Serving, session: requests.Session, everything: bool) -> None:
    """Whatever the bytes, the answer is a prediction or one JSON object in the 400s without the caller's data."""

    @given(body=BODIES, content_type=TYPES)
    @settings(max_examples=3_000 if everything else 500)
    def ask(body: bytes, content_type: str) -> None:
        answer = session.post(
            f"{server.url}/invocations", data=body, headers={"Content-Type": content_type}, timeout=10
        )
        assert answer.headers["X-Model-Version"] == "1"
        content: dict[str, Any] = answer.json()
        if answer.status_code == 200:
            assert all(isinstance(value, float) for value in content["predictions"])
        else:
            assert answer.status_code in (400, 413, 415)
            assert set(content) <= {"error_code", "message", "column"}
            assert "\n" not in content["message"]
            assert SECRET not in answer.text

    ask()
