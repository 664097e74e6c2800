"""Decides how work is done beside this process: by forks of one whose imports are done, so that each begins at once.

That one only imports and forks: it has no thread that could hold a lock while it is copied. All end with the process
that asked for them, whatever becomes of it. A fork may ask for others itself.
"""

import atexit
import gc
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from importlib import import_module
from io import StringIO
from multiprocessing.connection import Connection, wait
from multiprocessing.reduction import ForkingPickler
from typing import Any, NamedTuple, cast

from hydra_plugins.champion_sweeper._stop import HANGUP

_SERVE = "import sys; sys.path[:] = {path!r}; from {module} import serve; serve({socket}, {imports!r})"

NULL = subprocess.DEVNULL
PATIENCE = 3  # seconds that a fork has to tidy up in, once nobody waits for it
MOST_BYTES = 4096  # of a message: the names of modules


class _Answer(NamedTuple):
    """What a fork returned, or raised, and what it printed."""

    returned: Any
    raised: Exception | None
    output: str
    errors: str

    def heard(self) -> Any:
        """Print what the fork printed; return or raise the rest."""
        sys.stdout.write(self.output)
        sys.stderr.write(self.errors)
        if self.raised:
            raise self.raised
        return self.returned


class ForkServer:
    """A process that imports modules by their names, and is copied again and again; those it can't import it leaves."""

    def __init__(self, client: socket.socket) -> None:
        """Talk to the one at the other end."""
        self._socket = client

    @staticmethod
    def is_possible() -> bool:
        """Tell whether this system copies processes and sends sockets."""
        return hasattr(os, "fork") and hasattr(socket, "send_fds")

    @classmethod
    def start(cls, imports: Sequence[str]) -> "ForkServer":
        """Start one that ends with this process; its imports go on while this process does something else."""
        ours, theirs = socket.socketpair()
        with theirs:
            code = _SERVE.format(path=sys.path, module=__name__, socket=theirs.fileno(), imports=[*imports])
            process = subprocess.Popen(  # noqa: S603, Python itself
                [sys.executable, "-c", code], pass_fds=[theirs.fileno()], stdin=NULL, stdout=NULL, stderr=NULL
            )
        atexit.register(_end, process)  # or it goes on with an import, when there is nobody any more
        return cls(ours)

    @property
    def is_running(self) -> bool:
        """Whether it is there: it may have been killed."""
        return not _hung_up(self._socket.fileno(), patience=0)

    def each(self, function: Callable[[Any], Any], jobs: Iterable[Any], *, n: int) -> Generator[Any]:
        """Begin to work on the jobs with `n` forks side by side; yield what `function` returns for each, in order.

        A job is asked for when a fork is free for it, of those after the first `n` while their results are waited for.
        Raises what a job raises, when its turn has come, and ChildProcessError where a fork is killed. Whoever closes
        the generator, or forgets it, ends the forks in the middle of their work.
        """
        begun = _Begun([self._fork() for _ in range(n)], function, enumerate(jobs))
        begun.hand_out()
        return begun.answers()

    def load(self, imports: Sequence[str]) -> None:
        """Let it import more, for the forks to come."""
        with _noticed():
            self._socket.sendall("".join(f"{name}," for name in imports).encode())

    def close(self) -> None:
        """Let it end, when its forks have."""
        self._socket.close()

    def _fork(self) -> "_Fork":
        ours, theirs = socket.socketpair()
        with theirs, _noticed():
            socket.send_fds(self._socket, [b"\n"], [theirs.fileno(), self._socket.fileno()])
        connection = Connection(ours.detach())
        with _noticed():
            return _Fork(connection, connection.recv())


