"""_forks.py: work beside this process begins at once, tells all that it has to tell, and ends when nobody wants it."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from pathlib import Path

import psutil
import pytest

from hydra_plugins.champion_sweeper._forks import ForkServer, fork_server, is_sendable

REPOSITORY = Path(__file__).resolve().parents[2]  # tests.conftest imports what forks of this module can do without
PATIENCE = 90  # seconds, of which imports take most where tests run side by side


@pytest.fixture(scope="module")
def server() -> Iterator[ForkServer]:
    """Start one that has imported what these tests do."""
    running = ForkServer.start([__name__, "there.is.no.such.module"])
    yield running
    running.close()


def wait_for(file: Path) -> None:
    """Return when the file exists."""
    deadline = time.monotonic() + PATIENCE
    while not file.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def meet(job: tuple[Path, Path]) -> int:
    """Show that this job has begun, and wait until another one has."""
    own, other = job
    own.touch()
    wait_for(other)
    return os.getpid()


def double(number: int) -> int:
    """Return twice the number, the larger the sooner."""
    time.sleep(0.2 / (number + 1))
    return 2 * number


def speak(number: int) -> None:
    """Print, and fail the second time."""
    print(f"job {number}")
    print(f"error {number}", file=sys.stderr)
    if number:
        raise KeyError(number)


class Unreadable:
    """What can be sent and not received."""

    def __reduce__(self) -> tuple[Callable[[], None], tuple[()]]:
        """Be made anew by what raises."""
        return lost, ()


def lost() -> None:
    """Raise, as an import does that isn't to be had."""
    raise LookupError("it isn't here")


def unsendable(_: int) -> object:
    """Return what no other process can have."""
    return lambda: None


def sleep(folder: Path) -> None:
    """Leave the number of this process, and never end."""
    (folder / "begun").write_text(str(os.getpid()))
    (folder / "begun").rename(folder / "pid")
    time.sleep(600)


def sleep_beside(folder: Path) -> None:
    """Let another fork never end."""
    server = fork_server()
    assert server
    next(server.each(sleep, [folder], n=1))


def double_beside(number: int) -> list[int]:
    """Return what two other forks find."""
    server = fork_server()
    assert server
    return list(server.each(double, [number, number + 1], n=2))


def where(_: int) -> str:
    """Return the working directory."""
    return os.getcwd()


def gone(pid: int) -> bool:
    """Tell whether a process ends within some seconds."""
    deadline = time.monotonic() + PATIENCE
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def test_jobs_are_done_side_by_side_by_other_processes(server: ForkServer, tmp_path: Path) -> None:
    """Two that wait for each other both end, in processes of their own."""
    one, other = tmp_path / "one", tmp_path / "other"
    pids = list(server.each(meet, [(one, other), (other, one)], n=2))
    assert len({*pids, os.getpid()}) == 3


def test_answers_come_in_the_order_of_the_jobs(server: ForkServer) -> None:
    """Whichever ends first, and also where there are more forks than jobs, or none."""
    for n in (1, 2, 5):
        assert list(server.each(double, range(4), n=n)) == [0, 2, 4, 6]
    assert list(server.each(double, [], n=2)) == []


def test_jobs_are_asked_for_when_a_fork_is_free(server: ForkServer) -> None:
    """So that not all of them need to be held in memory."""
    asked: list[int] = []

    def jobs() -> Iterator[int]:
        for number in range(6):
            asked.append(number)
            yield number

    answers = server.each(double, jobs(), n=2)
    assert asked == [0, 1]
    assert len(list(answers)) == 6


