"""tracking=server: a real MLflow server keeps the runs and the models, in PostgreSQL and an artifact store."""

from pathlib import Path

import mlflow
import requests

from tests.conftest import POSTGRESQL, SMALL, Home
from tests.test_serve import ROW, ask

pytestmark = POSTGRESQL


def test_run_model_and_champion_live_on_the_server(server: str, tmp_path: Path) -> None:
    """Training registers on the server, serve.py fetches the champion from it, and no local database is made."""
    home = Home(tmp_path)
    done = home.train(*SMALL, "promote=true", "tracking=server", f"tracking.uri={server}")
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
