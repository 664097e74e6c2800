"""Decides how work is told to stop: a SIGTERM ends it as an exception does, and none that arrives is lost."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn


@contextmanager
def stops_on_sigterm() -> Iterator[None]:
    """Let a SIGTERM end what is done in here as an exception does; only a main thread can be told.

    Python loses an exception that is raised while it tidies up an object, as it often does where a forest is fitted:
    the signal is sent again then, and so is that of Ctrl-C.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    raised: list[BaseException] = []
    again: list[threading.Timer] = []

    def stop(signum: int, _frame: object) -> NoReturn:
        raised.append(SystemExit(128 + signum))
        raise raised[-1]

    def once_more(lost: Any) -> None:
        if lost.exc_value not in raised and lost.exc_type is not KeyboardInterrupt:
            hook(lost)
            return
        number = signal.SIGTERM if lost.exc_value in raised else signal.SIGINT
        again.append(threading.Timer(0.01, os.kill, (os.getpid(), number)))
        again[-1].start()

    before, hook = signal.signal(signal.SIGTERM, stop), sys.unraisablehook
    sys.unraisablehook = once_more
    try:
        yield
    finally:
        for timer in again:
            timer.cancel()
        sys.unraisablehook = hook
        signal.signal(signal.SIGTERM, before)
