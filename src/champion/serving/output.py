"""Decides where scored rows go, and how they are written: a file that appears when it is whole, or standard output."""

import codecs
import csv
import gzip
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import IO, Any, TypeAlias

import pyarrow as pa
from pyarrow import parquet

from champion.base.errors import ConfigError, DataError

Write: TypeAlias = Callable[[pa.RecordBatch], None]

ENDINGS = (".csv", ".csv.gz", ".parquet")
BROKEN_PIPE = 141  # the status that a shell gives to a command whose reader, such as `head`, has seen enough


def check_output(path: str | None, *, source: str) -> Path | None:
    """Return the file that `path` names, None for the standard output; `source` is what is read meanwhile.

    Raises ConfigError where its ending says no format, its folder isn't there, or it is `source` itself.
    """
    if path is None:
        return None
    file = Path(path).expanduser().resolve()
    if not file.name.endswith(ENDINGS):
        raise ConfigError(f"-o {path} must end in one of {', '.join(ENDINGS)}, which says how it is written.")
    if not file.parent.is_dir():
        raise ConfigError(f"-o {path}: there is no folder {file.parent}. Make it, or choose another one.")
    if file.exists() and not file.is_file():
        raise ConfigError(f"-o {path} is no file, and is left alone. Choose another name.")
    if file == Path(source).expanduser().resolve():
        raise ConfigError(f"-o {path} is the file that is read. Choose another name.")
    return file


@contextmanager
def open_output(file: Path | None, schema: pa.Schema, *, sep: str, decimal: str) -> Iterator[Write]:
    """Yield what writes rows of these columns; `file` appears at the end, and not at all where anything fails.

    CSV has `sep` between its cells and `decimal` in its numbers. Raises DataError where nothing can be written.
    """
    if file is None:
        with _standard_output() as stream:
            yield _csv(stream, schema, sep=sep, decimal=decimal)
        return
    with _draft(file) as draft, draft.open("wb") as stream:
        if file.name.endswith(".parquet"):
            with parquet.ParquetWriter(stream, schema) as writer:
                yield writer.write_batch
            return
        packed = gzip.GzipFile("", "wb", compresslevel=6, fileobj=stream, mtime=0) if file.suffix == ".gz" else None
        with packed or nullcontext(stream) as text:
            yield _csv(text, schema, sep=sep, decimal=decimal)  # type: ignore[arg-type]


@contextmanager
def _draft(file: Path) -> Iterator[Path]:
    """Yield a file beside `file` that takes its place in one step, once it is whole."""
    draft = file.with_name(f".{file.name}.{os.getpid()}.draft")
    try:
        yield draft
        os.replace(draft, file)
    except OSError as error:
        raise DataError(f"{file} can't be written: {error.strerror or error}.") from error
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def _standard_output() -> Iterator[IO[bytes]]:
    stream = sys.stdout.buffer
    try:
        yield stream
        stream.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())  # what is left in the buffer fails in silence
        sys.exit(BROKEN_PIPE)
    except OSError as error:
        raise DataError(f"The standard output can't be written: {error.strerror or error}.") from error


def _csv(stream: IO[bytes], schema: pa.Schema, *, sep: str, decimal: str) -> Write:
    rows = csv.writer(codecs.getwriter("utf-8")(stream), delimiter=sep, lineterminator="\n")
    rows.writerow(schema.names)
    return lambda batch: rows.writerows(zip(*(_cells(column, decimal) for column in batch.columns), strict=True))


def _cells(cells: pa.Array, decimal: str) -> list[Any]:
    """Return cells as CSV says them: numbers with all digits, truths as they are read, nothing for a missing one."""
    values: list[Any] = cells.to_pylist()
    if pa.types.is_boolean(cells.type):
        return [None if value is None else str(value).lower() for value in values]
    if pa.types.is_floating(cells.type) and decimal != ".":
        return [None if value is None else str(value).replace(".", decimal) for value in values]
    return values
