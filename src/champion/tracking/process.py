"""Decides how a run's process shows that it lives, and what becomes of the run of one that was killed."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from champion.tracking import patience

ALIVE = ".running"  # in the run's output folder, locked by its process as long as that lives


@contextmanager
def alive(folder: Path) -> Iterator[dict[str, str]]:
    """Hold the lock that shows other runs that this process lives, and yield the tags by which they find it.

    The system drops the lock with the process, however that ends. Another process that works on the same sweep may
    hold it already.
    """
    lock = FileLock(folder / ALIVE)
    with suppress(Timeout):
        lock.acquire(timeout=0)
    try:
        yield {"host": socket.gethostname(), "output_dir": str(folder)}
    finally:
        if lock.is_locked:
            lock.release()
            (folder / ALIVE).unlink(missing_ok=True)


def close_killed_runs(experiment_id: str) -> None:
    """Mark runs of this machine as KILLED that are RUNNING in MLflow, but whose process is gone."""
    client = patience.client()
    mine = f"attributes.status = 'RUNNING' and tags.host = '{socket.gethostname()}'"
    for run in client.search_runs([experiment_id], mine):
        gone = not _is_alive(Path(run.data.tags.get("output_dir", "")))
        if gone and client.get_run(run.info.run_id).info.status == "RUNNING":  # it may have ended since it was listed
            close_killed(run.info.run_id)


def close_killed(run_id: str) -> None:
    """Mark a run as KILLED."""
    client = patience.client()
    client.set_tag(run_id, "reason", "its process was killed")
    client.set_terminated(run_id, "KILLED")


def _is_alive(folder: Path) -> bool:
    if not folder.is_dir():
        return False
    try:
        with FileLock(folder / ALIVE, timeout=0):
            pass
    except Timeout:
        return True
    (folder / ALIVE).unlink(missing_ok=True)
    return False
