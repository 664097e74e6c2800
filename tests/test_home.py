"""home.py: where things are kept."""

import os
from pathlib import Path

import pytest

from champion.home import home
from tests.conftest import REPOSITORY, Home


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
