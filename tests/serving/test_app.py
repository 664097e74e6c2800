"""app.py: what is answered, asked over real HTTP in every way that goes wrong."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
import requests

from champion import tracking
from champion.data import Dataset
from champion.serving.follow import Follower
from tests.conftest import Home
from tests.serving.conftest import LIMITS, NAME, ROW, Serving, cells, champion, serving


@pytest.fixture(scope="module")
def server(two_versions: Home) -> Iterator[Serving]:
    """Serve version 1."""
    tracking.connect(two_versions.uri)  # other tests may have looked elsewhere since those were made
    with serving(Follower(champion, poll_seconds=3600), two_versions) as running:
        yield running


def ask(server: Serving, body: Any, content_type: str = "application/json", **headers: str) -> requests.Response:
    """Send a body to /invocations."""
    data = body if isinstance(body, str | bytes) else json.dumps(body)
    headers = {"Content-Type": content_type} | {name.replace("_", "-"): value for name, value in headers.items()}
    return requests.post(f"{server.url}/invocations", data=data, headers=headers, timeout=30)


def test_predictions_are_mlflows_to_the_last_digit(server: Serving, houses: Dataset) -> None:
    """Alone, in a batch or in a thousand, each row gets what mlflow.pyfunc predicts for it."""
    model = mlflow.pyfunc.load_model(f"models:/{NAME}/1")
    for rows in (houses.X.head(1), houses.X, pd.concat([houses.X] * 10, ignore_index=True)):
        asked = json.loads(rows.to_json(orient="split", index=False, double_precision=15))
        sent = pd.DataFrame(asked["data"], columns=asked["columns"]).astype({"age": float})
        assert ask(server, {"dataframe_split": asked}).json()["predictions"] == model.predict(sent).tolist()


def test_answer_names_the_model(server: Serving) -> None:
    """Name and version stand in the headers of every answer, a refusal too."""
    for answer in (ask(server, {"inputs": cells(ROW)}), ask(server, "{"), requests.get(f"{server.url}/no", timeout=5)):
        assert answer.headers["X-Model-Name"] == NAME
        assert answer.headers["X-Model-Version"] == "1"


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"age": None}, 200),  # training had gaps
        ({"rooms": None}, 200),  # the pipeline fills them
        ({"size": None}, 400),
        ({"garden": None}, 400),
        ({"place": None}, 400),
        ({"rooms": 3.0}, 200),  # what JavaScript makes of 3
        ({"rooms": 3.5}, 400),
        ({"rooms": 2**63}, 400),
        ({"rooms": 1e300}, 400),
        ({"size": "70"}, 200),  # as in CSV
        ({"size": "large"}, 400),
        ({"size": 1e39}, 400),
        ({"size": True}, 400),
        ({"garden": 1}, 400),
        ({"place": "moon"}, 200),  # counts as none of the known ones
        ({"place": 3}, 200),
        ({"place": [3]}, 400),
        ({"size": [1]}, 400),
        ({"siez": 1}, 400),
    ],
)
def test_cells_are_held_to_the_models_columns(server: Serving, change: dict[str, Any], status: int) -> None:
    """A value of another kind gets 400 and a line that names its column; a missing one is taken where it may be."""
    answer = ask(server, {"instances": [ROW | change]})
    assert answer.status_code == status, answer.text
    if status == 400:
        assert answer.json()["column"] == next(iter(change))


def test_unseen_categories_are_named_and_counted(
    follower: Follower, served: Home, caplog: pytest.LogCaptureFixture
) -> None:
    """The answer names the columns, /metrics counts the cells, and the log warns once where they are most of one."""
    with serving(follower, served) as server:
        assert "X-Unseen-Categories" not in ask(server, {"instances": [ROW]}).headers
        for _ in range(2):
            answer = ask(server, {"instances": [ROW | {"place": "moon"}] * 200})
            assert (answer.status_code, answer.headers["X-Unseen-Categories"]) == (200, "place")
        counted = requests.get(f"{server.url}/metrics", timeout=5).text
    assert 'champion_unseen_cells_total{column="place",version="1"} 400.0' in counted
    warned = [record for record in caplog.records if "never saw in training" in record.getMessage()]
    assert len(warned) == 1


def test_column_that_training_left_out_may_be_sent(server: Serving) -> None:
    """The target, as in the rows of a table, is ignored."""
    predicted = [ask(server, {"instances": [row]}).json() for row in (ROW, ROW | {"price": "whatever"})]
    assert predicted[0] == predicted[1]


def test_absent_column_counts_as_missing(server: Serving) -> None:
    """A column that may be missing may be left out; another may not."""
    without = {name: value for name, value in ROW.items() if name != "age"}
    predicted = [ask(server, {"dataframe_records": [row]}).json()["predictions"] for row in (ROW, without)]
    assert predicted[0] == predicted[1]
    mixed = ask(server, {"dataframe_records": [{**ROW, "age": 5.0}, without]})
    assert len(mixed.json()["predictions"]) == 2
    refused = ask(server, {"dataframe_records": [{name: value for name, value in ROW.items() if name != "size"}]})
    assert (refused.status_code, refused.json()["column"]) == (400, "size")


def test_limits_are_answered(server: Serving) -> None:
    """Too many rows and too large a body get 413, and the line names the key that sets the limit."""
    with serving(server.follower, server.home, max_rows=2, max_body_mb=0.001) as small:
        many = ask(small, {"inputs": cells(ROW) | {name: [value] * 3 for name, value in ROW.items()}})
        assert (many.status_code, many.json()["message"]) == (
            413,
            "A request may hold 2 rows (max_rows), but this one holds 3.",
        )
        large = ask(small, b"[" * 5_000_000)
        assert (large.status_code, "max_body_mb" in large.json()["message"]) == (413, True)
        chunked = requests.post(f"{small.url}/invocations", data=iter([b"[" * 900] * 5), timeout=10)
        assert chunked.status_code == 413
        assert ask(small, {"inputs": cells(ROW)}).status_code == 200


def test_pending_bodies_are_limited(server: Serving) -> None:
    """While bodies that take all the room there is are on their way, another one gets 503; then there is room again."""
    with serving(server.follower, server.home, max_body_mb=0.01, max_pending_mb=0.005, body_seconds=20) as small:
        port = int(small.url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=10) as slow:
            slow.sendall(b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\n" + b"[" * 4990)
            time.sleep(0.2)
            refused = ask(small, {"inputs": cells(ROW)})
            assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
        time.sleep(0.2)
        assert ask(small, {"inputs": cells(ROW)}).status_code == 200


def test_slow_body_is_given_up(server: Serving) -> None:
    """A client that promises a body and never sends it gets 408."""
    with serving(server.follower, server.home, body_seconds=0.2) as impatient:
        port = int(impatient.url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
            client.sendall(b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{")
            assert client.recv(1000).startswith(b"HTTP/1.1 408 ")


def test_compressed_body_is_refused(server: Serving) -> None:
    """It would have to be unpacked before its size is known."""
    assert ask(server, b"x", Content_Encoding="gzip").status_code == 415


def test_full_queue_says_when_to_come_again(server: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests beyond those that may wait get 503 and Retry-After; the others are answered."""
    model = server.follower.current
    go_on, predict = threading.Event(), model.scorer.predict
    monkeypatch.setattr(model.scorer, "predict", lambda columns: go_on.wait(20) and predict(columns))
    with serving(server.follower, server.home, max_waiting=2) as busy:
        answers: list[requests.Response] = []
        asking = [threading.Thread(target=lambda: answers.append(ask(busy, {"inputs": cells(ROW)}))) for _ in range(5)]
        for thread in asking:
            thread.start()
            time.sleep(0.2)
        go_on.set()
        for thread in asking:
            thread.join()
    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 503, 503]
    refused = next(answer for answer in answers if answer.status_code == 503)
    assert refused.headers["Retry-After"] == "1"
    assert refused.json()["error_code"] == "TEMPORARILY_UNAVAILABLE"


