"""_address.py: what the address of a database or a file means to a sweep."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import optuna
import pytest

from hydra_plugins.champion_sweeper import _address, database
from hydra_plugins.champion_sweeper._errors import SweepError

ODD = "a%20b %2F?x#y'z \"é&,[(1)]"  # what has a meaning in an address, or in Hydra's grammar


def write_sqlite(file: Path) -> Path:
    """Make an SQLite file with a table."""
    with closing(sqlite3.connect(file)) as made:
        made.execute("create table anything (name text)")
    return file


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("postgres://me:secret@host/x", "SQLAlchemy knows PostgreSQL as postgresql://, not postgres://"),
        ("postgresql://me:secret@host:port/x", "one is written postgresql://USER@HOST:PORT/NAME"),
        ("mysql://me:secret@host/x", "`pip install pymysql` installs that of mysql+pymysql://"),
        ("postgresql+pg8000://me:secret@host/x", "`pip install -e '.[postgresql]'` installs that of postgresql://"),
        ("foo://me:secret@host/x", "'foo' is no database that SQLAlchemy knows; write sqlite:///FILE, postgresql://"),
        ("sqlite://study.db", "three slashes and its path, as in sqlite:///{cwd}/study.db"),
        ("sqlite://data/study.db", "three slashes and its path, as in sqlite:///{cwd}/data/study.db"),
        ("sqlite:study.db", "one is written sqlite:///{cwd}/FILE"),
        ("sqlite://", "three slashes and its path, as in sqlite:///{cwd}/FILE"),
        ("sqlite:///:memory:", "three slashes and its path, as in sqlite:///{cwd}/FILE"),
        ("sqlite:////data/what?/study.db", "three slashes and its path, as in sqlite:////data/what%3F/study.db"),
    ],
)
def test_what_is_no_place_for_a_study_says_what_is(address: str, says: str) -> None:
    """An address that can't be used gets the one that can, or what installs its driver, and shows no password."""
    with pytest.raises(SweepError, match=r"hydra\.sweeper\.storage '.*' can't be opened: ") as refused:
        _address.storage(address)
    assert says.format(cwd=Path.cwd()) in str(refused.value)
    assert "secret" not in str(refused.value)
    assert "\n" not in str(refused.value)


def test_relative_file_lies_where_the_command_was_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker in another directory opens the same file."""
    monkeypatch.chdir(tmp_path)
    assert _address.storage("sqlite:///study.db") == f"sqlite:///{tmp_path}/study.db"
    assert _address.storage("study.journal") == f"{tmp_path}/study.journal"
    assert database("sqlite:///a%20b.db?timeout=9").database == f"{tmp_path}/a b.db"


def test_whatever_a_path_holds_is_kept(tmp_path: Path) -> None:
    """An address that is made of a path leads back to it, in Optuna too."""
    (folder := tmp_path / ODD).mkdir()
    address = _address.storage(_address.sqlite(folder / "study.db"))
    optuna.create_study(storage=address)
    assert [file.relative_to(tmp_path) for file in tmp_path.rglob("*.db")] == [Path(ODD) / "study.db"]


@pytest.mark.parametrize("name", ["study.db", "study.sqlite3", "study"])
def test_sqlite_file_is_no_journal(tmp_path: Path, name: str) -> None:
    """The path of an SQLite file, one that is there or one that is meant, gets its address."""
    file = tmp_path / name if "." in name else write_sqlite(tmp_path / name)
    with pytest.raises(SweepError, match=re.escape(f"write hydra.sweeper.storage=sqlite:///{file}, or another name")):
        _address.storage(str(file))
    assert file.exists() is (name == "study")


def test_journal_of_any_name_goes_on(tmp_path: Path) -> None:
    """A file that is no SQLite's is taken as what it is."""
    (file := tmp_path / "study.db").write_text("{}\n")
    assert _address.storage(str(file)) == str(file)


def test_reserved_database_is_no_place_for_a_study(tmp_path: Path) -> None:
    """However it is written, and whether or not it is there yet; what is no database reserves nothing."""
    (tmp_path / "link").symlink_to(tmp_path)
    reserved = ["http://127.0.0.1:5000", None, f"sqlite+pysqlite:///{tmp_path}/mlflow.db"]
    with pytest.raises(SweepError, match="is the database of something else, such as MLflow"):
        _address.storage(f"sqlite:///{tmp_path}/link/mlflow.db", reserved=reserved)
    assert _address.storage(f"sqlite:///{tmp_path}/other.db", reserved=reserved)
