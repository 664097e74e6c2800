"""Decides where the database, the artifacts and the outputs live; what goes into them is decided elsewhere."""

import os
from pathlib import Path

from omegaconf import OmegaConf

REPOSITORY = Path(__file__).resolve().parents[2]
CONF = REPOSITORY / "conf"
VARIABLE = "MLFLOW_TRACKING_URI"
SQLITE = "sqlite:///"


def home() -> Path:
    """Return the folder CHAMPION_HOME names, or else the repository (the working directory where there is none).

    The choice is put into the environment, where conf/ and every process started from here find it. What is empty there
    says nothing, to conf/ as to MLflow.
    """
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
    home()  # conf/ needs CHAMPION_HOME
    if not (CONF / "config.yaml").is_file():
        uri = os.environ.get(VARIABLE)
    else:
        [option] = [entry.tracking for entry in OmegaConf.load(CONF / "config.yaml").defaults if "tracking" in entry]
        uri = OmegaConf.load(CONF / "tracking" / f"{option}.yaml").uri
    return absolute(uri) if uri else None


def absolute(uri: str) -> str:
    """Return the address with the path of an SQLite file seen from the root, and any other one as it is."""
    file = uri.removeprefix(SQLITE)
    return uri if file in ("", uri) else f"{SQLITE}{Path(file).absolute()}"


def other_clone() -> Path | None:
    """Return the source folder of the clone that the working directory is, or None where it is this one, or none."""
    source = Path.cwd() / "src"
    is_clone = (source / "champion" / "__main__.py").is_file() and (source.parent / "conf" / "config.yaml").is_file()
    return source if is_clone and source.resolve() != REPOSITORY / "src" else None
