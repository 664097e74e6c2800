"""Decides how bytes become rows of cells: in which encoding, and in which lines; what they may hold is up to others."""

import codecs
import csv
import gzip
import io
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import chain
from typing import IO

from champion.base.errors import ConfigError, DataError
from champion.data.source import Source

UTF_8 = "utf-8-sig"  # with a byte order mark or without
MARKS = {  # the longer ones first: UTF-32's begins like UTF-16's
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
END = "\x04\n"  # below the last line: it is a row of its own unless a quote is still open

csv.field_size_limit(2**31 - 1)  # Python's own limit is 128 KB, Arrow has none


@dataclass(frozen=True)
class Row:
    """The cells of a row, the lines from 1 that it begins and ends in, and whether a quote in it is never closed."""

    cells: list[str]
    first: int
    last: int
    is_open: bool


@contextmanager
def open_rows(source: Source, *, encoding: str, sep: str) -> Iterator[Iterator[Row]]:
    """Yield the rows of a file, the header line first, without empty lines; answer what goes wrong while they are read.

    Slow, and made for few rows or for finding a mistake: tables are read by Arrow.
    """
    try:
        with _bytes(source) as stream, io.TextIOWrapper(stream, encoding=encoding, newline="") as text:
            yield _numbered(text, sep)
    except UnicodeError as error:
        raise _undecodable(source, encoding) from error


def find_encoding(source: Source, encoding: str | None) -> str:
    """Return Python's name for `encoding`, or where there is none, for what the file's first bytes say, or UTF-8."""
    if encoding is None:
        with _bytes(source) as stream:
            start = stream.read(4)
        return next((name for mark, name in MARKS.items() if start.startswith(mark)), UTF_8)
    try:
        "".encode(str(encoding))  # which codecs that aren't of text refuse, such as hex
        name = codecs.lookup(str(encoding)).name
    except LookupError as error:
        raise ConfigError(f"data.encoding '{encoding}' is not known. Common ones: utf-8, latin-1, utf-16.") from error
    return UTF_8 if name == "utf-8" else name


def damaged(source: Source, error: Exception, says: str = "can't be read") -> DataError:
    """Return the answer to a file that ends too early, or that can't be unpacked."""
    reason = str(error).partition("\n")[0].rstrip(".")
    return DataError(f"data.path: {source.shown} {says}: {reason}. Is it cut off, or damaged?")


def _numbered(text: Iterable[str], sep: str) -> Iterator[Row]:
    reader, before = csv.reader(chain(text, [END]), delimiter=sep), 0
    for cells in reader:
        is_open = bool(cells) and cells[-1].endswith(END)
        if cells and cells != [END.strip()]:
            yield Row(cells, before + 1, reader.line_num - is_open, is_open)
        before = reader.line_num


@contextmanager
def _bytes(source: Source) -> Iterator[IO[bytes]]:
    """Yield the file's bytes, unpacked; answer what goes wrong while they are read."""
    try:
        with gzip.open(source.file) if source.format == "gzip" else source.file.open("rb") as stream:
            yield stream  # type: ignore[misc]
    except (OSError, EOFError, zlib.error) as error:
        raise damaged(source, error) from error


def _undecodable(source: Source, encoding: str) -> DataError:
    line = 1
    with _bytes(source) as stream, suppress(UnicodeError):  # of a mark that is missing
        ahead = io.BufferedReader(stream, 2**16)  # type: ignore[type-var]  # a cut off file says so before its line
        text = io.TextIOWrapper(ahead, encoding=encoding, errors="replace", newline="")
        line = next((number for number, line in enumerate(text, start=1) if "\ufffd" in line), 1)
    says = f"{source.shown}, line {line}: some bytes are no {encoding.removesuffix('-sig')}"
    return DataError(f"{says}. Name its encoding, as in data.encoding=latin-1, or save it as UTF-8.")
