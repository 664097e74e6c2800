"""Decides how work is told to stop: a SIGTERM or SIGHUP ends it as an exception does, and none that arrives is lost."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

HANGUP: signal.Signals | None = getattr(signal, "SIGHUP", None)  # of a terminal that is closed; Windows has none

_raised: list[BaseException] = []  # since the work began that is to end


@contextmanager
def stops_on_sigterm() -> Iterator[None]:
    """Let a SIGTERM or a SIGHUP end what is done in here as an exception does; only a main thread can be told.

    Which of them is ignored, as with nohup, stays so. Python loses an exception that is raised while it tidies up an
    object, as it often does where a forest is fitted: the signal is sent again then, and so is that of Ctrl-C.
    """
    known = {number: signal.getsignal(number) for number in (signal.SIGTERM, HANGUP) if number}
    handlers = {number: handler for number, handler in known.items() if handler not in (signal.SIG_IGN, None)}
    if threading.current_thread() is not threading.main_thread() or _stop in handlers.values():
        yield
        return

    again: list[threading.Timer] = []

    def once_more(lost: Any) -> None:
        if lost.exc_value in _raised:
            _raised.remove(lost.exc_value)
            number = lost.exc_value.code - 128
        elif lost.exc_type is KeyboardInterrupt:
            number = signal.SIGINT
        else:
            hook(lost)
            return
        again.append(threading.Timer(0.01, os.kill, (os.getpid(), number)))
        again[-1].start()

    hook, sys.unraisablehook = sys.unraisablehook, once_more
    for number in handlers:
        signal.signal(number, _stop)
    try:
        yield
    finally:
        for timer in again:
            timer.cancel()
        sys.unraisablehook = hook
        for number, handler in handlers.items():
            signal.signal(number, handler)
        _raised.clear()


def _stop(signum: int, _frame: FrameType | None) -> None:
    """Raise what ends the work, but at the second SIGHUP of a terminal that is closed: its shell sends one, too."""
    if not (_raised and signum == HANGUP):
        _raised.append(SystemExit(128 + signum))
        raise _raised[-1]
