"""What MLflow's own commands make of a model that a run has left: they predict, and they pack it into a container."""

import json
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import mlflow
import pandas as pd
import pytest

from champion import tracking
from champion.data import load
from tests.conftest import REPOSITORY, SMALL, Home

pytestmark = pytest.mark.everything
CHAMPION = "models:/housing_price_predictor@champion"


@dataclass(frozen=True)
class Left:
    """A home with a champion, a file of rows for it, and what `mlflow.pyfunc` predicts for them here."""

    home: Home
    rows: Path
    predictions: list[float]

    def mlflow(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run one of MLflow's commands as a user does who has set MLFLOW_TRACKING_URI."""
        env = {**self.home.env, "MLFLOW_TRACKING_URI": self.home.uri}
        done = subprocess.run(
            ["mlflow", *words], env=env, cwd=self.rows.parent, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done


def left(home: Home, folder: Path) -> Left:
    """Write some rows into a new folder, and let the champion of this home predict them."""
    rows = load("pkg://champion.data.datasets/california_housing.csv.gz", target="median_house_value").X.head(20)
    rows.to_csv(folder / "rows.csv", index=False)
    tracking.connect(home.uri)
    predictions = mlflow.pyfunc.load_model(CHAMPION).predict(pd.read_csv(folder / "rows.csv"))
    return Left(home, folder / "rows.csv", predictions.tolist())


@pytest.fixture(scope="module")
def plain(housing: Home, tmp_path_factory: pytest.TempPathFactory) -> Left:
    """Take the champion of real runs."""
    return left(housing, tmp_path_factory.mktemp("plain"))


@pytest.fixture(scope="module")
def geographic(tmp_path_factory: pytest.TempPathFactory) -> Left:
    """Train a small model on features that only champion has."""
    home = Home(tmp_path_factory.mktemp("geographic"))
    done = home.train(*SMALL, "data.sample=2000", "features=geographic", "promote=true")
    assert done.returncode == 0, done.stderr
    return left(home, tmp_path_factory.mktemp("rows"))


def files_of(left: Left, folder: Path) -> Path:
    """Fetch the files of the champion, as a container gets them."""
    tracking.connect(left.home.uri)
    return Path(mlflow.artifacts.download_artifacts(CHAMPION, dst_path=str(folder)))


def elsewhere(files: Path, left: Left) -> tuple[list[float], str]:
    """Predict where champion isn't installed; return the predictions, and where champion was imported from."""
    done = files.parent / "predictions.json"
    script = str(REPOSITORY / "tests" / "clean_room.py")
    command = [sys.executable, "-S", script, sysconfig.get_path("purelib"), str(files), str(left.rows), str(done)]
    env = {key: value for key, value in left.home.env.items() if key != "PYTHONPATH"}
    ran = subprocess.run(command, env=env, cwd=files.parent, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return json.loads(done.read_text()), ran.stdout.splitlines()[-1]


def test_mlflow_predicts_a_file_of_rows(plain: Left, tmp_path: Path) -> None:
    """`mlflow models predict` gives a CSV file's rows the digits of `mlflow.pyfunc`."""
    out = tmp_path / "predictions.json"
    rows = ["-i", str(plain.rows), "-t", "csv", "-o", str(out)]
    plain.mlflow("models", "predict", "-m", CHAMPION, *rows, "--env-manager", "local")
    assert json.loads(out.read_text()) == {"predictions": plain.predictions}


def test_mlflow_predicts_json(geographic: Left, tmp_path: Path) -> None:
    """JSON of the form that the server takes is predicted too, with features that only champion has."""
    request, out = tmp_path / "request.json", tmp_path / "predictions.json"
    rows = pd.read_csv(geographic.rows).to_dict(orient="split", index=False)
    request.write_text(json.dumps({"dataframe_split": rows}))
    words = ["-i", str(request), "-t", "json", "-o", str(out), "--env-manager", "local"]
    geographic.mlflow("models", "predict", "-m", CHAMPION, *words)
    assert json.loads(out.read_text()) == {"predictions": geographic.predictions}


def test_plain_model_imports_nothing_of_the_features(plain: Left, tmp_path: Path) -> None:
    """Whoever has its requirements loads it: what reads its cells is saved with it, and nothing more is needed."""
    files = files_of(plain, tmp_path / "model")
    assert (files / "code" / "champion" / "data" / "reading.py").is_file()
    assert elsewhere(files, plain) == (plain.predictions, "None")


def test_container_has_all_that_the_model_needs(geographic: Left, tmp_path: Path) -> None:
    """What `mlflow models build-docker` would build from holds the model, its pinned libraries and champion's features.

    The model predicts the same where only those libraries are installed, by the code beside it.
    """
    image = tmp_path / "image"
    geographic.mlflow("models", "generate-dockerfile", "-m", CHAMPION, "-d", str(image))
    [mlmodel] = (image / "model_dir").rglob("MLmodel")
    files = mlmodel.parent
    steps = (image / "Dockerfile").read_text()
    python = ".".join(map(str, sys.version_info[:3]))
    assert f"FROM python:{python}-slim" in steps
    assert f"COPY {files.relative_to(image)} /opt/ml/model" in steps
    pinned = (files / "requirements.txt").read_text().splitlines()
    assert {f"{package.__name__}=={package.__version__}" for package in (mlflow, pd)} <= set(pinned)
    assert all("==" in line for line in pinned)
    code = files / "code" / "champion"
    assert sum(file.stat().st_size for file in code.rglob("*")) < 200_000
    assert elsewhere(files, geographic) == (geographic.predictions, str(code / "features" / "__init__.py"))


def test_installed_champion_comes_first(geographic: Left, tmp_path: Path) -> None:
    """A process that loads a model before it imports champion gets the one that is installed, all of it."""
    files = files_of(geographic, tmp_path)
    program = (
        f"import mlflow; mlflow.pyfunc.load_model({str(files)!r})\n"
        "import champion.features, champion.registry\n"
        "print(champion.features.__file__)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert not Path(done.stdout.strip()).is_relative_to(files)
