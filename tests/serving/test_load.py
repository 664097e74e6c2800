"""serve.py under load: the real server and a process that asks it from 64 connections, while things happen to it."""

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import pytest
import requests

from champion import tracking
from champion.data import load
from tests import python
from tests.conftest import Home, free_port, wait_for

NAME = "housing_price_predictor"
OTHERS = (2, 3)  # one boosted by scikit-learn, which is champion, one by XGBoost


@pytest.fixture(scope="module")
def registered(finals: Home, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Copy the registry of real runs: the aliases that others look at stay where they are."""
    return finals.copy(tmp_path_factory.mktemp("load"))


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    """Return many rows of the bundled data."""
    X = load("pkg://champion.data.datasets/california_housing.csv.gz", target="median_house_value").X
    return pd.concat([X] * 4, ignore_index=True)


@pytest.fixture
def row(rows: pd.DataFrame, tmp_path: Path) -> Path:
    """Write a request with one row."""
    file = tmp_path / "row.json"
    file.write_text(f'{{"dataframe_records": {rows.head(1).to_json(orient="records", double_precision=15)}}}')
    return file


@contextmanager
def serving(home: Home, port: int, *options: str) -> Iterator[subprocess.Popen[str]]:
    """Start the server, wait until it answers, and leave none behind."""
    with home.start("serve.py", "--port", str(port), *options, stdout=subprocess.DEVNULL) as server:
        try:
            wait_for(f"http://127.0.0.1:{port}", server)
            yield server
        finally:
            server.kill()


@contextmanager
def start_load(port: int, body: Path, **options: Any) -> Iterator[subprocess.Popen[str]]:
    """Ask from many connections, in a process of its own."""
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    with (
        body.open() as given,
        python.start("benchmarks/http_load.py", f"http://127.0.0.1:{port}", *words, stdin=given) as asking,
    ):
        try:
            yield asking
        finally:
            asking.kill()


def test_swaps_under_load_drop_and_mix_nothing(
    registered: Home, rows: pd.DataFrame, row: Path, everything: bool
) -> None:
    """While 64 clients ask, the alias is moved again and again: each is answered, by the version its header names."""
    swaps = 20 if everything else 4
    tracking.connect(registered.uri)
    expected = {
        str(number): mlflow.pyfunc.load_model(f"models:/{NAME}/{number}").predict(rows.head(1)).tolist()
        for number in OTHERS
    }
    port, stop = free_port(), row.with_name("stop")
    with (
        serving(registered, port, "poll_seconds=0.1") as server,
        start_load(port, row, clients=64, seconds=120, stop=stop) as asking,
    ):
        for swap in range(1, swaps + 1):
            number = str(OTHERS[swap % 2])
            registered.client.set_registered_model_alias(NAME, "champion", number)
            until = time.monotonic() + 20
            while requests.get(f"http://127.0.0.1:{port}/ping", timeout=20).headers["X-Model-Version"] != number:
                assert time.monotonic() < until
                time.sleep(0.05)
            time.sleep(0.1)
        stop.touch()
        seen = json.loads(asking.communicate(timeout=60)[0])
        server.terminate()
        log = server.communicate(timeout=30)[1]
    assert log.count("takes over from") == swaps
    assert (set(seen["statuses"]), seen["lost"]) == ({"200"}, 0)
    answers = {(version, answer) for version, answer, _ in seen["answers"]}
    assert {version: json.loads(answer)["predictions"] for version, answer in answers} == expected
    assert len(answers) == 2


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGHUP])
def test_accepted_request_is_answered_though_the_server_is_stopped(
    housing: Home, rows: pd.DataFrame, sent: signal.Signals
) -> None:
    """SIGTERM, or a terminal that is closed, in the midst of 80,000 rows: they are predicted before the server ends."""
    port = free_port()
    body = f'{{"dataframe_split": {rows.to_json(orient="split", index=False)}}}'
    curl = ["curl", "-s", f"http://127.0.0.1:{port}/invocations", "-H", "Content-Type: application/json", "-d", "@-"]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with serving(housing, port) as server, subprocess.Popen(curl, **pipes) as asking:
        assert asking.stdin is not None
        asking.stdin.write(body)
        asking.stdin.close()
        asking.stdin = None
        time.sleep(0.3)  # the body has arrived, the answer takes longer
        assert asking.poll() is None
        server.send_signal(sent)
        out, _ = asking.communicate(timeout=60)
        server.communicate(timeout=30)
    assert len(json.loads(out)["predictions"]) == len(rows)


def test_killed_server_comes_back_to_the_same_clients(registered: Home, row: Path) -> None:
    """After SIGKILL under load it starts on the same port while the clients knock, and answers them."""
    port, stop = free_port(), row.with_name("stop")
    with serving(registered, port) as server, start_load(port, row, clients=64, seconds=120, stop=stop) as asking:
        time.sleep(1)
        server.kill()
        server.communicate()
        with serving(registered, port):
            time.sleep(1)
            stop.touch()
            seen = json.loads(asking.communicate(timeout=60)[0])
    assert set(seen["statuses"]) == {"200"}
    assert seen["lost"] > 0
