"""tracking=server: a real MLflow server keeps the runs and the models, in PostgreSQL and an artifact store."""

from pathlib import Path

import mlflow
import pytest
import requests

from tests.conftest import POSTGRESQL, SMALL, Home
from tests.serving.test_serve import ROW, ask

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


@pytest.mark.parametrize(
    ("asked", "kept"),
    [([], "mlflow-artifacts:/"), (["tracking.artifacts=mlflow-artifacts:/t a"], "mlflow-artifacts:/t a/")],
)
def test_server_keeps_the_files_without_being_chosen_as_a_group(
    server: str, tmp_path: Path, asked: list[str], kept: str
) -> None:
    """An address alone is enough: no file of a run stays on this machine, where the server couldn't reach it."""
    home, client, experiment = Home(tmp_path), mlflow.MlflowClient(server), f"of {len(asked)}/é?"
    done = home.train(*SMALL, f"tracking.uri={server}", *asked, f"experiment_name='{experiment}'")
    assert done.returncode == 0, done.stderr
    found = client.get_experiment_by_name(experiment)
    assert found.artifact_location.startswith(kept)
    [run] = client.search_runs([found.experiment_id])
    assert {"config.yaml", "evaluation_report.json"} <= {file.path for file in client.list_artifacts(run.info.run_id)}
    assert Path(client.download_artifacts(run.info.run_id, "config.yaml", str(tmp_path))).read_text()
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["outputs"]
