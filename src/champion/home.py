"""Decides where the database, the artifacts and the outputs live; what goes into them is decided elsewhere."""

import os
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


def home() -> Path:
    """Return the folder CHAMPION_HOME names, or else the repository (the working directory where there is none).

    The choice is put into the environment, where conf/ and every process started from here find it.
    """
    default = REPOSITORY if (REPOSITORY / "conf" / "config.yaml").is_file() else Path.cwd()
    folder = Path(os.environ.get("CHAMPION_HOME") or default).resolve()
    os.environ["CHAMPION_HOME"] = str(folder)
    return folder
