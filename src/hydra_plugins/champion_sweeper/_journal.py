"""Decides how a study's file is written and read: whole lines only, whatever a full disk or a power cut left there."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from filelock import FileLock
from optuna.exceptions import StorageInternalError
from optuna.storages.journal import JournalFileBackend

BEGINNING = b'{"op_code":'  # of every line that Optuna writes
BLOCK = 4096  # bytes at the end of the file that are looked at first


@contextmanager
def own_faults() -> Iterator[None]:
    """Let what the system refuses to a study's files be a fault of its storage; what it refuses to a job is not."""
    try:
        yield
    except OSError as error:
        raise StorageInternalError(error.strerror or str(error)) from error


def lock(file: str) -> FileLock:
    """Return what only one process at a time holds, to write a study's file; the system drops it with the process."""
    return FileLock(Path(file).with_name(f".{Path(file).name}.lock"), poll_interval=0.002)


class Journal(JournalFileBackend):
    """The file that a study is kept in, a line for each change.

    A line is there once it ends: no reader takes one that doesn't, nor one that can't be read, and who writes next cuts
    it off. Raises StorageInternalError for what the system refuses, and ValueError for a file that is something else.
    """

    def __init__(self, file: str) -> None:
        Path(file).parent.mkdir(parents=True, exist_ok=True)
        # Optuna's own lock outlives a process that is killed while it writes: all others wait 30 s for it.
        self._alone = lock(file)
        super().__init__(file, lock_obj=self._alone)  # type: ignore[arg-type]  # it fits
        with open(file, "rb") as content:
            if not BEGINNING.startswith(content.read(len(BEGINNING)).rstrip(b"\0")):
                raise ValueError("it is no study's journal, and is left as it is. Name another file")
        with self._alone:
            _mend(file)
        self._held: list[dict[str, Any]] | None = None

    @contextmanager
    def together(self) -> Iterator[None]:
        """Write what changes in here at once, at its end: a way to the disk takes as long for many lines as for one."""
        self._held = []
        try:
            yield
        finally:
            held, self._held = self._held, None
            if held:
                self.append_logs(held)

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Write lines behind the last whole one, and to the disk."""
        if self._held is not None:
            self._held += logs
            return
        with own_faults(), self._alone:
            _mend(self._file_path)  # another process, or this one, may have come to the end of the disk since
            super().append_logs(logs)

    def read_logs(self, log_number_from: int) -> Iterator[dict[str, Any]]:  # type: ignore[override]
        """Yield the changes from this number on."""
        line = log_number_from + 1
        with own_faults():
            try:
                for log in super().read_logs(log_number_from):
                    yield log
                    line += 1
            except ValueError as error:
                raise StorageInternalError(f"its line {line} is damaged; without that line it opens") from error


def _mend(file: str) -> None:
    """Cut off a last line that isn't whole, and end one that lacks nothing but its end."""
    with open(file, "r+b") as content:
        line = _last_line(content)
        if not _is_whole(line):
            content.truncate(content.seek(-len(line), os.SEEK_END))
        elif line and not line.endswith(b"\n"):
            content.write(b"\n")


def _last_line(content: BinaryIO) -> bytes:
    size, block = content.seek(0, os.SEEK_END), BLOCK
    while True:
        content.seek(max(0, size - block))
        tail = content.read()
        if b"\n" in tail[:-1] or block >= size:
            return tail[tail[:-1].rfind(b"\n") + 1 :]
        block *= 2


def _is_whole(line: bytes) -> bool:
    """Tell whether nothing is missing before the line's end: no part of an object is one."""
    try:
        json.loads(line or b"{}")
    except ValueError:
        return False
    return True
