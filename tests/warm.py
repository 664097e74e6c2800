"""Commands that begin where their imports have ended: forked from one process that has done them.

What such a command does is what it does when it is typed; only the seconds of its start are missing. Where that start
matters, as for what is imported when, for a variable that Python reads then, or for chance, of which all forks have the
same (NumPy's generator, the order of sets), a test asks for a cold one.
"""

import atexit
import gc
import inspect
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

IMPORTED = (
    "alembic.command",
    "champion.cli.commands",
    "champion.reporting.finalist",
    "champion.learning.preparation",
    "champion.serving.command",
    "champion.job.sweep",
    "champion.reporting.page",
    "champion.learning.team",
    "git",
    "hydra._internal.hydra",
    "hydra.main",
    "matplotlib.pyplot",
    "mlflow.pyfunc",
    "mlflow.sklearn",
    "mlflow.store.model_registry.sqlalchemy_store",
    "mlflow.store.tracking.sqlalchemy_store",
    "mlflow.tracing.provider",
    "mpl_toolkits.mplot3d",
    "optuna.importance",
    "optuna.visualization.matplotlib",
    "plotly.graph_objects",
    "plotly.offline",
    "plotly.subplots",
    "shap",
    "skops.io",
    "xgboost",
)

ENDED: list[int] = []  # in a fork: its exit status, once that is known


class Warm(subprocess.Popen[str]):
    """What subprocess.Popen is, for `python` and its words, without the imports."""

    def _execute_child(self, *given: Any) -> None:
        options = inspect.signature(subprocess.Popen._execute_child).bind(self, *given).arguments  # type: ignore[attr-defined]
        inherited = {"p2cread": 0, "c2pwrite": 1, "errwrite": 2}
        files = [inherited[name] if options[name] == -1 else options[name] for name in inherited]
        env = dict(os.environ) if options["env"] is None else options["env"]
        told = {"words": options["args"][1:], "cwd": str(options["cwd"]), "env": env}
        told["start_new_session"] = options["start_new_session"]
        ours, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)
        with theirs:
            socket.send_fds(_door(), [json.dumps(told).encode()], [theirs.fileno(), *files])
        self._outcome = ours
        self.pid = int(ours.recv(20))
        self._child_created = True
        pipes = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")
        self._close_pipe_fds(*(options[name] for name in pipes))  # type: ignore[attr-defined]

    def _try_wait(self, flags: int) -> tuple[int, int]:
        if flags & os.WNOHANG and not select.select([self._outcome], [], [], 0)[0]:
            return 0, 0
        status = int(self._outcome.recv(20))
        self._outcome.close()
        return self.pid, status

    def _internal_poll(self, _deadstate: int | None = None) -> int | None:
        if self.returncode is None:
            pid, status = self._try_wait(os.WNOHANG)
            if pid:
                self._handle_exitstatus(status)  # type: ignore[attr-defined]
        return self.returncode


@cache
def _door() -> socket.socket:
    """Start the process that imports everything, and return what leads to it; it ends with this one."""
    ours, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)
    command = [sys.executable, "-m", "tests.warm", str(theirs.fileno())]
    with theirs:
        process = subprocess.Popen(command, cwd=Path(__file__).parents[1], pass_fds=[theirs.fileno()])

    @atexit.register
    def end() -> None:
        ours.close()
        process.wait()

    return ours


def _serve(door: socket.socket) -> Mapping[str, Any] | None:
    """Fork a process for each request; return in that process with what it is to be, or in this one at the end."""
    forked: dict[int, tuple[int, socket.socket]] = {}  # by a descriptor that is readable once the process has ended
    while True:
        for ready in select.select([door.fileno(), *forked], [], [])[0]:
            if ready in forked:
                pid, outcome = forked.pop(ready)
                os.close(ready)
                with outcome, suppress(BrokenPipeError):  # nobody may wait any more
                    outcome.sendall(str(os.waitpid(pid, 0)[1]).encode())
                continue
            request, files, _, _ = socket.recv_fds(door, 1_000_000, 4)
            if not request:
                for pid, _ in forked.values():  # nobody is left who would end them
                    os.kill(pid, signal.SIGKILL)
                return None
            outcome, told = socket.socket(fileno=files.pop(0)), json.loads(request)
            if not (pid := os.fork()):
                for number, file in enumerate(files):
                    os.dup2(file, number, inheritable=True)
                    os.close(file)
                if told.pop("start_new_session"):
                    os.setsid()
                signal.signal(signal.SIGINT, signal.default_int_handler)  # whatever these tests were started by
                signal.signal(signal.SIGHUP, signal.SIG_DFL)
                outcome.sendall(str(os.getpid()).encode())
                outcome.close()
                door.close()
                return dict(told)
            forked[os.pidfd_open(pid)] = pid, outcome
            for file in files:
                os.close(file)


def _become(words: Sequence[str], *, cwd: str, env: Mapping[str, str]) -> None:
    """Be `python` with these words."""
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    sys.stdout = open(1, "w", encoding="utf-8", buffering=1 if os.isatty(1) else -1, closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False)  # noqa: SIM115
    sys.path[1:1] = [folder for folder in os.environ.get("PYTHONPATH", "").split(os.pathsep) if folder]
    if words[0] == "-m":
        sys.path[0], sys.argv[:] = cwd, words[1:]
        runpy.run_module(words[1], run_name="__main__", alter_sys=True)
    else:
        sys.path[0], sys.argv[:] = os.path.dirname(os.path.abspath(words[0])), words
        runpy.run_path(words[0], run_name="__main__")


@atexit.register  # before what the imports register, and so after it
def _leave() -> None:
    """End without tidying up all that was imported, which takes longer than many a command."""
    if ENDED:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(ENDED[0])


def _main(door: int) -> None:
    from mlflow.utils.requirements_utils import warn_dependency_requirement_mismatches

    gc.disable()
    for name in IMPORTED:
        with suppress(ModuleNotFoundError):  # not everybody has every extra
            import_module(name)
    inspect.stack()  # Hydra asks for it at each start, and the first time all modules are looked at
    warn_dependency_requirement_mismatches(["numpy"])  # so does MLflow for each model, and looks at all packages
    gc.freeze()
    if told := _serve(socket.socket(fileno=door)):
        gc.enable()
        try:
            _become(**told)
            ENDED.append(0)
        except SystemExit as end:
            ENDED.append(end.code if isinstance(end.code, int) else 1 if end.code else 0)
            raise
        except Exception:
            ENDED.append(1)
            raise


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # its forks are told, one by one
    _main(int(sys.argv[1]))
