"""Decides what an address of a database or a file means, and what to write where nothing can be kept there."""

import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra_plugins.champion_sweeper._errors import SweepError

if TYPE_CHECKING:
    from sqlalchemy import URL

SQLITE = (".db", ".db3", ".sqlite", ".sqlite3")  # what the names of SQLite's files end in
MAGIC = b"SQLite format 3\0"  # what they begin with, https://www.sqlite.org/fileformat.html
# What installs a driver that works, by the kind of database.
DRIVERS = {
    "postgresql": "`pip install -e '.[postgresql]'` installs that of postgresql://",
    "mysql": "`pip install pymysql` installs that of mysql+pymysql://",
    "mariadb": "`pip install pymysql` installs that of mariadb+pymysql://",
}
# Imported where they are needed, as SQLAlchemy takes a fifth of a second, and whoever asks for --help does without.


def database(address: str) -> "URL":
    """Return what a database's address says, with the path of an SQLite file made absolute.

    Raises ValueError with the reason, and what to write instead, where nothing can be kept there.
    """
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    kind = re.split(r"[:+]", address, maxsplit=1)[0]
    if kind == "postgres":
        raise ValueError("SQLAlchemy knows PostgreSQL as postgresql://, not postgres://")
    try:
        url = make_url(address)
    except (ArgumentError, ValueError) as error:
        written = sqlite(Path("FILE")) if kind == "sqlite" else f"{kind}://USER@HOST:PORT/NAME"
        raise ValueError(f"it is no address that can be read; one is written {written}") from error
    _check_driver(url)
    return _whole(url, address) if kind == "sqlite" else url


def _check_driver(url: "URL") -> None:
    from sqlalchemy.exc import NoSuchModuleError

    try:
        dialect = url.get_dialect()
        dialect.import_dbapi()
    except NoSuchModuleError as error:
        known = "sqlite:///FILE, postgresql:// or mysql+pymysql://"
        raise ValueError(f"'{url.drivername}' is no database that SQLAlchemy knows; write {known}") from error
    except ImportError as error:
        remedy = DRIVERS.get(url.get_backend_name(), f"`pip install {error.name}` installs it, mostly")
        raise ValueError(f"its driver isn't installed; {remedy}") from error


def _whole(url: "URL", address: str) -> "URL":
    """Return the URL of an SQLite file with its whole path; raise ValueError where SQLite would open something else."""
    query = address.partition("?")[2]
    is_file = not url.host and url.database not in (None, "", ":memory:")
    if is_file and set(url.query) == ({"timeout"} if query else set()):
        return url.set(database=str(Path(str(url.database)).absolute()))
    meant = "/".join(part for part in (url.host, url.database) if part and part != ":memory:") or "FILE"
    raise ValueError(
        "an SQLite file is written with three slashes and its path, as in"
        f" {sqlite(Path(f'{meant}?{query}' if query else meant))}"
    )


def sqlite(file: Path) -> str:
    """Return the address of an SQLite file, whatever characters its path holds."""
    from sqlalchemy import URL

    return URL.create("sqlite", database=str(file.absolute())).render_as_string()


def storage(given: str, *, reserved: Iterable[Any] = ()) -> str:
    """Return where a study is kept: a database's whole address, or the absolute path of a journal file.

    Raises SweepError where it can't be, is one of the databases that are `reserved`, or the file is SQLite's.
    """
    if "://" in given or given.startswith("sqlite:"):
        try:
            url = database(given)
        except ValueError as error:
            raise SweepError(f"hydra.sweeper.storage '{shown(given)}' can't be opened: {error}.") from error
        _check_free(url, given, reserved)
        return url.render_as_string(hide_password=False)
    file = Path(given).absolute()
    if _is_sqlite(file):
        _check_free(database(sqlite(file)), given, reserved)
        raise SweepError(
            f"hydra.sweeper.storage '{given}' is the path of an SQLite file: write"
            f" hydra.sweeper.storage={sqlite(file)}, or another name, such as study.journal, for one of its own kind."
        )
    return str(file)


def _check_free(url: "URL", given: str, reserved: Iterable[Any]) -> None:
    if any(_place(url) == _place(other) for other in map(_read, reserved) if other):
        raise taken(given)


def taken(address: str) -> SweepError:
    """Return what is said of a database whose tables are something else's, or are to be."""
    return SweepError(
        f"hydra.sweeper.storage '{shown(address)}' is the database of something else, such as MLflow."
        " Choose another one for studies."
    )


def _read(address: Any) -> "URL | None":
    with suppress(ValueError):
        return database(str(address))
    return None


def _place(url: "URL") -> tuple[object, ...]:
    kind, name = url.get_backend_name(), str(url.database)
    return kind, url.host, url.port, Path(name).resolve() if kind == "sqlite" else name


def _is_sqlite(file: Path) -> bool:
    """Tell whether SQLite has written the file; where there is none yet, whether its name says that it is to."""
    try:
        with file.open("rb") as opened:
            return opened.read(len(MAGIC)) == MAGIC
    except FileNotFoundError:
        return file.suffix.lower() in SQLITE
    except OSError:
        return False


def shown(address: str) -> str:
    """Return an address without its password."""
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(address) if "://" in address else None
    except (ArgumentError, ValueError):
        return f"{address.partition('://')[0]}://…"
    return address if url is None or url.password is None else url.render_as_string(hide_password=True)
