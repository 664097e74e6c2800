"""artifacts.py: where an experiment keeps its files, down to a bucket of a real S3 server."""

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import pytest
import requests

from champion import tracking
from champion.base.errors import ConfigError, TrackingError
from champion.data import Dataset
from champion.tracking import artifacts
from tests import python
from tests.conftest import REPOSITORY, SMALL, Home, free_port, wait_for
from tests.serving.test_serve import ROW, ask
from tests.sweeper.test_address import ODD

SERVER, DATABASE = "http://127.0.0.1:5000", "postgresql://host/mlflow"


@pytest.mark.parametrize("address", ["s3://bucket/prefix", "gs://bucket/a%20b", "mlflow-artifacts:/team", "dbfs:/runs"])
@pytest.mark.parametrize("uri", [SERVER, DATABASE])
def test_address_goes_to_mlflow_as_it_is(address: str, uri: str) -> None:
    """An address is no path of this machine."""
    assert artifacts.root(address, uri) == address


def test_path_is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder lies in the directory of the command, and is given to MLflow as an address that leads back to it."""
    monkeypatch.chdir(tmp_path)
    for folder in ("runs", ODD):
        assert artifacts.root(folder, SERVER) == (tmp_path / folder).as_uri()
    assert artifacts.root("file:runs", SERVER) == artifacts.root(f"file://{tmp_path}/runs", SERVER)
    assert artifacts.root("file:///a%20b", DATABASE) == "file:///a%20b"
    with pytest.raises(ConfigError, match=r"'file://data/runs' names a machine\. A .* path, or file:///data/runs\."):
        artifacts.root("file://data/runs", DATABASE)
    with pytest.raises(ConfigError, match=r"tracking\.artifacts must be a folder, an address or null, but got ''\."):
        artifacts.root("", DATABASE)


def test_server_keeps_what_nobody_puts_elsewhere(home: Home) -> None:
    """The folder of this machine is the default for databases; a server has its own, and isn't given that one."""
    own = str(home.folder / "mlruns")
    for default in (own, None):
        assert artifacts.root(default, SERVER) is None
        assert artifacts.root(default, DATABASE) == artifacts.root(default, home.uri) == Path(own).as_uri()
    assert artifacts.root("/mnt/team", SERVER) == "file:///mnt/team"


def start(home: Home, small: Dataset, asked: str | None, *, experiment: str = "houses_prediction") -> str:
    """Start and end a run that is asked to keep its files there; return where it has kept them."""
    known: dict[str, Any] = {"folder": home.folder, "data": small.summary, "typical": small, "params": {}, "tags": {}}
    with tracking.start_run(experiment, name="run", artifacts=asked, config=lambda: "seed: 42", **known) as run:
        return str(home.client.get_run(run.id).info.artifact_uri)


def test_files_are_found_whatever_names_hold(home: Home, small: Dataset, tmp_path: Path) -> None:
    """A folder and an experiment may be called anything: MLflow writes and reads files there, and nowhere else."""
    kept = start(home, small, str(tmp_path / ODD), experiment="50% of #1? / é")
    assert Path(mlflow.artifacts.download_artifacts(f"{kept}/config.yaml")).read_text() == "seed: 42"
    [file] = tmp_path.rglob("config.yaml")
    assert file.relative_to(tmp_path).parts[:2] == (ODD, "50%25 of %231%3F %2F %C3%A9")


