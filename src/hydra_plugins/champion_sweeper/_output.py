"""Decides what becomes of work whose words can't be written, as on a full disk: it goes on, and tells at its end."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedWriter, RawIOBase, TextIOWrapper
from typing import Any

from hydra_plugins.champion_sweeper._errors import OutputError

BROKEN_PIPE = 141  # the status that a shell gives to a command whose reader, such as `head`, has seen enough


class _Forgiving(RawIOBase):
    """Bytes on their way to a file; once it refuses some, the others are dropped."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw
        self.refused: OSError | None = None

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return int(self._raw.fileno())

    def isatty(self) -> bool:
        return bool(self._raw.isatty())

    def write(self, data: Any) -> int | None:
        if self.refused is None:
            try:
                return self._raw.write(data)  # type: ignore[no-any-return]
            except OSError as error:
                self.refused = error
        return len(data)


@contextmanager
def forgiven(stream: TextIOWrapper) -> Iterator[tuple[TextIOWrapper, _Forgiving]]:
    """Yield what writes to the file of `stream` and never fails, and what has met its first refusal."""
    stream.flush()
    raw = _Forgiving(getattr(stream.buffer, "raw", stream.buffer))
    text = TextIOWrapper(
        BufferedWriter(raw), stream.encoding, stream.errors, None, stream.line_buffering, stream.write_through
    )
    try:
        yield text, raw
    finally:
        text.flush()


@contextmanager
def goes_on_unheard() -> Iterator[None]:
    """Let what is done in here go on where the standard output can't be written; raise OutputError at its end.

    COLUMNS=0, which means that nobody knows how wide a terminal is, would leave no room for a word.
    """
    if os.environ.get("COLUMNS") == "0":
        del os.environ["COLUMNS"]
    before = sys.stdout, sys.stderr
    if not all(isinstance(stream, TextIOWrapper) for stream in before):
        yield
        return
    try:
        with forgiven(before[0]) as (sys.stdout, out), forgiven(before[1]) as (sys.stderr, _):  # type: ignore[arg-type]
            yield
    finally:
        sys.stdout, sys.stderr = before
    if isinstance(out.refused, BrokenPipeError):
        sys.exit(BROKEN_PIPE)
    if out.refused:
        raise OutputError(f"The standard output can't be written: {out.refused.strerror}. All else is done.")
