"""Decides how the seconds go in which a command imports what it works with."""

import atexit
import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def importing() -> Iterator[None]:
    """Import in here what takes seconds: no garbage is looked for meanwhile, which is a sixth of them.

    Nor is it ever looked for among what was imported, which lives as long as the process, or at its end, which would
    take a second. Where all is there already, as in the second job of a sweep, this does nothing.
    """
    if "mlflow" in sys.modules:
        yield
        return
    gc.disable()
    atexit.register(gc.freeze)
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
