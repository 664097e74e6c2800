"""Decides how the rows of a file come in: as they were written, some thousands at a time."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import pyarrow as pa
from pyarrow import parquet

from champion.data import Columnar, Delimited
from champion.data import open_table as open_file
from champion.data.source import open_source
from champion.errors import ConfigError, DataError

ROWS = 10_000  # of a batch: a model may make hundreds of numbers of each


@dataclass(frozen=True)
class Table:
    """A file with the names of its columns, and how its text is written."""

    file: Delimited | Columnar
    decimal: str

    @property
    def shown(self) -> str:
        """The address of the file as it may be written down."""
        return self.file.source.shown

    @property
    def sep(self) -> str:
        """What stands between the columns, a comma where the file isn't text."""
        return self.file.sep if isinstance(self.file, Delimited) else ","

    @property
    def missing(self) -> list[str]:
        """The words that somebody said mean a missing value."""
        return self.file.missing

    @property
    def schema(self) -> pa.Schema:
        """The columns with their types: text, or what Parquet says of them."""
        if isinstance(self.file, Delimited):
            return pa.schema([(name, pa.string()) for name in self.file.names])
        found = parquet.read_schema(self.file.source.file)
        fields = [field.with_name(name) for field, name in zip(found, self.file.names, strict=True)]
        return pa.schema(fields, metadata=found.metadata)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows as they are written, at most `ROWS` at a time.

        Raises DataError for what can't be read, naming the line where there is one.
        """
        schema = self.schema
        for block in self.file.batches():
            for start in range(0, block.num_rows, ROWS):
                part = block.slice(start, ROWS)
                yield pa.RecordBatch.from_arrays(part.columns, schema=schema)

    def where(self, row: int) -> str:
        """Return the name of the row with this number from 0, as in "houses.csv, line 7"."""
        return self.file.where(row)


@contextmanager
def open_table(
    path: str, *, sep: str | None = None, encoding: str | None = None, decimal: str = ".", missing: Sequence[str] = ()
) -> Iterator[Table]:
    """Yield the table at `path`, fetched where it lies elsewhere, for as long as it is read.

    `path` and the options are the keys of conf/data/csv.yaml. Raises DataError where there is none, or another thing.
    """
    with _options_of_the_command(), open_source(path) as source:
        yield Table(open_file(source, sep=sep, encoding=encoding, missing=missing), decimal)


@contextmanager
def _options_of_the_command() -> Iterator[None]:
    """Name options as the command does, where what reads a table names keys of the config."""
    try:
        yield
    except (DataError, ConfigError) as error:
        says = re.sub(r"^data\.path: ", "", str(error))
        raise type(error)(re.sub(r"\bdata\.(sep|encoding|decimal|missing)\b", r"--\1", says)) from error
