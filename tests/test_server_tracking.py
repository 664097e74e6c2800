"""tracking=server: a real MLflow server keeps the runs and the models."""

import os
from collections.abc import Iterator
from pathlib import Path

import mlflow
import pytest
import requests

from tests.conftest import Home, free_port, mlflow_command
from tests.test_serve import ROW, ask


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run `mlflow server` on a database and an artifact store of its own."""
    folder, port = tmp_path_factory.mktemp("server"), free_port()
    store = ["--backend-store-uri", f"sqlite:///{folder}/server.db", "--artifacts-destination", f"{folder}/artifacts"]
    words = ["server", "--port", str(port), "--workers", "1", *store]
    env = {key: value for key, value in os.environ.items() if key != "MLFLOW_TRACKING_URI"} | {"TMPDIR": str(folder)}
    with mlflow_command(*words, url=f"http://127.0.0.1:{port}", path="health", cwd=folder, env=env) as url:
        yield url


def test_run_model_and_champion_live_on_the_server(server: str, tmp_path: Path) -> None:
    """Training registers on the server, serve.py fetches the champion from it, and no local database is made."""
    home = Home(tmp_path)
    done = home.train("experiment=quick", "promote=true", "tracking=server", f"tracking.uri={server}")
    assert done.returncode == 0, done.stderr
    assert f"compare   {server}" in done.stdout
    assert f"serve     python serve.py --tracking-uri {server}" in done.stdout
    client = mlflow.MlflowClient(server)
    [version] = client.search_model_versions("name = 'housing_price_predictor'")
    assert client.get_run(version.run_id).info.status == "FINISHED"
    assert {"config.yaml", "evaluation_report.json"} <= {file.path for file in client.list_artifacts(version.run_id)}
    with home.serve("--tracking-uri", server) as url:
        answer: requests.Response = ask(url, {"dataframe_records": [ROW]})
    assert 200_000 < answer.json()["predictions"][0] < 600_000
    assert not list(tmp_path.glob("mlflow.db*"))
