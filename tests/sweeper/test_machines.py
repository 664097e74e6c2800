"""Many machines, one study: commands and workers that share nothing but a PostgreSQL server, Ray's nodes, Slurm's jobs.

What is a machine here is a process group with a folder of its own: it can be killed as a whole.
"""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import mlflow
import optuna
import psutil
import pytest
from optuna.storages import JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.pool import NullPool

from tests.conftest import POSTGRESQL, Home, free_port, write_houses
from tests.sweeper.test_sweeper import kill_all, start, sweep

pytestmark = POSTGRESQL
NAME = "hydra.sweeper.study_name=toy"
Database = Callable[[str], str]


def stored(url: str) -> str:
    """Return the override that keeps the study there."""
    return f"hydra.sweeper.storage='{url}'"


@cache
def opened(url: str) -> RDBStorage:
    """Open the database, without keeping connections."""
    return RDBStorage(url, engine_kwargs={"poolclass": NullPool})


def trials(url: str, name: str = "toy") -> list[FrozenTrial]:
    """Return the study's trials, none where it isn't there yet."""
    try:
        return optuna.load_study(study_name=name, storage=opened(url)).trials
    except KeyError:
        return []


def wait_until(is_so: Callable[[], bool], *, seconds: float = 90) -> None:
    """Return as soon as it is so."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def folders(tmp_path: Path, *names: str) -> list[Path]:
    """Make a folder for each machine."""
    made = [tmp_path / name for name in names]
    for folder in made:
        folder.mkdir()
    return made


def test_two_commands_share_one_total(postgresql: Database, tmp_path: Path) -> None:
    """The same command on two machines at one moment: 40 trials without a duplicate or a gap, ended by one of them."""
    url = postgresql("shared")
    own = (
        "n=range(1,41)",
        "seconds=0.1",
        stored(url),
        NAME,
        "hydra.sweeper.n_trials=40",
        "hydra.sweeper.last_job=true",
    )
    machines = [start(folder, *own) for folder in folders(tmp_path, "one", "two")]
    told = [process.communicate(timeout=120) for process in machines]
    assert [process.returncode for process in machines] == [0, 0], told
    found = trials(url)
    assert [trial.number for trial in found] == list(range(40))
    assert sorted(int(trial.params["n"]) for trial in found) == list(range(1, 41))
    assert {trial.state for trial in found} == {TrialState.COMPLETE}
    shares = [trial.user_attrs["worker"].partition("@")[2] for trial in found]
    assert len(set(shares)) == 2
    assert min(shares.count(command) for command in shares) >= 5
    ended = [out for out, _ in told if "a job with x=1.0" in out]
    left = [out for out, _ in told if "will end the study" in out]
    assert (len(ended), len(left)) == (1, 1)
    assert len(list(tmp_path.glob("*/multirun/toy/best"))) == 1


def test_trial_of_a_dead_machine_is_taken_over(postgresql: Database, tmp_path: Path) -> None:
    """The other machine waits for what still runs, sees that its heart has stopped, and runs it again."""
    url = postgresql("dead")
    slow, fast = folders(tmp_path, "slow", "fast")
    own = ("n=range(1,7)", stored(url), NAME, "hydra.sweeper.grace_period=3")
    doomed = start(slow, *own, "seconds=40", "hydra.sweeper.may_change=[seconds]")
    wait_until(lambda: any(trial.state is TrialState.RUNNING for trial in trials(url)))
    survivor = start(fast, *own, "seconds=0.1", "hydra.sweeper.may_change=[seconds]")
    wait_until(lambda: sum(trial.state is TrialState.COMPLETE for trial in trials(url)) == 5)
    assert [trial.number for trial in trials(url) if trial.state is TrialState.RUNNING] == [
        0
    ]  # it beats: none takes it
    kill_all(slow)
    doomed.communicate()
    out, err = survivor.communicate(timeout=60)
    assert survivor.returncode == 0, err
    assert "1 trial of another command runs still" in out
    [lost] = [trial for trial in trials(url) if "lost" in trial.user_attrs]
    assert (lost.number, lost.state) == (0, TrialState.FAIL)
    complete = [trial for trial in trials(url) if trial.state is TrialState.COMPLETE]
    assert sorted(int(trial.params["n"]) for trial in complete) == list(range(1, 7))
    assert complete[-1].user_attrs["retry_of"] == 0


def test_worker_that_was_taken_for_dead_does_no_harm(postgresql: Database, tmp_path: Path) -> None:
    """One that is stopped for longer than the grace period loses its trial, and goes on with others afterwards."""
    url = postgresql("frozen")
    one, two = folders(tmp_path, "one", "two")
    own = ("n=range(1,9)", "seconds=1.5", stored(url), NAME, "hydra.sweeper.grace_period=2")
    frozen = start(one, *own)
    wait_until(lambda: any(trial.state is TrialState.RUNNING for trial in trials(url)))
    os.killpg(frozen.pid, signal.SIGSTOP)
    other = start(two, *own)
    wait_until(lambda: any("lost" in trial.user_attrs for trial in trials(url)))
    os.killpg(frozen.pid, signal.SIGCONT)
    told = [process.communicate(timeout=90) for process in (frozen, other)]
    assert (frozen.returncode, other.returncode) == (0, 0), told
    complete = [trial for trial in trials(url) if trial.state is TrialState.COMPLETE]
    assert sorted(int(trial.params["n"]) for trial in complete) == list(range(1, 9))
    assert [trial.number for trial in trials(url) if trial.state is TrialState.FAIL] == [0]


def test_server_that_is_gone_is_told_in_one_line(postgresql: Database, tmp_path: Path) -> None:
    """What has finished is kept, and the same command goes on."""
    url = postgresql("gone")
    [folder] = folders(tmp_path, "one")
    own = ("n=range(1,9)", stored(url), NAME)
    process = start(folder, *own, "seconds=0.5", "hydra.sweeper.may_change=[seconds]")
    wait_until(lambda: any(trial.state is TrialState.COMPLETE for trial in trials(url)))
    with opened(postgresql("aside")).engine.connect() as connection:
        database = connection.execution_options(isolation_level="AUTOCOMMIT")
        database.exec_driver_sql("alter database gone allow_connections false")
        database.exec_driver_sql("select pg_terminate_backend(pid) from pg_stat_activity where datname = 'gone'")
        _, err = process.communicate(timeout=60)
        database.exec_driver_sql("alter database gone allow_connections true")
    assert process.returncode == 1
    assert "hydra.sweeper.storage '" in err
    assert "What has finished is kept; the same command with hydra.sweeper.study_name=toy goes on." in err
    assert "Traceback" not in err
    done = sweep(folder, *own, "seconds=0", "hydra.sweeper.may_change=[seconds]", "hydra.sweeper.grace_period=1")
    assert done.returncode == 0, done.stderr
    complete = [trial for trial in trials(url) if trial.state is TrialState.COMPLETE]
    assert sorted(int(trial.params["n"]) for trial in complete) == list(range(1, 9))


@pytest.mark.everything("submitit")
def test_slurms_launcher_in_its_local_form(tmp_path: Path) -> None:
    """hydra/launcher=submitit_local starts the workers as submitit_slurm does, but on this machine."""
    done = sweep(tmp_path, "n=1,2,3,4", "seconds=0.3", "hydra/launcher=submitit_local", "hydra.sweeper.workers=2", NAME)
    assert done.returncode == 0, done.stderr
    journal = JournalStorage(JournalFileBackend(str(tmp_path / "multirun/toy/study.journal")))
    found = optuna.load_study(study_name="toy", storage=journal).trials
    assert [(trial.state, trial.params["n"]) for trial in found] == [(TrialState.COMPLETE, n) for n in "1234"]
    assert len({trial.user_attrs["worker"] for trial in found}) == 2


@dataclass
class Cluster:
    """A Ray cluster of two nodes, each a process with others below it, on two of this machine's own addresses."""

    address: str
    node: psutil.Process

    def doing(self, trials: Sequence[FrozenTrial]) -> Mapping[str, Any]:
        """Return what is known of the trial that the second node runs now, if there is one."""
        own = {str(process.pid) for process in self.node.children(recursive=True)}
        running = [trial.user_attrs for trial in trials if trial.state is TrialState.RUNNING]
        running = [known for known in running if "worker" in known]
        return next((known for known in running if known["worker"].partition("@")[0].split("-")[-2] in own), {})

    def kill_node(self) -> None:
        """Kill the second node with everything on it, as if its machine were unplugged."""
        for process in [self.node, *self.node.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess):
                process.kill()


