"""patience.py: what is an outage of MLflow, and how long it is waited out."""

import errno
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer

import mlflow
import pytest
import requests
from mlflow.exceptions import MlflowException

from champion import registry
from champion.base.errors import ModelError
from champion.data import Dataset
from champion.tracking import patience
from champion.tracking.patience import OutageError
from tests.conftest import Home, free_port


@pytest.fixture(autouse=True)
def impatient_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no other test wait."""
    monkeypatch.setattr(patience, "_patience", patience._Patience())
    monkeypatch.setattr(patience, "EVERY", 0.05)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")  # which MLflow sets, and which is put back
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "120")


@pytest.fixture
def answers() -> Iterator[Callable[[int], str]]:
    """Run an HTTP server that gives every request the status that it is told."""
    status = [200]

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(status[0])
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()

        def answer(with_status: int) -> str:
            status[0] = with_status
            return f"http://127.0.0.1:{server.server_port}"

        yield answer
        server.shutdown()


def error_of(work: Callable[[], object]) -> Exception:
    """Return what `work` raises."""
    with pytest.raises(Exception) as raised:  # noqa: PT011, of whatever kind
        work()
    return raised.value


def test_server_that_is_not_there_is_an_outage() -> None:
    """Nobody listens."""
    client = mlflow.MlflowClient(f"http://127.0.0.1:{free_port()}")
    assert patience.reason(error_of(client.search_experiments)) == "no connection"


@pytest.mark.parametrize(("status", "why"), [(503, "status 503"), (502, "status 502"), (500, ""), (404, ""), (401, "")])
def test_status_says_whether_it_is_one(answers: Callable[[int], str], status: int, why: str) -> None:
    """MLflow's server answers 500 where a file isn't there, and that won't change."""
    client = mlflow.MlflowClient(answers(status))
    assert patience.reason(error_of(client.search_experiments)) == why


def test_server_that_does_not_answer_in_time_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """It listens, and says nothing."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        client = mlflow.MlflowClient(f"http://127.0.0.1:{server.server_port}")
        assert patience.reason(error_of(client.search_experiments)) == "no answer in time"


def test_locked_database_is_one(home: Home) -> None:
    """Whoever holds it lets go of it some time."""
    with closing(sqlite3.connect(home.folder / "mlflow.db", timeout=0)) as one, one:
        one.execute("begin exclusive")
        with closing(sqlite3.connect(home.folder / "mlflow.db", timeout=0)) as other:
            error = error_of(lambda: other.execute("begin exclusive"))
    assert patience.reason(error) == "database is locked"


@pytest.mark.parametrize(("number", "is_one"), [(errno.ENOSPC, True), (errno.EIO, True), (errno.EACCES, False)])
def test_full_disk_is_one(number: int, is_one: bool) -> None:
    """Somebody may make room; a folder that may not be written stays so."""
    assert patience.reason(OSError(number, os.strerror(number), "model.skops")) == (
        f"[Errno {number}] {os.strerror(number)}: 'model.skops'" if is_one else ""
    )


def test_what_is_refused_is_none(home: Home) -> None:
    """It would be refused again."""
    assert patience.reason(error_of(lambda: home.client.get_run("no such run"))) == ""


def test_call_is_tried_again_until_it_works() -> None:
    """What the caller gets is what it would have got at once."""
    tries = []

    def work(word: str) -> str:
        tries.append(word)
        if len(tries) < 3:
            raise requests.ConnectionError("refused")
        return word

    patience.begin(60)
    assert patience.call(work, "done") == "done"
    assert len(tries) == 3


def test_nobody_waits_who_has_not_asked_for_it() -> None:
    """A server, which asks again anyway, hears what MLflow says."""
    client = mlflow.MlflowClient(f"http://127.0.0.1:{free_port()}")
    with pytest.raises(MlflowException, match="Connection refused"):
        patience.call(client.search_experiments)


def test_outage_that_lasts_ends_the_wait_for_good() -> None:
    """After so many seconds there is one line, and later calls don't wait for it again."""
    mlflow.set_tracking_uri(f"http://somebody:secret@127.0.0.1:{free_port()}")
    patience.begin(0.3)
    with pytest.raises(OutageError, match=r"^MLflow at '.*:\*\*\*@.*' is away: no connection\. Waited 0:00 for it"):
        patience.client().search_experiments()
    began = time.monotonic()
    with pytest.raises(OutageError):
        patience.client().search_experiments()
    assert time.monotonic() - began < 0.1


def test_who_is_told_to_stop_waits_for_nothing() -> None:
    """And what it was told is what it ends with."""
    mlflow.set_tracking_uri(f"http://127.0.0.1:{free_port()}")
    patience.begin(60)
    began = time.monotonic()
    with patience.last_words(SystemExit(143)):
        patience.client().search_experiments()
    assert time.monotonic() - began < 2


def test_champion_whose_files_cannot_be_fetched_just_now_is_not_gone(home: Home, small: Dataset) -> None:
    """A final would give its place away."""
    home.put_forward(small, name="houses_predictor")
    champion = registry.by_alias("houses_predictor")
    assert champion is not None
    with closing(sqlite3.connect(home.folder / "mlflow.db")) as database, database:
        away = f"http://127.0.0.1:{free_port()}/api/2.0/mlflow-artifacts/artifacts/model"
        database.execute("update logged_models set artifact_location = ?", [away])
        database.execute("update model_versions set storage_location = ?", [away])
    with pytest.raises(ModelError, match="are gone"):
        registry.try_out(champion)
    patience.begin(0.1)
    with pytest.raises(OutageError):
        registry.try_out(champion)
