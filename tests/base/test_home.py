"""home.py: where things are kept."""

import os
import shutil
from pathlib import Path

import pytest
import yaml
from sqlalchemy import make_url

from champion.base.home import home, sqlite, tracking_uri
from tests import python
from tests.conftest import REPOSITORY, Home
from tests.sweeper.test_address import ODD

TEAMS = "sqlite:////srv/team.db"


def test_home_is_the_repository_wherever_the_command_is_typed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Typing the command elsewhere scatters no databases."""
    monkeypatch.delenv("CHAMPION_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    assert home() == REPOSITORY
    assert os.environ["CHAMPION_HOME"] == str(REPOSITORY)


def test_home_is_where_the_environment_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """CHAMPION_HOME moves everything; a relative path is made absolute once."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CHAMPION_HOME", "here")
    assert home() == tmp_path / "here"
    monkeypatch.chdir("/")
    assert home() == tmp_path / "here"


def test_config_puts_everything_into_the_home(tmp_path: Path) -> None:
    """Database, artifacts and outputs follow it, as --cfg shows."""
    shown = Home(tmp_path).train("--cfg", "all", "--resolve", check=True).stdout
    for part in (
        f"sqlite:///{tmp_path}/mlflow.db",
        f"{tmp_path}/mlruns",
        f"{tmp_path}/outputs/",
        f"{tmp_path}/multirun/",
    ):
        assert part in shown


@pytest.mark.parametrize(
    ("variable", "words", "found"),
    [
        (None, [], "sqlite:///{home}/mlflow.db"),
        ("", [], "sqlite:///{home}/mlflow.db"),
        (TEAMS, [], TEAMS),
        (TEAMS, ["tracking=server"], TEAMS),
        (TEAMS, ["tracking=local"], "sqlite:///{home}/mlflow.db"),
        (TEAMS, ["tracking.uri=sqlite:////srv/mine.db"], "sqlite:////srv/mine.db"),
        (None, ["tracking=server"], "http://127.0.0.1:5000"),
    ],
)
def test_command_line_goes_before_the_variable_and_that_before_conf(
    tmp_path: Path, variable: str | None, words: list[str], found: str
) -> None:
    """What is typed decides, then MLFLOW_TRACKING_URI, then the files of conf/tracking/."""
    home = Home(tmp_path)
    env = home.env | ({} if variable is None else {"MLFLOW_TRACKING_URI": variable})
    shown = home.train(*words, "--cfg", "job", "--resolve", "-p", "tracking", env=env, check=True).stdout
    assert f"uri: {found.format(home=tmp_path)}\n" in shown


def test_without_a_word_all_look_where_training_does(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is found without composing the config is what composing it finds: the variable, or else the home."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert tracking_uri() == home.uri
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")
    assert tracking_uri() == home.uri
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///team.db")
    assert tracking_uri() == f"sqlite:///{Path.cwd()}/team.db"


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make another clone, beside the one that these tests have installed; its code differs in a word."""
    folder = tmp_path_factory.mktemp("clone")
    for part in ("src/champion", "src/hydra_plugins", "conf"):
        shutil.copytree(REPOSITORY / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(REPOSITORY / "serve.py", folder)
    connection = folder / "src" / "champion" / "tracking" / "connection.py"
    connection.write_text(connection.read_text().replace("There is no champion yet", "There is no champion here"))
    return folder


@pytest.mark.parametrize("words", [("serve.py", "--port", "0"), ("-m", "champion", "status")])
def test_a_clone_uses_its_own_code_and_home(clone: Path, words: tuple[str, ...]) -> None:
    """Typed in a clone, a command is that clone's, whichever one is installed."""
    env = {key: value for key, value in os.environ.items() if key != "CHAMPION_HOME"}
    env["PYTHONPATH"] = str(REPOSITORY / "src")  # as where this repository is installed
    done = python.run(*words, cwd=clone, env=env, cold=True)
    assert done.stderr.startswith(f"Error: There is no champion here, nor a database {clone}/mlflow.db."), done.stderr


def test_address_of_a_database_leads_to_its_file(tmp_path: Path) -> None:
    """Whatever the path holds, the address that conf/ makes of it is read as that path."""
    for folder in ("plain", "with blanks", ODD):
        file = tmp_path / folder / "mlflow.db"
        assert make_url(sqlite(file)).database == str(file)
        shown = Home(file.parent).train("--cfg", "job", "--resolve", "--package", "tracking", check=True).stdout
        found = yaml.safe_load(shown)
        assert (found["uri"], found["artifacts"]) == (sqlite(file), f"{file.parent}/mlruns")