def test_own_fault_is_told_to_the_log_only(
    server: Serving, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A model that fails gives 500 in the same shape; what went wrong stands in the log."""

    def fail(_: object) -> None:
        raise ValueError("secret detail")

    monkeypatch.setattr(server.follower.current.scorer, "predict", fail)
    answer = ask(server, {"inputs": cells(ROW)})
    assert (answer.status_code, answer.json()["error_code"]) == (500, "INTERNAL_ERROR")
    assert "secret" not in answer.text
    assert answer.headers["X-Model-Version"] == "1"
    assert "secret detail" in caplog.text


def test_token_is_asked_for(server: Serving) -> None:
    """With a token set, only /ping and /health answer strangers."""
    with serving(server.follower, server.home, token="open sesame") as guarded:  # noqa: S106
        for path in ("ping", "health"):
            assert requests.get(f"{guarded.url}/{path}", timeout=5).status_code == 200
        for path in ("model", "version", "metrics", "docs", "openapi.json", "no"):
            assert requests.get(f"{guarded.url}/{path}", timeout=5).status_code == 401
        body = {"inputs": cells(ROW)}
        for given in ({}, {"Authorization": "Bearer open"}, {"Authorization": "open sesame"}):
            answer = ask(guarded, body, **given)
            assert (answer.status_code, answer.json()["error_code"]) == (401, "UNAUTHENTICATED")
            assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert ask(guarded, body, Authorization="Bearer open sesame").status_code == 200


def test_server_describes_itself(server: Serving) -> None:
    """/model, /health and /version say what is served, and by what."""
    card = requests.get(f"{server.url}/model", timeout=5).json()
    assert (card["name"], card["version"], card["aliases"], card["metrics"]["test_r2"]) == (NAME, 1, ["champion"], 0.5)
    assert {"name": "age", "type": "double", "required": False} in card["inputs"]
    assert {"name": "rooms", "type": "long", "required": False} in card["inputs"]
    health = requests.get(f"{server.url}/health", timeout=5).json()
    assert health == {"status": "ok", "trouble": None, "waiting": 0, "name": NAME, "version": 1}
    assert requests.get(f"{server.url}/version", timeout=5).json()["mlflow"] == mlflow.__version__


def test_metrics_count(server: Serving) -> None:
    """Prometheus learns how many requests were answered how, how many rows predicted, and by which model."""
    with serving(server.follower, server.home) as fresh:
        ask(fresh, {"inputs": {name: [value] * 4 for name, value in ROW.items()}})
        ask(fresh, "{")
        requests.get(f"{fresh.url}/no/such/path", timeout=5)
        text = requests.get(f"{fresh.url}/metrics", timeout=5).text
    for line in (
        'champion_requests_total{path="/invocations",status="200"} 1.0',
        'champion_requests_total{path="/invocations",status="400"} 1.0',
        'champion_requests_total{path="other",status="404"} 1.0',
        'champion_predicted_rows_total{version="1"} 4.0',
        f'champion_model{{name="{NAME}",version="1"}} 1.0',
        "champion_behind 0.0",
        "champion_waiting_requests 0.0",
    ):
        assert line in text


def test_documentation_needs_no_internet(server: Serving) -> None:
    """/docs and all that it loads come from the server itself."""
    page = requests.get(f"{server.url}/docs", timeout=5).text
    assert "http://" not in page.replace(server.url, "")
    assert "https://" not in page
    for path in ("/static-offline-docs/swagger-ui-bundle.js", "/static-offline-docs/swagger-ui.css", "/openapi.json"):
        assert path in page
        assert requests.get(server.url + path, timeout=5).status_code == 200


def test_request_keeps_its_model(served: Home, houses: Dataset) -> None:
    """What was read for one version is scored by that version, though another takes over before its turn."""
    follower = Follower(champion, poll_seconds=3600)
    expected = {
        number: mlflow.pyfunc.load_model(f"models:/{NAME}/{number}").predict(houses.X.head(1)) for number in (1, 2)
    }
    row = json.loads(houses.X.head(1).to_json(orient="records", double_precision=15))
    seen = set()
    with serving(follower, served) as running:
        for number in (2, 1, 2):
            served.client.set_registered_model_alias(NAME, "champion", str(number))
            follower.look()
            answer = ask(running, {"instances": row})
            version = int(answer.headers["X-Model-Version"])
            seen.add(version)
            assert np.array_equal(answer.json()["predictions"], expected[version])
    assert seen == {1, 2}


def test_limits_of_the_configuration_are_all_used() -> None:
    """Every key of conf/serving.yaml is a limit above 0."""
    assert all(value > 0 for value in LIMITS.values())
