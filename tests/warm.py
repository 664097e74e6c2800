"""Runs of train.py that begin where its imports have ended: each is forked from one process that has done them."""

import multiprocessing
import os
import runpy
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

TRAIN = str(Path(__file__).resolve().parents[1] / "src" / "train.py")
IMPORTED = ["tests.warm", "champion.command", "champion.finalist", "champion.sweep", "hydra.main", "optuna", "xgboost"]

_server = multiprocessing.get_context("forkserver")
_server.set_forkserver_preload([*IMPORTED, "mlflow.store.tracking.sqlalchemy_store"])


def train(*overrides: str, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run `python src/train.py` with these overrides to its end, in a process of its own."""
    with TemporaryDirectory() as folder:
        process = _server.Process(target=_train, args=(overrides, dict(env), folder))
        process.start()
        process.join(timeout=300)
        out, err = ((Path(folder) / name).read_text() for name in ("stdout", "stderr"))
    assert process.exitcode is not None, "train.py goes on and on"
    return subprocess.CompletedProcess(overrides, process.exitcode, out, err)


def _train(overrides: tuple[str, ...], env: Mapping[str, str], folder: str) -> None:
    os.environ.clear()
    os.environ.update(env)
    for number, name in ((1, "stdout"), (2, "stderr")):
        with (Path(folder) / name).open("w") as file:
            os.dup2(file.fileno(), number)
    os.chdir(Path(TRAIN).parents[1])
    sys.argv[:] = [TRAIN, *overrides]
    runpy.run_path(TRAIN, run_name="__main__")