@contextmanager
def ray_nodes(number: int) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """Run a Ray cluster of so many nodes with a core each; yield its address and the nodes, and end them."""
    with TemporaryDirectory(prefix="ray") as folder, ExitStack() as nodes:
        address = f"127.0.0.2:{free_port()}"
        own = ["--block", "--num-cpus=1", "--object-store-memory=80000000", "--disable-usage-stats"]
        head = [f"--port={address.partition(':')[2]}", f"--temp-dir={folder}", "--include-dashboard=false"]
        started = [nodes.enter_context(node(*own, "--head", "--node-ip-address=127.0.0.2", *head, cwd=folder))]
        wait_until(lambda: is_open(address))
        for n in range(1, number):
            more = (f"--node-ip-address=127.0.0.{2 + n}", f"--address={address}")
            started.append(nodes.enter_context(node(*own, *more, cwd=folder)))
        yield address, started


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """Run a Ray cluster of two nodes with a core each."""
    with ray_nodes(2) as (address, (_, second)):
        wait_until(lambda: any("raylet" in below.name() for below in descendants(second.pid)))
        yield Cluster(address, psutil.Process(second.pid))


@contextmanager
def node(*options: str, cwd: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a node of a Ray cluster, and end it with everything on it."""
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    env = {key: value for key, value in os.environ.items() if key != "RAY_ADDRESS"}
    with subprocess.Popen(["ray", "start", *options], cwd=cwd, env=env, start_new_session=True, **quiet) as process:
        try:
            yield process
        finally:
            below = descendants(process.pid)
            process.terminate()
            process.wait(timeout=60)
            _, alive = psutil.wait_procs(below, timeout=20)
            for one in alive:
                one.kill()


def descendants(pid: int) -> list[psutil.Process]:
    """Return the processes below this one, none where it is gone."""
    try:
        return list(psutil.Process(pid).children(recursive=True))
    except psutil.NoSuchProcess:
        return []


def is_open(address: str) -> bool:
    """Tell whether somebody listens there."""
    host, _, port = address.partition(":")
    try:
        socket.create_connection((host, int(port)), timeout=1).close()
    except OSError:
        return False
    return True


def test_server_that_keeps_something_else_is_left_as_it_is(postgresql: Database, tmp_path: Path) -> None:
    """A database whose tables Alembic knows as another program's, such as MLflow's, gets none of a study's."""
    engine = create_engine(url := postgresql("of_mlflow"))
    with engine.begin() as connection:
        connection.execute(text("create table alembic_version (version_num varchar(32) not null)"))
        connection.execute(text("insert into alembic_version values ('dc11669786a5')"))
    done = sweep(tmp_path, "n=1,2", stored(url), NAME)
    assert done.returncode == 1
    assert "is the database of something else, such as MLflow. Choose another one for studies." in done.stderr
    assert inspect(engine).get_table_names() == ["alembic_version"]
    engine.dispose()


@pytest.mark.everything("ray")
def test_one_of_two_nodes_dies(cluster: Cluster, postgresql: Database, server: str, tmp_path: Path) -> None:
    """Ray's node is unplugged in the middle of a trial: the study reaches its total, and the best trial is champion."""
    home, url = Home(tmp_path), postgresql("nodes")
    ray = ("hydra/launcher=ray", f"hydra.launcher.ray.init.address={cluster.address}", "hydra.sweeper.workers=2")
    data = ("data=csv", f"data.path={write_houses(tmp_path)}", "data.target=price", "n_splits=2")
    space = ("model=gradient_boosting", "model.max_iter=range(200,1000,100)", "hydra.sweeper.pruner=null")
    kept = (stored(url), "tracking=server", f"tracking.uri={server}", "hydra.sweeper.study_name=nodes")
    words = ("-m", *data, *space, *ray, "+hydra.launcher.ray.init._node_ip_address=127.0.0.2", *kept)
    with home.start_training(*words) as sweep:
        wait_until(lambda: sum(trial.state is TrialState.COMPLETE for trial in trials(url, "nodes")) >= 2, seconds=240)
        wait_until(lambda: "mlflow_run_id" in cluster.doing(trials(url, "nodes")))
        cluster.kill_node()
        _, err = sweep.communicate(timeout=240)
    assert sweep.returncode == 0, err
    found = trials(url, "nodes")
    [lost] = [trial for trial in found if "lost" in trial.user_attrs]
    complete = [trial for trial in found if trial.state is TrialState.COMPLETE]
    assert sorted(trial.params["model.max_iter"] for trial in complete) == list(range(200, 1000, 100))
    assert len(found) == 9
    client = mlflow.MlflowClient(server)
    [version] = client.search_model_versions("name = 'houses_predictor'")
    best = min(complete, key=lambda trial: trial.value or 0.0)
    assert client.get_run(version.run_id).data.params["max_iter"] == str(best.params["model.max_iter"])
    assert client.get_model_version_by_alias("houses_predictor", "champion").version == version.version
    assert client.get_run(lost.user_attrs["mlflow_run_id"]).info.status == "KILLED"
    [experiment] = [one for one in client.search_experiments() if one.name == "houses_prediction"]
    assert not client.search_runs([experiment.experiment_id], "attributes.status = 'RUNNING'")


@pytest.mark.everything("ray")
def test_no_cluster_is_answered(tmp_path: Path) -> None:
    """Nothing is started, and nothing waited for, where there is no cluster."""
    address = f"hydra.launcher.ray.init.address=127.0.0.1:{free_port()}"
    done = sweep(tmp_path, "n=1,2", "hydra/launcher=ray", address, NAME)
    assert done.returncode == 1
    assert f"There is no Ray cluster at {address}. `ray start --head` starts one" in done.stderr
