"""invocation.py: commands that are printed work as printed, in the same shell."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import mlflow
import pytest
import yaml

from champion import registry, tracking
from champion.base import invocation
from champion.base.home import REPOSITORY, sqlite
from champion.data import Dataset
from tests.conftest import SMALL, Home, write_houses

SPELT = "the team's [1].db"  # what a shell, and Hydra, would take apart


@pytest.fixture(scope="module")
def typed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, Path, str]:
    """Train from another folder into a database that is named there; return home, folder and what was printed."""
    home, folder = Home(tmp_path_factory.mktemp("home")), tmp_path_factory.mktemp("my folder")
    write_houses(folder)
    done = home.train(
        *(*SMALL, "promote=true", "data=csv", "data.path=houses.csv", "data.target=price", "hydra.job.chdir=true"),
        *(f'tracking.uri="sqlite:///{SPELT}"', "tracking.artifacts=kept"),
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr
    return home, folder, done.stdout


def printed(text: str, label: str) -> str:
    """Return what stands behind a label."""
    return text.partition(f"\n{label} ")[2].partition("\n")[0].strip()


def shell(command: str, home: Home, folder: Path) -> subprocess.CompletedProcess[str]:
    """Let a shell run a command in a folder."""
    own = command.replace("python ", f"{shlex.quote(sys.executable)} ")
    return subprocess.run(own, shell=True, cwd=folder, env=home.env, capture_output=True, text=True, check=False)  # noqa: S602


def test_paths_are_those_of_the_shell_where_hydra_changes_the_directory(typed: tuple[Home, Path, str]) -> None:
    """With hydra.job.chdir=true data, database and artifacts are found and made where the command was typed."""
    home, folder, _ = typed
    assert {file.name for file in folder.iterdir()} - {f"{SPELT}.lock"} == {"houses.csv", SPELT, "kept"}
    assert not (home.folder / "mlflow.db").exists()
    assert list(folder.glob("kept/*/*/artifacts/config.yaml"))


def test_serve_command_works_as_printed(typed: tuple[Home, Path, str]) -> None:
    """From another folder, for a database with a name that needs quotes."""
    home, folder, text = typed
    done = shell(f"{printed(text, 'serve')} --examples", home, folder)
    assert done.returncode == 0, done.stderr
    assert "curl" in done.stdout


def test_ui_command_is_quoted(typed: tuple[Home, Path, str]) -> None:
    """The shell takes off what was added, and nothing else."""
    _, folder, text = typed
    assert shlex.split(printed(text, "compare")) == [
        "mlflow",
        "ui",
        "--backend-store-uri",
        sqlite(f"{folder}/{SPELT}"),
    ]


def test_remedy_trains_where_the_champion_was_looked_for(tmp_path: Path) -> None:
    """Who finds no database at --tracking-uri is told the command that makes it there."""
    home = Home(tmp_path)
    done = home.run("serve.py", "--port", "0", "--tracking-uri", f"sqlite:///{tmp_path}/{SPELT}")
    [command] = re.findall("`(.*)`", done.stderr)
    shown = shell(f"{command} --cfg job --resolve -p tracking", home, REPOSITORY).stdout
    assert yaml.safe_load(shown)["uri"] == sqlite(f"{tmp_path}/{SPELT}")


def test_model_is_named_only_where_it_is_needed(home: Home, small: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """With one champion and the database that is found without a word, nothing is added."""
    home.put_forward(small, name="houses")
    assert registry.serve_command("houses") == "python serve.py"
    assert registry.promote_command("houses", 1) == "python -m champion promote 1"
    home.put_forward(small, name="other houses")
    assert registry.promote_command("other houses", 2) == "python -m champion promote 2 --model 'other houses'"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:////srv/team.db")
    assert registry.serve_command("houses") == f"python serve.py --model houses --tracking-uri {home.uri}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", home.uri)
    assert registry.serve_command("houses") == "python serve.py --model houses"
    assert registry.train_command("houses") == "python src/train.py \"registered_model='houses'\""


def test_commands_find_the_repository_from_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In another folder a script is named by its path, and the package by where it is."""
    monkeypatch.chdir(tmp_path)
    uri = "sqlite:////srv/team.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    script = shlex.split(invocation.serve(uri=uri))[1]
    assert (tmp_path / script).resolve() == REPOSITORY / "serve.py"
    assert invocation.champion("rollback", uri=uri) == f"cd {REPOSITORY} && python -m champion rollback"


def test_command_that_was_typed_says_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a run keeps of its command finds the same files from any folder that it is pasted into."""
    words = ["data.path=my houses.csv", "tracking.uri=http://me:hunter2@mlflow"]
    monkeypatch.chdir(REPOSITORY)
    said = "'data.path=my houses.csv' 'tracking.uri=http://me:***@mlflow'"
    assert invocation.typed(words) == f"python src/train.py {said}"
    (folder := tmp_path / "my tables").mkdir()
    monkeypatch.chdir(folder)
    go, _, command = invocation.typed(words).partition(" && ")
    assert shlex.split(go) == ["cd", str(folder)]
    assert command.endswith(f"src/train.py {said}")
    assert (folder / shlex.split(command)[1]).resolve() == REPOSITORY / "src" / "train.py"


def test_password_stays_in_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that needs a password takes it from where the shell has it, and shows it to nobody."""
    uri = "postgresql://me:hunter2@db/mlflow"
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(uri)
    try:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        assert tracking.ui_command() == 'mlflow ui --backend-store-uri "$MLFLOW_TRACKING_URI"'
        assert invocation.serve(uri=uri) == "python serve.py"
        monkeypatch.delenv("MLFLOW_TRACKING_URI")
        assert "hunter2" not in tracking.ui_command() + invocation.serve(uri=uri) + invocation.train(uri=uri)
    finally:
        mlflow.set_tracking_uri(before)
