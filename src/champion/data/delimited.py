"""Decides how CSV is read: every cell as text, and in every line as many as in the header line."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

import pyarrow as pa
from pyarrow import compute
from pyarrow import csv as arrow_csv

from champion.base.errors import ConfigError, DataError
from champion.base.remedy import override
from champion.data.column import name_at
from champion.data.lines import UTF_8, Row, damaged, find_encoding, open_rows
from champion.data.source import Source

SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "|"}
SPELLED = {"\\t": "\t", "tab": "\t"}  # as a shell passes it
SAMPLE = 100  # rows that the separator must fit
BLOCK = 2**26  # bytes parsed at a time: smaller ones leave memory in pieces
BATCH = 2**20  # of those that are let go of one by one; Arrow reads 32 ahead, and no row may be longer


@dataclass(frozen=True)
class Delimited:
    """A CSV file: how it is written, the lines its header takes, and the names in it."""

    source: Source
    encoding: str
    sep: str
    header_lines: int
    names: list[str]
    has_rows: bool

    def read(self) -> pa.Table:
        """Return all rows, every cell as written; raise DataError naming the line that breaks a rule."""
        table = self._parsed(arrow_csv.read_csv, block=BLOCK)
        self._check_end(table)
        return table

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows some thousands at a time: the file may be larger than memory, and have none."""
        if not self.has_rows:
            return
        reader = self._parsed(arrow_csv.open_csv, block=BATCH)
        while (batch := self._answered(lambda: next(reader, None))) is not None:
            self._check_end(batch)
            yield batch

    @property
    def schema(self) -> pa.Schema:
        """The columns, all of them text."""
        return pa.schema([(name, pa.string()) for name in self.names])

    def where(self, row: int) -> str:
        """Return the name of the row with this number from 0, as in "houses.csv, line 7"."""
        with open_rows(self.source, encoding=self.encoding, sep=self.sep) as rows:
            return f"{self.source.shown}, line {next(found.first for found in islice(rows, row + 1, None))}"

    def _parsed(self, parse: Callable[..., Any], *, block: int) -> Any:
        rows = arrow_csv.ReadOptions(block_size=block, skip_rows=self.header_lines, column_names=self.names)
        rows.encoding = "utf8" if self.encoding == UTF_8 else self.encoding
        cells = arrow_csv.ParseOptions(delimiter=self.sep, newlines_in_values=True)
        text = arrow_csv.ConvertOptions(column_types=self.schema)
        packed = "gzip" if self.source.format == "gzip" else None
        opened = partial(pa.input_stream, str(self.source.file), compression=packed)
        return self._answered(lambda: parse(opened(), rows, cells, text))

    def _answered(self, work: Callable[[], Any]) -> Any:
        try:
            return work()
        except (pa.ArrowException, OSError, EOFError, UnicodeError) as error:
            raise self._mistake() or damaged(self.source, error) from error

    def _check_end(self, rows: pa.Table | pa.RecordBatch) -> None:
        """Raise DataError where Arrow took all that follows an open quote for its cell."""
        last = rows.column(rows.num_columns - 1).slice(max(0, rows.num_rows - 1))
        if compute.any(compute.match_substring(last, "\n")).as_py() and (mistake := self._mistake()):
            raise mistake

    def _mistake(self) -> DataError | None:
        """Return what is wrong with the first line that breaks a rule: Arrow tells blocks."""
        try:
            with open_rows(self.source, encoding=self.encoding, sep=self.sep) as rows:
                below = islice(rows, 1, None)
                found = next((row for row in below if row.is_open or len(row.cells) != len(self.names)), None)
        except DataError as unreadable:
            return unreadable
        return self._ragged(found) if found else None

    def _ragged(self, row: Row) -> DataError:
        here = f"{self.source.shown}, line {row.first}"
        if row.is_open:
            return DataError(f"{here}: a quote is opened and never closed. Close it, or remove it.")
        cells = "1 cell" if len(row.cells) == 1 else f"{len(row.cells)} cells"
        says = f"{here}: {cells} where the header line has {len(self.names)}"
        if row.last > row.first:
            return DataError(f"{says}, up to line {row.last}. Is a quote left open, or a cell missing?")
        return DataError(f"{says}. Put cells that hold a {_name(self.sep)} in quotes, or correct the line.")


def open_delimited(source: Source, *, sep: str | None = None, encoding: str | None = None) -> Delimited:
    """Find out how the file is written where that isn't given: its encoding by its mark, its separator by trying.

    Raises DataError for a file without a header line, and for two columns of one name.
    """
    codec = find_encoding(source, encoding)
    separator = _separator(source, codec) if sep is None else SPELLED.get(str(sep), str(sep))
    if len(separator.encode()) != 1 or separator in '"\r\n':
        raise ConfigError(f"data.sep must be one character such as ';', but got {sep!r}.")
    with open_rows(source, encoding=codec, sep=separator) as rows:
        header, below = next(rows, None), next(rows, None)
    if header is None or not any(name.strip() for name in header.cells):
        raise DataError(f"data.path: {source.shown} is empty. It must have a header line, and rows below it.")
    here = f"{source.shown}, line {header.first}"
    if header.is_open:
        raise DataError(f"{here}: a quote is opened and never closed. Close it, or remove it.")
    if any("\0" in name for name in header.cells):
        raise DataError(f"{here}: it holds NUL bytes. Is it saved as UTF-16? data.encoding=utf-16-le reads that.")
    header.cells[0] = header.cells[0].removeprefix("\ufeff")
    return Delimited(source, codec, separator, header.last, name_columns(header.cells, where=here), below is not None)


def name_columns(names: Sequence[str], *, where: str) -> list[str]:
    """Return the names of all columns without blanks around them: one that has none is called after its place.

    Raises DataError where two have the same name.
    """
    named = [name_at(place, name) for place, name in enumerate(names, start=1)]
    name, times = Counter(named).most_common(1)[0] if named else ("", 0)
    if times > 1:
        raise DataError(f"{where}: {times} columns are called '{name}'. Give each column a name of its own.")
    return named


def check_separated(table: Delimited, *, target: str) -> None:
    """Raise DataError where the whole header line is one cell that holds other separators: data.sep is wrong."""
    header = table.names[0]
    if len(table.names) > 1 or header == target:
        return
    own = re.escape(target)
    others = [sep for sep in SEPARATORS if sep in header and sep != table.sep]
    others = others or re.findall(rf"(?<=\b{own})\W|\W(?={own}\b)", header)  # what stands beside the target
    if others:
        says = f"{table.source.shown}, line 1: there is no {_name(table.sep)} in the header line {header!r}"
        fitting = " or ".join(override("data.sep", "tab" if sep == "\t" else sep) for sep in others[:3])
        raise DataError(f"{says}. Name what stands between its columns, as in {fitting}.")


def _separator(source: Source, encoding: str) -> str:
    """Return the separator that cuts the first rows into most cells, the same number in each."""

    def fit(sep: str) -> float:
        with open_rows(source, encoding=encoding, sep=sep) as rows:
            widths = [len(row.cells) for row in islice(rows, SAMPLE)]
        return widths[0] * widths.count(widths[0]) / len(widths) if widths and widths[0] > 1 else 0

    return max(SEPARATORS, key=fit)


def _name(sep: str) -> str:
    return SEPARATORS.get(sep, repr(sep))