class _Fork(NamedTuple):
    """A copy of the server: a connection to it, and its number."""

    connection: Connection
    pid: int

    def end(self) -> None:
        """End it in the middle of what it does, and return when it is gone."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        with self.connection, suppress(EOFError, ConnectionError):
            while self.connection.poll(PATIENCE):
                self.connection.recv_bytes()


class _Begun:
    """Jobs that forks work on, as many as there are forks at a time."""

    def __init__(self, forks: list[_Fork], function: Callable[[Any], Any], jobs: Iterator[tuple[int, Any]]) -> None:
        self._forks, self._function, self._jobs = forks, function, jobs
        self._idle = [fork.connection for fork in forks]
        self._working: dict[Connection, int] = {}

    def hand_out(self) -> None:
        """Give each fork that is free a job, if there is one."""
        while self._idle and (job := next(self._jobs, None)):
            fork = self._idle.pop()
            self._working[fork] = job[0]
            with _noticed():
                fork.send((dict(os.environ), os.getcwd(), self._function, job[1]))
            del job  # it may be large

    def answers(self) -> Generator[Any]:
        """Yield what the jobs return, in their order, and hand out those that wait."""
        answers: dict[int, _Answer] = {}
        due = 0
        try:
            while self._working:
                for fork in cast(list[Connection], wait([*self._working])):
                    with _noticed():
                        answers[self._working.pop(fork)] = fork.recv()
                    self._idle.append(fork)
                self.hand_out()
                while answer := answers.pop(due, None):
                    due += 1
                    yield answer.heard()
        finally:
            for one in self._forks:
                one.end()


@contextmanager
def _noticed() -> Iterator[None]:
    try:
        yield
    except (EOFError, ConnectionError) as error:
        raise ChildProcessError("A process beside this one was killed, perhaps for lack of memory.") from error


def serve(control: int, imports: Sequence[str]) -> None:
    """Import, and fork for everybody who sends a socket, until nobody has the other end of `control`.

    Who sends one doesn't wait for imports that are still to come.
    """
    for sent_to_all in filter(None, (signal.SIGINT, HANGUP)):
        signal.signal(sent_to_all, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the forks
    to_come = deque(imports)
    with socket.socket(fileno=control) as asked:
        while True:
            while to_come and not select.select([asked], [], [], 0)[0]:
                with suppress(Exception):  # who needs it says what is the matter
                    import_module(to_come.popleft())
                gc.freeze()
            said, given, *_ = socket.recv_fds(asked, MOST_BYTES, 2)
            if not said:
                return
            to_come.extend(said.decode().replace("\n", "").split(",")[:-1])  # what comes soon after may come with it
            if given and os.fork() == 0:
                asked.close()
                _work(*given)
            for one in given:
                os.close(one)


def _work(given: int, client: int) -> None:
    """Do one job after the other until nobody is there to send any; never return."""
    global _server
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    connection, _server = Connection(given), ForkServer(socket.socket(fileno=client))
    threading.Thread(target=_leave_with, args=[given], daemon=True).start()
    try:
        connection.send(os.getpid())
        while True:
            _send(connection, _answer(connection.recv_bytes()))
    finally:
        os._exit(0)


def _answer(asked: bytes) -> _Answer:
    returned: Any = None
    raised: Exception | None = None
    with redirect_stdout(StringIO()) as output, redirect_stderr(StringIO()) as errors:
        try:
            environment, folder, function, job = ForkingPickler.loads(asked)
            os.environ.clear()
            os.environ.update(environment)
            os.chdir(folder)
            returned = function(job)
        except Exception as error:
            error.add_note(traceback.format_exc())  # which can't be sent itself
            raised = error
    return _Answer(returned, raised, output.getvalue(), errors.getvalue())


def _send(connection: Connection, answer: _Answer) -> None:
    try:
        connection.send(answer)
    except ConnectionError:
        raise
    except Exception as error:  # it can't be sent as it is
        raised = f"{type(answer.raised).__name__}: {answer.raised}" if answer.raised else f"It can't be sent: {error}"
        connection.send(answer._replace(returned=None, raised=RuntimeError(raised)))


def _leave_with(given: int) -> None:
    """End this process when the other end is closed: at first so that what it does can close what it has open."""
    _hung_up(given, patience=None)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(PATIENCE)
    os._exit(128 + signal.SIGTERM)


def _hung_up(one: int, *, patience: float | None) -> bool:
    """Tell whether the other end of a socket is closed, or within so many seconds (None: wait for ever)."""
    closed = select.poll()
    closed.register(one, 0)  # nothing but a hang-up
    return bool(closed.poll(patience))


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


_server: ForkServer | None = None


def fork_server() -> ForkServer | None:
    """Return the one by which this process has work done beside it, if there is one."""
    return _server if _server is not None and _server.is_running else None


def start_fork_server(imports: Sequence[str]) -> None:
    """Start the one of this process, where the system knows such things; one that is there imports more."""
    global _server
    if server := fork_server():
        server.load(imports)
    elif ForkServer.is_possible():
        _server = ForkServer.start(imports)
