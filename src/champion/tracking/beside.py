"""Decides how something goes on beside the work: nobody waits for it where the process ends."""

from collections.abc import Callable
from concurrent.futures import Future
from contextvars import copy_context
from threading import Thread
from typing import TypeVar

T = TypeVar("T")


def beside(work: Callable[[], T]) -> Future[T]:
    """Do it in a thread that nobody waits for where the process ends."""
    done: Future[T] = Future()

    def do() -> None:
        try:
            done.set_result(work())
        except BaseException as error:  # raised where it is asked for
            done.set_exception(error)

    Thread(target=copy_context().run, args=(do,), daemon=True).start()
    return done
