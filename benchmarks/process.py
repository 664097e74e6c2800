"""Run what is measured as processes of their own, and exit where one fails."""

import json
import os
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from subprocess import STDOUT, Popen
from typing import Any

import psutil

REPOSITORY = Path(__file__).resolve().parents[1]
TRAIN = [sys.executable, "src/train.py"]
TELL_IMPORTS = """
import atexit, json, os, runpy, sys
atexit.register(lambda file: json.dump(list(sys.modules), open(file, "w")), sys.argv.pop(1))
sys.argv.pop(0)
sys.path[0] = os.path.dirname(sys.argv[0])
runpy.run_path(sys.argv[0], run_name="__main__")
"""
IMPORT_ALL = """
import importlib, json, sys
names = json.load(open(sys.argv[1]))
for name in names:
    try:
        importlib.import_module(name)
    except Exception:
        pass
missing = [name for name in names if name not in sys.modules]
sys.exit(f"not imported: {missing[:9]}" if len(missing) > 0.01 * len(names) else 0)
"""


@dataclass(frozen=True)
class Ran:
    """What a process took, in seconds and MB at its peak (of the largest of its processes), and what it printed."""

    seconds: float
    megabytes: float
    printed: str


def environment(home: str | Path) -> dict[str, str]:
    """Return the environment of a process that keeps its things in a home, and has this repository's code."""
    outside = {name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"}
    return {**outside, "CHAMPION_HOME": str(home), "PYTHONPATH": str(REPOSITORY / "src")}


def run(
    *command: str, home: str | Path, cwd: Path = REPOSITORY, env: dict[str, str] | None = None, together: bool = False
) -> Ran:
    """Run a command to its end, in `env` or the environment of a home; look at the memory of its processes `together`.

    The latter is seen four times a second only, and takes a little of the time.
    """
    most = 0.0
    with tempfile.TemporaryFile("w+") as said:
        started = time.perf_counter()
        process = Popen(command, cwd=cwd, env=env or environment(home), stdout=said, stderr=STDOUT)
        while together and not os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            most = max(most, _memory(process.pid))
            time.sleep(0.25)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        if usage.ru_maxrss > getrusage(RUSAGE_SELF).ru_maxrss:  # or else it may be what was copied of this process
            most = max(most, usage.ru_maxrss / 1000)
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        printed = said.read()
    if process.returncode:
        sys.exit(f"{command} failed:\n{printed[-2000:]}")
    return Ran(seconds, most, printed)


def _memory(pid: int) -> float:
    """Return the MB of a process and all that it started; pages that they share count once."""
    found = 0.0
    with suppress(psutil.Error):
        whole = psutil.Process(pid)
        for process in [whole, *whole.children(recursive=True)]:
            found += process.memory_full_info().pss / 1e6
    return found


def train(*overrides: str, home: str | Path, together: bool = False) -> Ran:
    """Train as a user would."""
    return run(*TRAIN, *overrides, home=home, together=together)


def importing(*overrides: str, home: Path) -> list[str]:
    """Return the command that does nothing but import what a training of these overrides imports.

    It exits with an error where it doesn't. What that is, is seen in a short training that isn't timed.
    """
    file = Path(tempfile.mkdtemp(dir=home)) / "modules.json"
    run(sys.executable, "-c", TELL_IMPORTS, str(file), *TRAIN[1:], *overrides, "n_splits=2", home=home)
    return [sys.executable, "-c", IMPORT_ALL, str(file)]


def report(folder: Path) -> dict[str, Any]:
    """Return the evaluation of the run that has this folder."""
    content: dict[str, Any] = json.loads((folder / "evaluation_report.json").read_text())
    return content


def held_out(home: str | Path) -> str:
    """Return the fingerprint of the rows that the newest version of a home was scored on."""
    models = json.loads((Path(home) / "outputs" / "registry.json").read_text()).values()
    newest = max((one for model in models for one in model["versions"]), key=lambda one: str(one["created"]))
    return str(newest["held_out_fingerprint"])
