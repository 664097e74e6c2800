"""tracking.py: connect, start a run, log to it, end it."""

import http.server
import os
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import mlflow
import optuna
import pytest
from mlflow.entities import Run as MlflowRun
from mlflow.entities import RunInfo
from mlflow.store.tracking.dbmodels.models import SqlDataset
from sqlalchemy import event, make_url

from champion import tracking
from champion.base.errors import ConfigError, TrackingError
from champion.base.home import sqlite
from champion.data import Dataset
from champion.tracking import patience, process, provenance
from champion.tracking import run as of_runs
from tests.conftest import Home, free_port
from tests.sweeper.test_address import ODD


@pytest.fixture
def wrong_server() -> Iterator[str]:
    """Serve HTTP that isn't MLflow's."""
    server = http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def start(home: Home, small: Dataset, **options: object) -> AbstractContextManager[tracking.Run]:
    """Start a run of the small table."""
    given = {
        "name": "random_forest_3",
        "artifacts": str(home.folder / "mlruns"),
        "folder": home.folder,
        "data": small.summary,
        "typical": small,
        "params": {"n_estimators": 3},
        "tags": {},
        "config": lambda: "seed: 42",
    }
    return tracking.start_run("houses_prediction", **{**given, **options})  # type: ignore[arg-type]


def only_run(home: Home) -> MlflowRun:
    """Return the single run of the experiment."""
    experiment = home.client.get_experiment_by_name("houses_prediction")
    [run] = home.client.search_runs([experiment.experiment_id])
    return run


def test_run_is_remembered_while_the_work_goes_on(home: Home, small: Dataset) -> None:
    """Params, data and config are there before it ends."""
    with start(home, small) as begun:
        assert begun.id == (run := only_run(home)).info.run_id
        assert run.info.status == "RUNNING"
        assert run.data.params == {"n_estimators": "3"}
        assert run.inputs.dataset_inputs[0].dataset.digest == small.fingerprint
    assert only_run(home).info.status == "FINISHED"


