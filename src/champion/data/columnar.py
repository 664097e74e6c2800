"""Decides how Parquet is read: every cell as the type that the file says."""

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa
from pyarrow import parquet

from champion.data.delimited import name_columns
from champion.data.source import Source
from champion.errors import DataError


@dataclass(frozen=True)
class Columnar:
    """A Parquet file, the names of its columns, and whether it has rows."""

    source: Source
    names: list[str]
    has_rows: bool
    sep = ","  # what stands between columns where the rows are written as CSV

    def read(self) -> pa.Table:
        """Return all rows; what pandas saved as categories is encoded as such."""
        try:
            table = parquet.ParquetFile(self.source.file).read()
        except (pa.ArrowException, OSError) as error:
            raise _damaged(self.source, error) from error
        of_pandas = (table.schema.pandas_metadata or {}).get("columns", [])
        categories = {column["field_name"] for column in of_pandas if column["pandas_type"] == "categorical"}
        columns = zip(table.column_names, table.columns, strict=True)
        return pa.table(
            [cells.dictionary_encode() if name in categories else cells for name, cells in columns], names=self.names
        )

    @property
    def schema(self) -> pa.Schema:
        """The columns with the types that the file says."""
        found = parquet.read_schema(self.source.file)
        fields = [field.with_name(name) for field, name in zip(found, self.names, strict=True)]
        return pa.schema(fields, metadata=found.metadata)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows some thousands at a time, so that the file may be larger than memory."""
        try:
            for batch in parquet.ParquetFile(self.source.file).iter_batches():
                yield batch.rename_columns(self.names)
        except (pa.ArrowException, OSError) as error:
            raise _damaged(self.source, error) from error

    def where(self, row: int) -> str:
        """Return the name of the row with this number from 0."""
        return f"{self.source.shown}, row {row + 1}"


def open_columnar(source: Source) -> Columnar:
    """Read which columns there are.

    Raises DataError for a damaged file, and for two columns of one name.
    """
    try:
        found = parquet.read_metadata(source.file)
        names = found.schema.to_arrow_schema().names
    except (pa.ArrowException, OSError) as error:
        raise _damaged(source, error) from error
    return Columnar(source, name_columns(names, where=source.shown), found.num_rows > 0)


def _damaged(source: Source, error: Exception) -> DataError:
    reason = str(error).partition("\n")[0].rstrip(".")
    return DataError(f"data.path: {source.shown} can't be read as Parquet: {reason}. Is it cut off, or damaged?")
