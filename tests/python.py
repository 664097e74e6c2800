"""The processes that tests start: `python` and its words, as somebody types them at a terminal."""

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.warm import Warm

REPOSITORY = Path(__file__).resolve().parents[1]


def start(*words: str | Path, cold: bool = False, **options: Any) -> subprocess.Popen[str]:
    """Start `python` with these words; a `cold` one does its imports itself.

    It notices Ctrl-C and SIGHUP as at a terminal, however these tests were started: a shell lets what it runs in the
    background ignore the one, and nohup the other.
    """
    told: dict[str, Any] = {"cwd": REPOSITORY, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    command = [sys.executable, *map(str, words)]
    if cold:
        return subprocess.Popen(command, preexec_fn=notice_signals, **{**told, **options})
    return Warm(command, **{**told, **options})


def run(
    *words: str | Path, timeout: float = 300, check: bool = False, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run `python` with these words to its end, which with `check` must be a good one."""
    with start(*words, **options) as process:
        try:
            out, err = process.communicate(timeout=timeout)
        except BaseException:
            process.kill()
            raise
    assert not check or process.returncode == 0, err
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def notice_signals() -> None:
    """Let this process end where it is told to."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
