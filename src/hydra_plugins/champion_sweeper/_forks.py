"""Decides how work is done beside this process: by forks of one whose imports are done, so that each begins at once.

That one only imports and forks: none of its threads does anything that could hold a lock while it is copied. All end
with the process that asked for them, whatever becomes of it, and so does what they have started themselves. A fork may
ask for others.
"""

import atexit
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.reduction import ForkingPickler
from typing import Any, NamedTuple, cast

NULL = subprocess.DEVNULL
PATIENCE = 3  # seconds that a fork has to tidy up in, once nobody waits for it
MOST_BYTES = 1 << 16  # of a message: the names of modules


class Answer(NamedTuple):
    """What a fork returned, or raised, and what it printed."""

    returned: Any
    raised: BaseException | None
    output: str
    errors: str

    def heard(self) -> Any:
        """Print what the fork printed; return or raise the rest."""
        for said, stream in ((self.output, sys.stdout), (self.errors, sys.stderr)):
            if stream:  # it may be closed
                stream.write(said)
        if self.raised:
            raise self.raised
        return self.returned


class ForkServer:
    """A process that imports modules by their names, and is copied again and again; those it can't import it leaves."""

    def __init__(self, client: socket.socket) -> None:
        """Talk to the one at the other end."""
        self._socket = client

    @classmethod
    def start(cls, imports: Sequence[str]) -> "ForkServer":
        """Start one that ends with this process; its imports go on while this process does something else."""
        ours, theirs = socket.socketpair()
        with theirs:
            work = f"from hydra_plugins.champion_sweeper._forked import serve; serve({theirs.fileno()}, {[*imports]!r})"
            code = f"import sys; sys.path[:] = {sys.path!r}; {work}"
            process = subprocess.Popen(  # noqa: S603, Python itself
                [sys.executable, "-c", code], pass_fds=[theirs.fileno()], stdin=NULL, stdout=NULL, stderr=NULL
            )
        atexit.register(_end, process, ours)  # or it goes on with an import, when there is nobody any more
        return cls(ours)

    @property
    def is_running(self) -> bool:
        """Whether it is there: it may have been killed."""
        return not hung_up(self._socket.fileno(), patience=0)

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
        """End it, and what it has started, in the middle of what they do, and return when it is gone."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
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
            asked = _sent((self._function, job[1]))
            with _noticed():
                fork.send((dict(os.environ), os.getcwd(), sys.path, asked))
            del job, asked  # they may be large

    def answers(self) -> Generator[Any]:
        """Yield what the jobs return, in their order, and hand out those that wait."""
        answers: dict[int, Answer] = {}
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


def hung_up(one: int, *, patience: float | None) -> bool:
    """Tell whether the other end of a socket is closed, or within so many seconds (None: wait for ever)."""
    closed = select.poll()
    closed.register(one, 0)  # nothing but a hang-up
    return bool(closed.poll(patience))


def _end(process: subprocess.Popen[bytes], client: socket.socket) -> None:
    with client:
        process.kill()
        process.wait()


def is_sendable(work: Callable[..., Any]) -> bool:
    """Tell whether a fork can be asked to do it."""
    try:
        _sent(work)
    except Exception:  # what can't be sent says so in every kind
        return False
    return True


def _sent(what: Any) -> bytes:
    """Return what the other end makes the same of, with functions that have no name."""
    from joblib import wrap_non_picklable_objects  # here, as every command of Hydra's imports this module

    return bytes(ForkingPickler.dumps(wrap_non_picklable_objects(what, keep_wrapper=False)))


_server: ForkServer | None = None


def fork_server() -> ForkServer | None:
    """Return the one by which this process has work done beside it, if there is one."""
    return _server if _server is not None and _server.is_running else None


def adopt_fork_server(client: socket.socket) -> None:
    """Let this process, a copy, talk to the one that it is a copy of, for as long as it lasts."""
    global _server
    _server = ForkServer(client)


def start_fork_server(imports: Sequence[str]) -> None:
    """Start the one of this process, where the system can fork and send sockets; one that is there imports more."""
    global _server
    if not load_beside(imports) and hasattr(os, "fork") and hasattr(socket, "send_fds"):
        _server = ForkServer.start(imports)


def load_beside(imports: Sequence[str]) -> bool:
    """Let the process beside this one import more, while this one has something else to do; tell if there is one."""
    if server := fork_server():
        server.load(imports)
    return server is not None
