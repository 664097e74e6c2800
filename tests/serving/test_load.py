"""serve.py under load: the real server and a process that asks it from 64 connections, while things happen to it."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import pytest
import requests

from champion import tracking
from champion.data import load
from tests.conftest import REPOSITORY, Home, free_port, wait_for

NAME = "housing_price_predictor"
OTHERS = (2, 4)  # two of the five versions: one boosted by scikit-learn, one by XGBoost


@pytest.fixture(scope="module")
def housing(housing: Home, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Copy the registry of the five runs: the aliases that others look at stay where they are."""
    own = Home(tmp_path_factory.mktemp("load"))
    (own.folder / "mlflow.db").write_bytes((housing.folder / "mlflow.db").read_bytes())
    return own


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    """Return many rows of the bundled data."""
    X = load("pkg://champion.datasets/california_housing.csv.gz", target="median_house_value").X
    return pd.concat([X] * 4, ignore_index=True)


@pytest.fixture
def row(rows: pd.DataFrame, tmp_path: Path) -> Path:
    """Write a request with one row."""
    file = tmp_path / "row.json"
    file.write_text(f'{{"dataframe_records": {rows.head(1).to_json(orient="records", double_precision=15)}}}')
    return file


def start(home: Home, port: int, *options: str) -> subprocess.Popen[str]:
    """Start the server and wait until it answers."""
    command = [sys.executable, str(REPOSITORY / "serve.py"), "--port", str(port), *options]
    process = subprocess.Popen(
        command, env=home.env, cwd=REPOSITORY, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    wait_for(f"http://127.0.0.1:{port}", process)
    return process


def start_load(port: int, body: Path, **options: Any) -> subprocess.Popen[str]:
    """Ask from many connections, in a process of its own."""
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    command = [sys.executable, "benchmarks/http_load.py", f"http://127.0.0.1:{port}", *words]
    with body.open() as given:
        return subprocess.Popen(command, cwd=REPOSITORY, stdin=given, stdout=subprocess.PIPE, text=True)


def test_twenty_swaps_under_load_drop_and_mix_nothing(housing: Home, rows: pd.DataFrame, row: Path) -> None:
    """While 64 clients ask, the alias is moved 20 times: all are answered, each by the version its header names."""
    tracking.connect(housing.uri)
    expected = {
        str(number): mlflow.pyfunc.load_model(f"models:/{NAME}/{number}").predict(rows.head(1)).tolist()
        for number in OTHERS
    }
    port = free_port()
    stop = row.with_name("stop")
    server = start(housing, port, "poll_seconds=0.1")
    try:
        asking = start_load(port, row, clients=64, seconds=120, stop=stop)
        for swap in range(20):
            number = str(OTHERS[swap % 2])
            housing.client.set_registered_model_alias(NAME, "champion", number)
            until = time.monotonic() + 20
            while requests.get(f"http://127.0.0.1:{port}/ping", timeout=20).headers["X-Model-Version"] != number:
                assert time.monotonic() < until
                time.sleep(0.05)
            time.sleep(0.1)
        stop.touch()
        seen = json.loads(asking.communicate(timeout=60)[0])
    finally:
        server.terminate()
        log = server.communicate(timeout=30)[1]
    assert log.count("takes over from") >= 19
    assert (set(seen["statuses"]), seen["lost"]) == ({"200"}, 0)
    answers = {(version, answer) for version, answer, _ in seen["answers"]}
    assert {version: json.loads(answer)["predictions"] for version, answer in answers} == expected
    assert len(answers) == 2


def test_accepted_request_is_answered_though_the_server_is_stopped(housing: Home, rows: pd.DataFrame) -> None:
    """SIGTERM in the midst of 80,000 rows: they are predicted before the server ends."""
    port = free_port()
    server = start(housing, port)
    body = f'{{"dataframe_split": {rows.to_json(orient="split", index=False)}}}'
    asking = subprocess.Popen(
        ["curl", "-s", f"http://127.0.0.1:{port}/invocations", "-H", "Content-Type: application/json", "-d", "@-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert asking.stdin is not None
    asking.stdin.write(body)
    asking.stdin.close()
    asking.stdin = None
    time.sleep(0.3)  # the body has arrived, the answer takes longer
    assert asking.poll() is None
    server.send_signal(signal.SIGTERM)
    out, _ = asking.communicate(timeout=60)
    server.communicate(timeout=30)
    assert len(json.loads(out)["predictions"]) == len(rows)


def test_killed_server_comes_back_to_the_same_clients(housing: Home, row: Path) -> None:
    """After SIGKILL under load it starts on the same port while the clients knock, and answers them."""
    port = free_port()
    server = start(housing, port)
    asking = start_load(port, row, clients=64, seconds=120, stop=row.with_name("stop"))
    time.sleep(1)
    server.kill()
    server.communicate()
    again = start(housing, port)
    time.sleep(1)
    row.with_name("stop").touch()
    seen = json.loads(asking.communicate(timeout=60)[0])
    again.terminate()
    again.communicate(timeout=30)
    assert set(seen["statuses"]) == {"200"}
    assert seen["lost"] > 0
