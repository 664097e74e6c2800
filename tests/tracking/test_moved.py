"""moved.py: a project that was moved, or copied."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from champion import registry, tracking
from champion.base.errors import TrackingError
from tests.conftest import SMALL, Home


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Train a first champion in a project whose folder has a name that addresses write otherwise."""
    (folder := tmp_path_factory.mktemp("before") / "my prôject").mkdir()
    home = Home(folder)
    done = home.train(*SMALL, "promote=true")
    assert done.returncode == 0, done.stderr
    return home


@pytest.fixture(scope="module")
def moved(trained: Home, tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, Path, str]:
    """Move it, and train there; return the home, where it was, and what was printed."""
    there = Home(tmp_path_factory.mktemp("after") / "project")
    copied = tmp_path_factory.mktemp("copy") / "project"  # for the tests of copies
    shutil.copytree(trained.folder, copied)
    shutil.move(trained.folder, there.folder)
    done = there.train(*SMALL, "promote=true", "model.max_iter=11")
    assert done.returncode == 0, done.stderr
    shutil.copytree(copied, trained.folder)
    return there, trained.folder, done.stdout + done.stderr


@pytest.fixture
def copy(moved: tuple[Home, Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """Copy what lies where it was trained, and make that the home."""
    copy = Home(tmp_path / "copy")
    shutil.copytree(moved[1], copy.folder)
    monkeypatch.setenv("CHAMPION_HOME", str(copy.folder))
    return copy


def files(home: Path) -> list[str]:
    """Return the folders of runs and models."""
    return sorted(str(file.relative_to(home)) for file in home.glob("mlruns/*/*"))


def test_a_moved_project_keeps_its_champion(moved: tuple[Home, Path, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The final is held against the model that was champion in the old place, whose files are found in the new one."""
    home, _, printed = moved
    assert "can't be loaded" not in printed
    monkeypatch.setenv("CHAMPION_HOME", str(home.folder))
    tracking.connect(home.uri)
    first, second = registry.versions("housing_price_predictor")
    assert "version 1" in second.reason
    assert registry.try_out(first)


def test_a_moved_project_trains_into_the_new_place(moved: tuple[Home, Path, str]) -> None:
    """New files lie beside the old ones, every address names the new place, and it is said once."""
    home, before, printed = moved
    assert len(files(home.folder)) == 3  # two runs, and the folder of their models
    assert printed.count(f"What lay in {before} lies in {home.folder} now: mlflow.db follows.") == 1
    with closing(sqlite3.connect(home.folder / "mlflow.db")) as database:
        assert before.as_uri() not in "".join(database.iterdump())


def test_a_copied_project_leaves_the_other_one_alone(moved: tuple[Home, Path, str], copy: Home) -> None:
    """A copy uses its own files, though those that it was copied from are there still."""
    original = moved[1]
    tracking.connect(copy.uri)
    experiment = copy.client.get_experiment_by_name("housing_price_prediction")
    assert experiment.artifact_location == (copy.folder / "mlruns" / "housing_price_prediction").as_uri()
    tracking.connect(Home(original).uri)
    kept = Home(original).client.get_experiment_by_name("housing_price_prediction")
    assert kept.artifact_location == (original / "mlruns" / "housing_price_prediction").as_uri()


def test_files_that_are_gone_are_asked_for_before_training(moved: tuple[Home, Path, str], tmp_path: Path) -> None:
    """A database that was moved alone gets one line before the first fold, and the old place isn't made again."""
    home, _, _ = moved
    database = home.copy(tmp_path)
    kept = home.folder.rename(home.folder.with_name("away"))
    try:
        done = database.train(*SMALL)
        assert not home.folder.exists()
    finally:
        kept.rename(home.folder)
    assert done.returncode == 1
    assert "fold 1" not in done.stdout
    folder = home.folder / "mlruns" / "housing_price_prediction"
    assert f"Error: experiment_name 'housing_price_prediction' keeps its files in {folder}" in done.stderr
    assert done.stderr.count("\n") == 1


def test_addresses_that_cant_be_written_are_answered(copy: Home) -> None:
    """A moved project that is only to be read says what is wrong."""
    with closing(sqlite3.connect(copy.folder / "mlflow.db")) as database, database:
        database.execute("create trigger kept before update on runs begin select raise(abort, 'read only'); end")
    with pytest.raises(TrackingError, match=r"can't follow their files, which were moved: read only\."):
        tracking.connect(copy.uri)
