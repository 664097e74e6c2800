"""Decides how something that goes on is looked at beside it, every now and then and once more when it has ended."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import copy_context


@contextmanager
def watching(look: Callable[[], None], *, every: float, unless: tuple[type[Exception], ...]) -> Iterator[None]:
    """Look every so many seconds, and a last time; what a look raises of these kinds is not said."""
    over = threading.Event()

    def watch() -> None:
        last = False
        while not last:
            last = over.wait(every)
            with suppress(*unless):
                look()

    watcher = threading.Thread(target=copy_context().run, args=(watch,), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
