"""What is away in the middle of a sweep: a real MLflow server that is ended and started again, a locked database."""

import os
import re
import shlex
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, NamedTuple

import mlflow
import pytest
from optuna.trial import TrialState

from hydra_plugins.champion_sweeper import WAITS
from hydra_plugins.champion_sweeper._store import LOST
from tests.conftest import STUDY, Home, free_port, mlflow_command
from tests.job.test_sweep import study_of

SWEEP = (
    "-m",
    "data.sample=1000",
    "n_splits=2",
    "model.max_iter=100,110,120,130,140",
    "hydra.sweeper.pruner=null",
    STUDY,
)


class Server:
    """An MLflow server on a database in a folder, that can be ended and started again at the same address."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port, self.running = folder, free_port(), ExitStack()
        self.url = f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Return when it answers."""
        words = ["server", "--port", str(self.port), "--workers", "1"]
        words += ["--backend-store-uri", f"sqlite:///{self.folder}/server.db"]
        words += ["--artifacts-destination", f"{self.folder}/artifacts"]
        outside = {key: value for key, value in os.environ.items() if key != "MLFLOW_TRACKING_URI"}
        env = {**outside, "TMPDIR": str(self.folder)}
        self.running.enter_context(mlflow_command(*words, url=self.url, path="health", cwd=self.folder, env=env))

    def stop(self) -> None:
        """End it, as a machine does that is shut down."""
        self.running.close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """Run a server that a test may end."""
    server = Server(tmp_path)
    server.start()
    yield server
    server.stop()


def until(is_so: Callable[[], Any], *, seconds: float = 240) -> None:
    """Return as soon as something is so."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def states(home: Home) -> list[TrialState]:
    """Return the states of the trials that count, none where there is no study yet."""
    if not (home.folder / "multirun" / "prices" / "study.journal").exists():
        return []
    try:
        return [trial.state for trial in study_of(home).trials if LOST not in trial.user_attrs]
    except KeyError:
        return []


def waits(home: Home) -> bool:
    """Tell whether a trial waits for what is away."""
    return any(trial.user_attrs.get(WAITS) for trial in study_of(home).trials)


@pytest.mark.everything
def test_server_that_goes_away_and_comes_back_costs_no_trial(home: Home, server: Server) -> None:
    """The trials that it fails wait for it, the console says so, and the sweep ends as if nothing had been."""
    to = ("tracking=server", f"tracking.uri={server.url}", "hydra.sweeper.workers=2")
    with home.start_training(*SWEEP, *to) as process:
        until(lambda: TrialState.COMPLETE in states(home))
        server.stop()
        until(lambda: waits(home))
        server.start()
        out, err = process.communicate(timeout=240)
    assert process.returncode == 0, err
    assert re.search(r"waiting 0:0\d of 10:00: MLflow at 'http://127.0.0.1:\d+' is away: no connection", out)
    assert states(home) == [TrialState.COMPLETE] * 5
    client = mlflow.MlflowClient(server.url)
    runs = client.search_runs([experiment.experiment_id for experiment in client.search_experiments()])
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert client.get_model_version_by_alias("housing_price_predictor", "champion").version == "1"


class GivenUp(NamedTuple):
    """What a search left that has waited in vain: what it said, of which trials; and where it went on."""

    home: Home
    server: Server
    said: str
    lost: list[str]


@pytest.fixture(scope="module")
def given_up(empty_home: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GivenUp]:
    """Sweep against a server that goes away for longer than is waited; the same command goes on when it is back."""
    home = empty_home.copy(tmp_path_factory.mktemp("given_up"))
    server = Server(home.folder)
    server.start()
    to = ("tracking=server", f"tracking.uri={server.url}")
    with home.start_training(*SWEEP, *to, "tracking.patience=3") as process:
        until(lambda: TrialState.COMPLETE in states(home))
        server.stop()
        _, err = process.communicate(timeout=120)
    assert process.returncode == 1
    lost = [trial.user_attrs[LOST] for trial in study_of(home).trials if LOST in trial.user_attrs]
    server.start()
    done = home.train(*shlex.split(err.partition("Go on with: ")[2])[2:])
    assert done.returncode == 0, done.stderr
    yield GivenUp(home, server, err, lost)
    server.stop()


@pytest.mark.everything
def test_search_stops_with_one_line_when_it_has_waited_long_enough(given_up: GivenUp) -> None:
    """It says what is away, what is kept and how to go on; the trial that it failed is lost, not failed."""
    [line] = given_up.said.splitlines()
    away = r"MLflow at 'http://127.0.0.1:\d+' is away: no connection\. Waited 0:03 for it \(tracking\.patience=3\)"
    assert re.match(rf"Error: {away}\. Stopped after \d trials?, which (is|are) kept\. Go on with: python ", line)
    [lost] = given_up.lost
    assert re.match(away, lost)


@pytest.mark.everything
def test_same_command_goes_on_to_the_total_when_the_server_is_back(given_up: GivenUp) -> None:
    """Every point is complete, one of them is champion, and no run is left RUNNING."""
    assert states(given_up.home) == [TrialState.COMPLETE] * 5
    client = mlflow.MlflowClient(given_up.server.url)
    runs = client.search_runs([experiment.experiment_id for experiment in client.search_experiments()])
    assert {run.info.status for run in runs} <= {"FINISHED", "KILLED"}
    assert client.get_model_version_by_alias("housing_price_predictor", "champion").version == "1"


@pytest.mark.everything
def test_sigterm_ends_a_sweep_that_waits_within_seconds(home: Home, server: Server) -> None:
    """Nothing that is away is waited for any more."""
    with home.start_training(*SWEEP, "tracking=server", f"tracking.uri={server.url}") as process:
        until(lambda: TrialState.COMPLETE in states(home))
        server.stop()
        until(lambda: waits(home))
        process.terminate()
        told = time.monotonic()
        _, err = process.communicate(timeout=60)
    assert time.monotonic() - told < 15
    assert process.returncode == 143
    assert err.startswith("Stopped after ")
    assert TrialState.RUNNING not in states(home)


@pytest.mark.everything
def test_locked_database_costs_no_trial(home: Home) -> None:
    """Somebody holds mlflow.db for 15 s in the middle of a sweep; MLflow itself would give up."""
    with home.start_training(*SWEEP) as process:
        until(lambda: TrialState.COMPLETE in states(home))
        with closing(sqlite3.connect(home.folder / "mlflow.db", timeout=60)) as database:
            database.execute("begin exclusive")
            time.sleep(15)
            database.rollback()
        _, err = process.communicate(timeout=240)
    assert process.returncode == 0, err
    assert states(home) == [TrialState.COMPLETE] * 5
