"""Decides where the database, the artifacts and the outputs live; what goes into them is decided elsewhere."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from omegaconf import OmegaConf

REPOSITORY = Path(__file__).resolve().parents[3]
CONF = REPOSITORY / "conf"
VARIABLE = "MLFLOW_TRACKING_URI"


def home() -> Path:
    """Return the folder CHAMPION_HOME names, or else the repository (the working directory where there is none).

    The choice is put into the environment, where conf/ and every process started from here find it, and conf/ can write
    the address of a database in it. What is empty there says nothing, to conf/ as to MLflow.
    """
    OmegaConf.register_new_resolver("sqlite", sqlite, replace=True)
    if not os.environ.get(VARIABLE):
        os.environ.pop(VARIABLE, None)
    default = REPOSITORY if (CONF / "config.yaml").is_file() else Path.cwd()
    folder = Path(os.environ.get("CHAMPION_HOME") or default).resolve()
    os.environ["CHAMPION_HOME"] = str(folder)
    return folder


def tracking_uri() -> str | None:
    """Return where runs and models are kept where the command line says nothing of it: what conf/ composes then.

    The files of conf/tracking/ ask for $MLFLOW_TRACKING_URI first. Without conf/ it is that variable, or None.
    """
    home()  # conf/ needs it
    if not (CONF / "config.yaml").is_file():
        uri = os.environ.get(VARIABLE)
    else:
        [option] = [entry.tracking for entry in OmegaConf.load(CONF / "config.yaml").defaults if "tracking" in entry]
        uri = OmegaConf.load(CONF / "tracking" / f"{option}.yaml").uri
    return absolute(uri) if uri else None


def absolute(uri: str) -> str:
    """Return the address with the path of an SQLite file seen from the root, and any other one as it is."""
    if not uri.startswith("sqlite"):
        return uri
    from sqlalchemy import make_url  # takes a moment, which --help spares

    url = make_url(uri)
    return sqlite(Path(url.database).absolute(), url.query) if url.database else uri


def sqlite(file: str | Path, query: Mapping[str, Any] | None = None) -> str:
    """Return MLflow's address of an SQLite file, whatever characters its path holds; conf/ calls it too."""
    from sqlalchemy import URL

    url = URL.create("sqlite", database=str(file), query=query or {})
    plain = url.render_as_string()
    # MLflow makes the folder that sqlite:/// names as it is written, escapes and all, but none where a driver is named.
    return plain if unquote(plain) == plain else url.set(drivername="sqlite+pysqlite").render_as_string()


def shown(folder: Path) -> str:
    """Return a folder as seen from the working directory."""
    return str(folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder)


def other_clone() -> Path | None:
    """Return the source folder of the clone that the working directory is, or None where it is this one, or none."""
    source = Path.cwd() / "src"
    is_clone = (source / "champion" / "__main__.py").is_file() and (source.parent / "conf" / "config.yaml").is_file()
    return source if is_clone and source.resolve() != REPOSITORY / "src" else None
