"""champion_sweeper/_stop.py: who is told to stop stops, whenever that comes."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from hydra_plugins.champion_sweeper import stops_on_sigterm


class Tidied:
    """Does something when Python tidies it up, where exceptions are lost."""

    def __init__(self, last: Callable[[], object]) -> None:
        self.last = last

    def __del__(self) -> None:
        """Do it."""
        self.last()


@pytest.fixture(autouse=True)
def unanswered() -> Iterator[None]:
    """Let a signal that nobody answers fail its test, and not end all of them."""

    def fail(signum: int, _frame: object) -> None:
        raise AssertionError(f"nobody answered {signum}")

    before = {number: signal.signal(number, fail) for number in (signal.SIGTERM, signal.SIGHUP)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """Notice Ctrl-C, which a shell lets what it runs in the background ignore."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c")
@pytest.mark.parametrize(
    ("sent", "raised"),
    [(signal.SIGTERM, SystemExit), (signal.SIGHUP, SystemExit), (signal.SIGINT, KeyboardInterrupt)],
)
def test_signal_that_python_loses_is_sent_again(sent: signal.Signals, raised: type[BaseException]) -> None:
    """It arrives while an object is tidied up, and ends the work all the same."""

    @stops_on_sigterm()
    def work() -> None:
        Tidied(lambda: signal.raise_signal(sent))
        time.sleep(20)

    with pytest.raises(raised):
        work()


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGHUP])
def test_status_says_which_signal_it_was(sent: signal.Signals) -> None:
    """It is that of a process that the signal has ended; afterwards signals do what they did before."""
    before = signal.getsignal(sent)

    @stops_on_sigterm()
    @stops_on_sigterm()
    def work() -> None:
        os.kill(os.getpid(), sent)
        time.sleep(20)

    with pytest.raises(SystemExit) as ended:
        work()
    assert ended.value.code == 128 + sent
    assert signal.getsignal(sent) == before


def test_terminal_that_is_closed_disturbs_no_end() -> None:
    """The system sends a SIGHUP and the shell another one: what the first one ends comes to its end."""
    ended = []

    @stops_on_sigterm()
    def work() -> None:
        try:
            os.kill(os.getpid(), signal.SIGHUP)
            time.sleep(20)
        finally:
            os.kill(os.getpid(), signal.SIGHUP)
            time.sleep(0.1)
            ended.append("whole")

    with pytest.raises(SystemExit):
        work()
    assert ended == ["whole"]


def test_what_is_ignored_stays_so() -> None:
    """With nohup a closed terminal ends nothing."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stops_on_sigterm():
            os.kill(os.getpid(), signal.SIGHUP)
            time.sleep(0.1)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_other_lost_exceptions_are_told_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """What has nothing to do with stopping is reported to whoever hears of such things."""
    heard: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda lost: heard.append(lost.exc_type))
    with stops_on_sigterm():
        Tidied(lambda: 1 / 0)
    assert heard == [ZeroDivisionError]


def test_other_threads_are_not_told() -> None:
    """A run in a thread can't be told by a signal, and goes on without."""

    def work() -> str:
        with stops_on_sigterm():
            return "done"

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(work).result() == "done"
