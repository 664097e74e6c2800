"""Decides how a worker shows that it lives: by a lock that the system drops with its process, however that ends."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

LOCKS = ".workers"  # in the sweep's folder


@contextmanager
def alive(folder: Path) -> Iterator[str]:
    """Hold this process's lock in the sweep's folder, and yield the name under which trials know the worker."""
    name = f"{socket.gethostname()}-{os.getpid()}"
    file = folder / LOCKS / name
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(file):
            yield name
    finally:
        file.unlink(missing_ok=True)


def is_dead(folder: Path, name: str) -> bool:
    """Tell whether the worker of this name is gone; one on another machine is taken to live."""
    if not name.startswith(f"{socket.gethostname()}-"):
        return False
    file = folder / LOCKS / name
    if not file.exists():
        return True
    try:
        with FileLock(file, timeout=0):
            pass
    except Timeout:
        return False
    file.unlink(missing_ok=True)
    return True
