"""Decides how Parquet is read: every cell as the type that the file says, unless it stands for a missing one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from pyarrow import compute, parquet

from champion.data.delimited import MISSING, name_columns
from champion.data.source import Source
from champion.errors import DataError

SAME = {
    pa.string_view(): pa.string(),
    pa.float16(): pa.float32(),
}  # types with fewer functions, and what holds the same


@dataclass(frozen=True)
class Columnar:
    """A Parquet file: the names of its columns, and the words that mean a missing value."""

    source: Source
    names: list[str]
    missing: list[str]

    def read(self) -> pa.Table:
        """Return all rows, with nulls where a value means a missing one."""
        try:
            table = parquet.ParquetFile(self.source.file).read()
        except (pa.ArrowException, OSError) as error:
            raise _damaged(self.source, error) from error
        return pa.table([known(cells, [*MISSING, *self.missing]) for cells in table.columns], names=self.names)

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


def open_columnar(source: Source, *, missing: Sequence[str] = ()) -> Columnar:
    """Read which columns there are.

    Raises DataError for a damaged file, for one without columns or rows, and for two columns of one name.
    """
    try:
        found = parquet.read_metadata(source.file)
        names = found.schema.to_arrow_schema().names
    except (pa.ArrowException, OSError) as error:
        raise _damaged(source, error) from error
    if not names or not found.num_rows:
        raise DataError(f"data.path: {source.shown} has column names but no rows below them.")
    return Columnar(source, name_columns(names, where=source.shown), list(missing))


def _damaged(source: Source, error: Exception) -> DataError:
    reason = str(error).partition("\n")[0].rstrip(".")
    return DataError(f"data.path: {source.shown} can't be read as Parquet: {reason}. Is it cut off, or damaged?")


def known(cells: pa.ChunkedArray, missing: Sequence[str]) -> pa.ChunkedArray:
    """Return the cells with nulls in the place of those that `missing` names, and in types that Arrow has all for."""
    if pa.types.is_dictionary(cells.type):
        return known(cells.cast(cells.type.value_type), missing).dictionary_encode()
    cells = cells.cast(SAME.get(cells.type, cells.type))
    absent = [value for word in missing if (value := _as(word, cells.type)) is not None]
    if not absent:
        return cells
    return compute.if_else(compute.is_in(cells, value_set=pa.array(absent, cells.type)), None, cells)


def _as(word: str, dtype: pa.DataType) -> Any:
    """Return what the word means in a column of this type, or None where it means nothing."""
    try:
        return pa.scalar(word).cast(dtype).as_py()
    except pa.ArrowException:
        return None
