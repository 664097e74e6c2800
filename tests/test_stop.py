"""champion_sweeper/_stop.py: who is told to stop stops, whenever that comes."""

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


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """Notice Ctrl-C, which a shell lets what it runs in the background ignore."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c")
@pytest.mark.parametrize(("sent", "raised"), [(signal.SIGTERM, SystemExit), (signal.SIGINT, KeyboardInterrupt)])
def test_signal_that_python_loses_is_sent_again(sent: signal.Signals, raised: type[BaseException]) -> None:
    """It arrives while an object is tidied up, and ends the work all the same."""

    @stops_on_sigterm()
    def work() -> None:
        Tidied(lambda: signal.raise_signal(sent))
        time.sleep(20)

    with pytest.raises(raised):
        work()


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