def test_what_jobs_print_and_raise_is_heard_in_their_turn(
    server: ForkServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each prints into the streams of the process that asked, and its exception is raised there."""
    answers = server.each(speak, [0, 1], n=2)
    next(answers)
    assert capsys.readouterr() == ("job 0\n", "error 0\n")
    with pytest.raises(KeyError, match="1") as raised:
        next(answers)
    assert "in speak" in raised.value.__notes__[0]
    assert capsys.readouterr() == ("job 1\n", "error 1\n")


def test_what_cannot_be_sent_is_an_error(server: ForkServer) -> None:
    """It says so, and nobody waits for ever."""
    with pytest.raises(RuntimeError, match="can't be sent"):
        list(server.each(unsendable, [0], n=1))


class TwoWordsError(Exception):
    """Its message is made of two words, so that it can't be made anew of one."""

    def __init__(self, one: str, other: str) -> None:
        super().__init__(f"{one} and {other}")


def fail(error: type[BaseException], *arguments: object) -> None:
    """Raise it."""
    raise error(*arguments)


@pytest.mark.parametrize(
    ("error", "arguments", "raised", "message"),
    [
        (TwoWordsError, ("this", "that"), RuntimeError, "this and that"),
        (SystemExit, (3,), SystemExit, "3"),
        (KeyboardInterrupt, (), KeyboardInterrupt, None),
    ],
)
def test_whatever_is_raised_is_raised_here(
    server: ForkServer,
    error: type[BaseException],
    arguments: tuple[object, ...],
    raised: type[BaseException],
    message: str | None,
) -> None:
    """A job that exits isn't taken for one that is killed, and an exception that can't be made anew has its message."""
    with pytest.raises(raised, match=message):
        list(server.each(lambda _: fail(error, *arguments), [0], n=1))


def refer(_: object) -> None:
    """Take anything."""


def test_what_has_no_name_is_done_too(server: ForkServer) -> None:
    """As a function of a notebook, or an estimator that keeps one."""
    more = 2
    assert list(server.each(lambda number: number + more, [1, 2], n=2)) == [3, 4]
    assert is_sendable(lambda: more)
    assert not is_sendable(partial(refer, threading.Lock()))


def test_modules_are_looked_for_where_this_process_does(
    server: ForkServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where it does so since the server began."""
    (tmp_path / "made_later.py").write_text("def triple(number):\n    return 3 * number\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    triple = import_module("made_later").triple
    assert list(server.each(triple, [2], n=1)) == [6]


def test_closed_streams_hear_nothing(server: ForkServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the output is closed, as by `>&-`, work goes on."""
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    assert list(server.each(speak, [0], n=1)) == [None]


def start_another(_: Path) -> int:
    """Leave a process behind."""
    return subprocess.Popen(["sleep", "1000"]).pid


def test_what_a_job_leaves_behind_ends_with_it(server: ForkServer, tmp_path: Path) -> None:
    """As the workers of joblib would go on for minutes."""
    [pid] = server.each(start_another, [tmp_path], n=1)
    assert gone(pid)


def test_import_that_exits_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process is there all the same."""
    (tmp_path / "exits.py").write_text("raise SystemExit(3)")
    monkeypatch.syspath_prepend(str(tmp_path))
    server = ForkServer.start(["exits"])
    time.sleep(1)
    assert list(server.each(abs, [-1], n=1)) == [1]
    server.close()


def test_job_that_cannot_be_received_is_said(server: ForkServer) -> None:
    """It isn't taken for a process that was killed."""
    with pytest.raises(LookupError, match="it isn't here"):
        list(server.each(double, [Unreadable()], n=1))


def test_jobs_run_where_they_are_asked_for(server: ForkServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The working directory is that of the process that asks."""
    monkeypatch.chdir(tmp_path)
    assert list(server.each(where, [0], n=1)) == [str(tmp_path)]


def test_closed_answers_end_the_work(server: ForkServer, tmp_path: Path) -> None:
    """A fork is ended in the middle of what it does when its answer isn't wanted any more; the next one works."""
    answers = server.each(sleep, [tmp_path], n=1)
    wait_for(tmp_path / "pid")
    del answers
    assert gone(int((tmp_path / "pid").read_text()))
    assert list(server.each(double, [1], n=1)) == [2]


def test_killed_fork_is_an_error(server: ForkServer, tmp_path: Path) -> None:
    """As the kernel kills where memory is short."""
    answers = server.each(sleep, [tmp_path], n=1)
    wait_for(tmp_path / "pid")
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)
    with pytest.raises(ChildProcessError, match="lack of memory"):
        next(answers)


def test_forks_ask_for_forks(server: ForkServer) -> None:
    """Work that is done beside this process may be shared once more, by each of several at the same time."""
    assert list(server.each(double_beside, [1, 5], n=2)) == [[2, 4], [10, 12]]


def test_forks_have_the_environment_of_who_asks(server: ForkServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it is now, and not as it was when the server began."""
    monkeypatch.setenv("OF_TODAY", "yes")
    assert list(server.each(of_today, [0], n=1)) == ["yes"]


def of_today(_: int) -> str | None:
    """Return what the environment says."""
    return os.environ.get("OF_TODAY")


def test_more_can_be_imported_later(server: ForkServer) -> None:
    """A module that is loaded is there in forks that begin afterwards."""
    server.load(["colorsys", "there.is.none"])
    server.load(["wave"])
    assert list(server.each(double, [1], n=1)) == [2]
    deadline = time.monotonic() + PATIENCE
    while not all(server.each(is_imported, ["colorsys", "wave"], n=1)):
        assert time.monotonic() < deadline


def is_imported(name: str) -> bool:
    """Tell whether this process has imported a module."""
    return name in sys.modules


ASKING = """
import sys
from pathlib import Path
from hydra_plugins.champion_sweeper._forks import ForkServer
from tests.sweeper.test_forks import sleep_beside
server = ForkServer.start(["tests.sweeper.test_forks"])
next(server.each(sleep_beside, [Path(sys.argv[1])], n=1))
"""


def test_nobody_waits_for_imports_at_the_end() -> None:
    """A process that ends while the one beside it still imports is over at once, to those who read its output, too."""
    begin = "from hydra_plugins.champion_sweeper import start_fork_server; start_fork_server(['tests.toy.slow'])"
    script = f"{begin}; import time; time.sleep(1)"
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(REPOSITORY), str(REPOSITORY / "src")])}
    started = time.monotonic()
    subprocess.run([sys.executable, "-c", script], env=env, check=True, capture_output=True)
    assert time.monotonic() - started < PATIENCE


def test_all_end_with_the_process_they_work_for(tmp_path: Path) -> None:
    """Though it is killed in the middle, nobody is left."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(REPOSITORY), str(REPOSITORY / "src")])}
    command = [sys.executable, "-c", ASKING, str(tmp_path)]
    with subprocess.Popen(command, env=env) as asking:
        try:
            wait_for(tmp_path / "pid")
            others = psutil.Process(asking.pid).children(recursive=True)
        finally:
            asking.kill()
    assert len(others) == 3  # the server, a fork, and the fork that this one has asked for
    assert all(gone(other.pid) for other in others)
