"""Decides how a worker shows that it lives: beside a study's file by a lock, in a database server by heartbeats.

The system drops a lock with its process, however that ends, and so does a shared file system with the machine.
"""

import os
import socket
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from hydra_plugins.champion_sweeper._journal import own_faults

LOCKS = ".workers"  # beside the study's file


@contextmanager
def alive(folder: Path | None) -> Iterator[str]:
    """Yield the name under which trials know this worker, and hold its lock in `folder`, where there is one."""
    own = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:6]}"  # as no other process on any machine
    if folder is None:
        yield own
        return
    file = folder / own
    held = FileLock(file)
    with own_faults():
        folder.mkdir(parents=True, exist_ok=True)
        for other in folder.iterdir():
            if other.is_file():
                is_dead(folder, other.name)  # nobody may ask for it any more
        held.acquire()
    try:
        yield own
    finally:
        held.release()
        file.unlink(missing_ok=True)


@own_faults()
def is_dead(folder: Path, name: str) -> bool:
    """Tell whether the worker of this name is gone: its lock is free, or not even there."""
    file = folder / name
    if not file.exists():
        return True
    try:
        with FileLock(file, timeout=0):
            pass
    except Timeout:
        return False
    file.unlink(missing_ok=True)
    return True


@contextmanager
def beating(beat: Callable[[], None], *, every: float) -> Iterator[None]:
    """Call `beat` every so many seconds; one that fails is made up for by the next."""
    over = threading.Event()

    def go_on() -> None:
        while not over.wait(every):
            with suppress(Exception):  # whatever is away, the worker lives
                beat()

    thread = threading.Thread(target=go_on, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
