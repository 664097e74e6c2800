"""Decides what the process does that is forked, and what its forks do: import, and one job after the other."""

import gc
import os
import select
import signal
import socket
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout, suppress
from importlib import import_module
from io import StringIO
from multiprocessing.connection import Connection
from multiprocessing.reduction import ForkingPickler
from typing import Any, NoReturn

from hydra_plugins.champion_sweeper._forks import MOST_BYTES, PATIENCE, Answer, adopt_fork_server, hung_up
from hydra_plugins.champion_sweeper._stop import HANGUP


def serve(control: int, imports: Sequence[str]) -> None:
    """Import, and fork for everybody who sends a socket, until nobody has the other end of `control`.

    Who sends one doesn't wait for imports that are still to come.
    """
    waiting = select.poll()
    waiting.register(control, select.POLLIN)
    for sent_to_all in filter(None, (signal.SIGINT, HANGUP)):
        signal.signal(sent_to_all, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the forks
    to_come = deque(imports)
    with socket.socket(fileno=control) as asked:
        while True:
            while to_come and not waiting.poll(0):
                with suppress(BaseException):  # who needs it says what is the matter
                    import_module(to_come.popleft())
                gc.freeze()
            said, given, *_ = socket.recv_fds(asked, MOST_BYTES, 2)
            if not said:
                return
            to_come.extend(said.decode().replace("\n", "").split(",")[:-1])  # what comes soon after may come with it
            if given and _is_copy():
                asked.close()
                _work(*given)
            for one in given:
                os.close(one)


def _is_copy() -> bool:
    """Copy this process, and tell whether this is the copy; there may be too many for one."""
    try:
        return os.fork() == 0
    except OSError:  # who asked for it sees his socket closed
        return False


def _work(given: int, client: int) -> None:
    """Do one job after the other until nobody is there to send any; never return."""
    os.setpgid(0, 0)  # with all that it starts
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    connection = Connection(given)
    adopt_fork_server(socket.socket(fileno=client))
    threading.Thread(target=_leave_with, args=[given], daemon=True).start()
    try:
        connection.send(os.getpid())
        while True:
            _send(connection, _answer(connection.recv_bytes()))
    finally:
        _leave()


def _answer(asked: bytes) -> Answer:
    returned: Any = None
    raised: BaseException | None = None
    with redirect_stdout(StringIO()) as output, redirect_stderr(StringIO()) as errors:
        try:
            environment, folder, sys.path[:], sent = ForkingPickler.loads(asked)
            os.environ.clear()
            os.environ.update(environment)
            os.chdir(folder)
            function, job = ForkingPickler.loads(sent)
            returned = function(job)
        except BaseException as error:  # as it would be raised where it is asked for
            error.add_note(traceback.format_exc())  # which can't be sent itself
            raised = error
    return Answer(returned, raised, output.getvalue(), errors.getvalue())


def _send(connection: Connection, answer: Answer) -> None:
    try:
        ForkingPickler.loads(ForkingPickler.dumps(answer.raised))  # many an exception can be sent, but not made anew
        connection.send(answer)
    except ConnectionError:
        raise
    except Exception as error:  # it can't be sent as it is
        raised = f"{type(answer.raised).__name__}: {answer.raised}" if answer.raised else f"It can't be sent: {error}"
        connection.send(answer._replace(returned=None, raised=RuntimeError(raised)))


def _leave_with(given: int) -> None:
    """End this process when the other end is closed: at first so that what it does can close what it has open."""
    hung_up(given, patience=None)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(PATIENCE)
    _leave()


def _leave() -> NoReturn:
    """End this process, and all that it has started."""
    os.killpg(0, signal.SIGKILL)
    raise AssertionError