def test_experiment_that_has_its_files_elsewhere_is_no_silent_choice(
    home: Home, small: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who asks for another place than the experiment's is told; who asks for none, or for the same, goes on there."""
    monkeypatch.chdir(tmp_path)
    first = start(home, small, "s")
    assert start(home, small, None).rpartition("/houses")[0] == first.rpartition("/houses")[0]
    start(home, small, "s/")
    with pytest.raises(
        ConfigError, match=r"tracking\.artifacts is 'file:///elsewhere', but experiment_name 'houses_pr"
    ):
        start(home, small, "/elsewhere")


@pytest.mark.parametrize("asked", ["/proc/no", "foo://x/y", "mlflow-artifacts:/team"])
def test_no_experiment_is_bound_to_a_place_that_takes_no_files(home: Home, small: Dataset, asked: str) -> None:
    """What can't be kept there is said in one line, and another try, with another place, goes there."""
    with pytest.raises(TrackingError, match=r"^tracking\.artifacts: no files can be kept at '.*': [^\n]*\.$"):
        start(home, small, asked)
    assert home.client.get_experiment_by_name("houses_prediction") is None


def test_library_that_is_missing_is_named(home: Home, small: Dataset) -> None:
    """An address whose library isn't installed gets the command that installs it."""
    with pytest.raises(TrackingError, match=r"`pip install google-cloud-storage`\.$"):
        start(home, small, "gs://bucket/prefix")


def test_folder_lies_where_the_command_was_typed(home: Home, tmp_path: Path) -> None:
    """hydra.job.chdir enters the job's folder, and takes neither database nor files with it."""
    (place := tmp_path / "place").mkdir()
    own = ("hydra.job.chdir=true", "tracking.uri=sqlite:///../mlflow.db", "tracking.artifacts=files")
    done = home.train(*SMALL, *own, cwd=place)
    assert done.returncode == 0, done.stderr
    assert [path.name for path in place.iterdir()] == ["files"]
    [experiment] = home.client.search_experiments(filter_string="name != 'Default'")
    assert experiment.artifact_location == (place / "files" / "housing_price_prediction").as_uri()


def test_whole_home_may_be_called_anything(empty_home: Home, tmp_path: Path) -> None:
    """Training, its files and the champion work in a folder whose name means something in addresses and in YAML."""
    (folder := tmp_path / ODD).mkdir()
    home = empty_home.copy(folder)
    done = home.train(*SMALL, "promote=true", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "1 Production champion" in home.run("-m", "champion", "status", check=True).stdout
    assert [path.name for path in tmp_path.iterdir()] == [ODD]


@pytest.mark.everything
def test_sweep_in_a_home_that_may_be_called_anything(empty_home: Home, tmp_path: Path) -> None:
    """Workers, the team of the last job and its final work there too."""
    (folder := tmp_path / ODD).mkdir()
    home = empty_home.copy(folder)
    words = ("-m", *SMALL, "promote=true", "model.max_iter=10,12", "team.size=2", "hydra.sweeper.workers=2")
    done = home.train(*words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "1 in Production, champion" in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == [ODD]


@dataclass(frozen=True)
class Bucketed(Home):
    """A home whose runs keep their files in the bucket "models" of an S3 server."""

    endpoint: str

    @property
    def env(self) -> dict[str, str]:
        """Environment of a command that reaches the server."""
        account = {"AWS_ACCESS_KEY_ID": "me", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "us-east-1"}
        return {**super().env, **account, "MLFLOW_S3_ENDPOINT_URL": self.endpoint}

    def keys(self) -> list[str]:
        """Return what lies in the bucket."""
        return re.findall("<Key>(.*?)</Key>", requests.get(f"{self.endpoint}/models?list-type=2", timeout=30).text)


@pytest.fixture(scope="module")
def bucketed(empty_home: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bucketed]:
    """Run an S3 server on this machine, then a training and a sweep that keep their files in a bucket of it."""
    folder, port = tmp_path_factory.mktemp("s3"), free_port()
    quiet: dict[str, Any] = {"cold": True, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with python.start("-m", "moto.server", "-H", "127.0.0.1", "-p", str(port), **quiet) as server:
        try:
            endpoint = wait_for(f"http://127.0.0.1:{port}", server, path="moto-api/")
            home = Bucketed(empty_home.copy(folder).folder, endpoint)
            assert requests.put(f"{endpoint}/models", timeout=30).ok
            swept = ("model.max_iter=30,40", "hydra.sweeper.workers=2")
            for words in ([*SMALL, "model.max_iter=5"], ["-m", *SMALL, *swept]):
                done = home.train(*words, "promote=true", "tracking.artifacts='s3://models/team a'")
                assert done.returncode == 0, done.stderr
                assert "credentials" not in done.stdout + done.stderr
            yield home
        finally:
            server.terminate()
            server.wait(timeout=30)


@pytest.mark.everything("moto")
def test_runs_and_trials_keep_all_files_in_the_bucket(bucketed: Bucketed) -> None:
    """Each run's files and each model lie below the address that was given, and none on this machine."""
    [experiment] = bucketed.client.search_experiments(filter_string="name != 'Default'")
    assert experiment.artifact_location == "s3://models/team a/housing_price_prediction"
    runs = bucketed.client.search_runs([experiment.experiment_id])
    assert len(runs) == 5
    keys = bucketed.keys()
    for run in runs:
        name = "config.yaml" if run.data.params else "report.html"  # which a sweep has
        assert f"team a/housing_price_prediction/{run.info.run_id}/artifacts/{name}" in keys
    assert len([key for key in keys if key.endswith("/model.skops")]) == 2
    assert not (bucketed.folder / "mlruns").exists()


@pytest.mark.everything("moto")
def test_champion_in_the_bucket_is_found_again(bucketed: Bucketed, tmp_path: Path) -> None:
    """The sweep's winner has met the champion there; predict and the server load who has won from there, too."""
    champion = bucketed.client.get_model_version_by_alias("housing_price_predictor", "champion")
    assert (champion.version, champion.tags["decision"]) == (2, "promoted")
    (file := tmp_path / "new.csv").write_text(pd.DataFrame([ROW]).to_csv(index=False))
    scored = bucketed.run("-m", "champion", "predict", file, "-o", tmp_path / "scored.csv")
    assert scored.returncode == 0, scored.stderr
    with bucketed.serve() as url:
        answer = ask(url, {"dataframe_records": [ROW]}).json()["predictions"]
    assert pd.read_csv(tmp_path / "scored.csv").iloc[:, -1].tolist() == pytest.approx(answer)


@pytest.mark.everything("moto")
@pytest.mark.parametrize(
    ("bucket", "env", "says"),
    [
        ("nobody", {}, "The specified bucket does not exist."),
        ("models", {"AWS_ACCESS_KEY_ID": ""}, "Unable to locate credentials."),
        ("models", {"MLFLOW_S3_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_MAX_ATTEMPTS": "1"}, "127.0.0.1:9"),
    ],
)
def test_bucket_that_takes_nothing_is_answered(bucketed: Bucketed, bucket: str, env: dict[str, str], says: str) -> None:
    """A bucket, an account or a server that isn't there ends with one line before the first fold."""
    own = (f"tracking.artifacts=s3://{bucket}", "experiment_name=another")
    done = bucketed.train(*SMALL, *own, env={**bucketed.env, **env})
    assert done.returncode == 1
    assert done.stderr.startswith(f"Error: tracking.artifacts: no files can be kept at 's3://{bucket}/another': ")
    assert done.stderr.count("\n") == 1, done.stderr
    assert says in done.stderr
    assert "fold" not in done.stdout


@pytest.mark.everything("moto")
def test_extra_for_s3_is_named_where_it_is_missing(bucketed: Bucketed, tmp_path: Path) -> None:
    """Who hasn't installed boto3 is told which command does, to write a run's files and to read a champion's."""
    (tmp_path / "sitecustomize.py").write_text('import sys\nsys.modules["boto3"] = None')
    lacking: dict[str, Any] = {"env": {**bucketed.env, "PYTHONPATH": f"{tmp_path}:{REPOSITORY / 'src'}"}, "cold": True}
    remedy = "boto3 is needed, which isn't installed: `pip install -e '.[s3]'`.\n"
    done = bucketed.train(*SMALL, "tracking.artifacts=s3://models/b", "experiment_name=another", **lacking)
    assert done.stderr == f"Error: tracking.artifacts: for files at 's3://models/b/another' {remedy}"
    (tmp_path / "new.csv").write_text(pd.DataFrame([ROW]).to_csv(index=False))
    done = bucketed.run("-m", "champion", "predict", tmp_path / "new.csv", **lacking)
    assert done.stderr == f"Error: For the files of models:/housing_price_predictor/2 {remedy}"
