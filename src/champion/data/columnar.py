"""Decides how Parquet is read: every cell as the type that the file says."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pyarrow as pa
from pyarrow import parquet

from champion.data.delimited import name_columns
from champion.data.lines import damaged
from champion.data.source import Source


@dataclass(frozen=True)
class Columnar:
    """A Parquet file, its columns with the types that the file says, and whether it has rows."""

    source: Source
    schema: pa.Schema
    has_rows: bool
    sep = ","  # what stands between columns where the rows are written as CSV

    def read(self) -> pa.Table:
        """Return all rows; what pandas saved as categories is encoded as such."""
        with _answered(self.source):
            table = parquet.ParquetFile(self.source.file).read()
        of_pandas = (table.schema.pandas_metadata or {}).get("columns", [])
        categories = {column["field_name"] for column in of_pandas if column["pandas_type"] == "categorical"}
        columns = zip(table.column_names, table.columns, strict=True)
        return pa.table(
            [cells.dictionary_encode() if name in categories else cells for name, cells in columns], names=self.names
        )

    @property
    def names(self) -> list[str]:
        """The names of the columns."""
        return list(self.schema.names)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows some thousands at a time, so that the file may be larger than memory."""
        with _answered(self.source):
            for batch in parquet.ParquetFile(self.source.file).iter_batches():
                yield batch.rename_columns(self.names)

    def where(self, row: int) -> str:
        """Return the name of the row with this number from 0."""
        return f"{self.source.shown}, row {row + 1}"


def open_columnar(source: Source) -> Columnar:
    """Read which columns there are.

    Raises DataError for a damaged file, and for two columns of one name.
    """
    with _answered(source):
        found, n_rows = parquet.read_schema(source.file), parquet.read_metadata(source.file).num_rows
    names = name_columns(found.names, where=source.shown)
    named = [field.with_name(name) for field, name in zip(found, names, strict=True)]
    return Columnar(source, pa.schema(named, metadata=found.metadata), n_rows > 0)


@contextmanager
def _answered(source: Source) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise damaged(source, error, "can't be read as Parquet") from error