def test_work_waits_for_nothing_that_mlflow_does(home: Home, small: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run begins there beside the work, which may end without it, and is over when it has begun and ended there."""
    create, works = of_runs._create, threading.Event()

    def slow(*args: Any) -> RunInfo:
        assert works.wait(30)
        return create(*args)

    monkeypatch.setattr(of_runs, "_create", slow)
    with start(home, small):
        works.set()
    assert only_run(home).info.status == "FINISHED"


def test_refusal_beside_the_work_is_raised(home: Home, small: Dataset) -> None:
    """What MLflow doesn't take ends the work that began, whatever else goes wrong there; the run says so, too."""
    says = 'Invalid value "" for parameter'
    with pytest.raises(TrackingError, match=says), start(home, small, params={"": 1}) as begun:
        _ = begun.id
    with pytest.raises(TrackingError, match=says), start(home, small, params={"": 1}):
        raise ValueError("too many")
    experiment = home.client.get_experiment_by_name("houses_prediction")
    for found in home.client.search_runs([experiment.experiment_id]):
        assert found.info.status == "FAILED"
        assert says in found.data.tags["reason"]


def test_table_that_another_run_adds_at_the_same_moment_is_shared(home: Home, small: Dataset) -> None:
    """Two runs that begin at once log the same table, and neither fails for it."""
    with start(home, small, data=replace(small.summary, fingerprint="before")) as other:
        theirs = other.id

    table, waiting = provenance.dataset_input(small.summary, small), [theirs]

    def quicker(*_: object) -> None:
        if waiting:
            home.client.log_inputs(waiting.pop(), [table])

    event.listen(SqlDataset, "before_insert", quicker)
    with start(home, small) as ours:
        _ = ours.id
    event.remove(SqlDataset, "before_insert", quicker)
    for run_id in (theirs, ours.id):
        run = home.client.get_run(run_id)
        assert small.fingerprint in {one.dataset.digest for one in run.inputs.dataset_inputs}
        assert run.info.status == "FINISHED"


def test_work_that_is_told_to_stop_waits_no_longer(home: Home, small: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that doesn't answer keeps nobody who is to stop."""
    stopped = threading.Event()
    monkeypatch.setattr(of_runs, "_create", lambda *_: stopped.wait(30))
    monkeypatch.setattr(patience, "HURRIED", 0.1)
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt), start(home, small):
        raise KeyboardInterrupt
    assert time.monotonic() - began < 20
    stopped.set()


def test_artifacts_lie_where_the_config_says(home: Home, small: Dataset) -> None:
    """A file that is logged is found below tracking.artifacts, wherever the command was typed."""
    file = home.folder / "note.txt"
    file.write_text("hello")
    with start(home, small) as run:
        run.log_files(file)
    [kept] = list((home.folder / "mlruns").rglob("note.txt"))
    assert kept.read_text() == "hello"
    assert not (Path.cwd() / "mlruns" / "houses_prediction").exists()


@pytest.mark.parametrize(
    ("error", "status"), [(ValueError, "FAILED"), (KeyboardInterrupt, "KILLED"), (SystemExit, "KILLED")]
)
def test_run_that_breaks_off_says_why(home: Home, small: Dataset, error: type[BaseException], status: str) -> None:
    """No run is left RUNNING by an exception, and its tag tells the reason."""
    with pytest.raises(error), start(home, small):
        raise error("the reason")
    run = only_run(home)
    assert (run.info.status, run.data.tags["reason"]) == (status, f"{error.__name__}: the reason")
    assert not (home.folder / ".running").exists()


def test_passwords_are_not_remembered(home: Home, small: Dataset) -> None:
    """A password in a URL reaches neither tags nor the config artifact."""
    secret = "postgresql://me:hunter2@db/mlflow"  # noqa: S105, the point of the test
    with start(home, small, tags={"command": f"train tracking.uri={secret}"}, config=lambda: f"uri: {secret}"):
        pass
    kept = [path.read_text() for path in (home.folder / "mlruns").rglob("config.yaml")]
    assert kept == ["uri: postgresql://me:***@db/mlflow"]
    assert "hunter2" not in str(only_run(home).data.tags)


def test_deleted_experiment_is_answered(home: Home, small: Dataset) -> None:
    """A name that MLflow keeps in its bin is said to be there."""
    with start(home, small):
        pass
    home.client.delete_experiment(home.client.get_experiment_by_name("houses_prediction").experiment_id)
    with pytest.raises(TrackingError, match="experiment_name 'houses_prediction' was deleted"), start(home, small):
        pass


def test_artifact_is_fetched_or_isnt_there(home: Home, small: Dataset, tmp_path: Path) -> None:
    """What a run kept comes back; a run that is gone, or that lacks it, is no error."""
    file = home.folder / "note.txt"
    file.write_text("hello")
    with start(home, small) as run:
        run.log_files(file)
        run.set_tags({"decision": "promoted", "reason": "it won"})
    assert only_run(home).data.tags["reason"] == "it won"
    fetched = tracking.fetch(run.id, "note.txt", folder=str(tmp_path / "fetched"))
    assert fetched is not None
    assert fetched.read_text() == "hello"
    assert tracking.fetch(run.id, "nothing.txt", folder=str(tmp_path)) is None
    assert tracking.fetch("0" * 32, "note.txt", folder=str(tmp_path)) is None


def test_database_is_chosen_by_option_environment_or_config(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first of the three that says something is where models are looked for."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    tracking.connect_chosen(None)
    assert mlflow.get_tracking_uri() == home.uri
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/a.db")
    with pytest.raises(TrackingError, match=r"There is no champion yet, nor a database .*/a.db"):
        tracking.connect_chosen(None)
    with pytest.raises(TrackingError, match=r"There is no champion yet, nor a database .*/b.db"):
        tracking.connect_chosen(f"sqlite:///{tmp_path}/b.db")


def test_wrong_server_is_answered(wrong_server: str) -> None:
    """A server that isn't MLflow's is told from one that is."""
    with pytest.raises(TrackingError, match="is no MLflow server that answers: status 501"):
        tracking.connect(wrong_server)


def test_server_that_isnt_there_is_answered_by_the_name_it_was_given_by(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The option, the variable or the key is named, and the command that starts a server at that port."""
    uri = f"http://127.0.0.1:{free_port()}"
    start = f"Start one with `mlflow server --port {uri.rpartition(':')[2]}`"
    with pytest.raises(TrackingError, match=rf"^tracking\.uri '{uri}' .* {start}, or choose tracking=local\."):
        tracking.connect(uri)
    with pytest.raises(TrackingError, match=rf"^--tracking-uri '{uri}' .* {start}, or give another --tracking-uri\."):
        tracking.connect_chosen(uri)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    with pytest.raises(TrackingError, match=rf"^MLFLOW_TRACKING_URI '{uri}'"):
        tracking.connect_chosen(None)
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", uri)
    with pytest.raises(TrackingError, match=rf"^MLFLOW_REGISTRY_URI '{uri}'"):
        tracking.connect(home.uri)


def test_variable_stays_as_the_shell_has_it(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """MLflow puts its address into the environment, where the next one to ask would take it for the user's."""
    for value in (None, "sqlite:////srv/team.db"):
        monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
        if value:
            monkeypatch.setenv("MLFLOW_TRACKING_URI", value)
        mlflow.set_tracking_uri("sqlite:////srv/other.db")
        os.environ.pop("MLFLOW_TRACKING_URI") if value is None else os.environ.update(MLFLOW_TRACKING_URI=value)
        tracking.connect(home.uri)
        assert os.environ.get("MLFLOW_TRACKING_URI") == value


def test_address_must_be_text() -> None:
    """A null address is a mistake in the config."""
    with pytest.raises(ConfigError, match=r"tracking\.uri must be the address"):
        tracking.connect(None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("runs.db", "is a path. An SQLite file is written sqlite:///{cwd}/runs.db."),
        ("127.0.0.1:5000", "must begin with http:// for a server, as in http://127.0.0.1:5000."),
        ("", "must be the address of a database or an MLflow server"),
        ("sqlite://runs.db", "three slashes and its path, as in sqlite:///{cwd}/runs.db."),
        ("sqlite:///", "three slashes and its path"),
        ("postgres://me:secret@host/x", "SQLAlchemy knows PostgreSQL as postgresql://, not postgres://."),
        ("postgresql://me:secret@host:port/x", "it is no address that can be read"),
        ("mysql://me:secret@host/x", "`pip install pymysql` installs that of mysql+pymysql://."),
        ("http:/127.0.0.1:9", "is no MLflow server that answers"),
        ("postgresql://me:secret@127.0.0.1:9/x", "Connection refused"),
    ],
)
def test_address_that_leads_nowhere_says_what_to_write(address: str, says: str) -> None:
    """One line within seconds: the address that was meant, or what installs the driver that is missing."""
    began = time.monotonic()
    with pytest.raises((ConfigError, TrackingError)) as refused:
        tracking.connect(address)
    assert says.format(cwd=Path.cwd()) in str(refused.value)
    assert "secret" not in str(refused.value)
    assert time.monotonic() - began < 15


def test_database_of_studies_is_left_as_it_is(tmp_path: Path) -> None:
    """MLflow's tables would clash with Optuna's: not one is added."""
    address = f"sqlite:///{tmp_path}/studies.db"
    optuna.create_study(storage=address)
    before = (tmp_path / "studies.db").read_bytes()
    with pytest.raises(TrackingError, match=r"is the database of something else, such as Optuna's studies\. Choose"):
        tracking.connect(address)
    assert (tmp_path / "studies.db").read_bytes() == before


@pytest.mark.parametrize("folder", ["here", "with blanks", ODD])
def test_database_is_found_whatever_its_path_holds(
    empty_home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    """MLflow opens the file that is meant, relative or not, and makes no folder beside it."""
    (tmp_path / folder).mkdir()
    empty_home.copy(tmp_path / folder)
    monkeypatch.chdir(tmp_path / folder)
    for address in (sqlite(tmp_path / folder / "mlflow.db"), "sqlite:///mlflow.db", "sqlite:///mlflow.db?timeout=9"):
        tracking.connect(address, create=False)
        assert make_url(mlflow.get_tracking_uri()).database == f"{tmp_path / folder}/mlflow.db"
        assert mlflow.MlflowClient().get_experiment("0").name == "Default"
    assert [path.name for path in tmp_path.iterdir()] == [folder]


def test_looking_creates_no_database(tmp_path: Path) -> None:
    """Who only wants to read is told that there is nothing, and leaves nothing."""
    with pytest.raises(TrackingError, match="There is no champion yet"):
        tracking.connect(f"sqlite:///{tmp_path / 'mlflow.db'}", create=False)
    assert not list(tmp_path.iterdir())


def test_ui_command_is_bare_where_mlflow_looks_by_itself(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the folder of mlflow.db the command needs no address."""
    assert tracking.ui_command() == f"mlflow ui --backend-store-uri {home.uri}"
    monkeypatch.chdir(home.folder)
    assert tracking.ui_command() == "mlflow ui"


def test_run_that_ends_while_it_is_looked_at_stays_finished(
    home: Home, small: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that ends between being listed as running and its process being looked for was not killed."""
    running = start(home, small)
    begun = running.__enter__()

    def is_alive(_: Path) -> bool:
        running.__exit__(None, None, None)
        return False

    monkeypatch.setattr(process, "_is_alive", is_alive)
    process.close_killed_runs(home.client.get_run(begun.id).info.experiment_id)
    assert only_run(home).info.status == "FINISHED"


def test_lost_runs_of_other_machines_are_closed(home: Home, small: Dataset) -> None:
    """A run whose trial the study has given up is marked, wherever its worker was; others of that host are left."""
    parent, lost, going = (home.start_run(small, name=name) for name in ("parent", "lost", "going"))
    with parent as run, lost as its, going as others:
        for one in (its, others):
            home.client.set_tag(one.id, "host", "another-machine")
        run.close_lost({its.id, "one that is gone"})
        states = {one.name: home.client.get_run(one.id).info.status for one in (run, its, others)}
    assert states == {"parent": "RUNNING", "lost": "KILLED", "going": "RUNNING"}
