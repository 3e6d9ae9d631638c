"""A DuckDB file of one table being written, a row group of rows at a time.

The key and NOT NULL are added at the end, where the rows keep them. The bytes of two files of equal
rows are not equal: DuckDB writes an identifier of its own into each.
"""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import duckdb
import pyarrow as pa

from export_assets.formats.base import FormatWriter
from export_assets.formats.definition import Definition
from export_assets.formats.duckdb_columns import FALLBACKS, misfits, plain_nested
from export_assets.formats.duckdb_file import DuckDbFile
from export_assets.formats.duckdb_open import MADE
from export_assets.formats.duckdb_table import NUMBERS, DuckDbTable
from export_assets.formats.findings import NESTED_NOT_FINITE
from export_assets.formats.nested import count_not_finite
from export_assets.formats.sql import add_key, copy, count, quote, retype, set_not_null
from export_assets.tables.batch import Batch
from export_assets.tables.schema import Fidelity, LogicalType, TableSchema

_ROW_GROUP: Final = 122_880
_MOST_BYTES: Final = 32 << 20
_ROWS: Final = "rows"


class DuckDbWriter(FormatWriter):
    """One DuckDB file being written."""

    def __init__(self, path: Path, schema: TableSchema) -> None:
        self._path = path
        self._schema = schema
        self._table = DuckDbTable.of(schema)
        self._fallen: set[int] = set()
        self._misfits: Counter[int] = Counter()
        self._not_finite: Counter[int] = Counter()
        self._nulls: set[str] = set()
        self._pending: list[pa.Table] = []
        self._rows = self._bytes = 0
        self._file: DuckDbFile | None = None
        self._closed = False
        path.open("xb").close()

    def write(self, batch: Batch) -> None:
        """Append the rows of *batch*."""
        self._opened()
        self._count(batch)
        rows = self._table.stored(batch)
        self._pending.append(rows)
        self._rows += rows.num_rows
        self._bytes += rows.nbytes
        if self._rows >= _ROW_GROUP or self._bytes >= _MOST_BYTES:
            self._flush()

    def close(self) -> None:
        """Write what is pending, add what the rows keep, and finish the file."""
        if self._closed:
            return
        try:
            file = self._opened()
            self._flush()
            file.execute("commit")
            self._promise(file)
            file.close()
        except BaseException:
            self.abort()
            raise
        self._closed = True

    def abort(self) -> None:
        """Close the file without finishing it."""
        self._pending.clear()
        if self._file is not None and not self._closed:
            self._file.abort()
        self._closed = True

    def fidelity(self) -> Mapping[str, Fidelity]:
        """Return the columns whose type is another one for the values they hold."""
        names = self._schema.names
        found = {
            names[index]: Fidelity(
                verdict="widened",
                reason=FALLBACKS[self._table.columns[index].logical][1],
                count=count,
            )
            for index, count in self._misfits.items()
        }
        for index, number in self._not_finite.items():
            found[names[index]] = Fidelity(verdict="lossy", reason=NESTED_NOT_FINITE, count=number)
        return found

    @property
    def _name(self) -> str:
        return f"{MADE}.{quote(self._table.definition.name)}"

    def _opened(self) -> DuckDbFile:
        if self._file is None:
            # DuckDB makes a file of its own, and takes an empty one for a broken one.
            self._path.unlink()
            self._file = DuckDbFile(self._path)
            plain = Definition(name=self._table.definition.name, types=self._table.definition.types)
            self._file.execute(plain.create(MADE))
            self._file.execute("begin transaction")
        return self._file

    def _count(self, batch: Batch) -> None:
        for index, column in enumerate(self._table.columns):
            values = batch.frame.to_series(index)
            if values.null_count():
                self._nulls.add(column.name)
            if found := misfits(column, values):
                self._misfits[index] += found
            as_text = column.logical is LogicalType.NESTED and not plain_nested(column.dtype)
            if as_text and (lost := count_not_finite(values)):
                self._not_finite[index] += lost

    def _flush(self) -> None:
        """Hand over what is pending, after the types are such that all of it fits."""
        if not self._pending:
            return
        file, rows = self._opened(), pa.concat_tables(self._pending)
        self._pending, self._rows, self._bytes = [], 0, 0
        with file.handed(_ROWS, rows):
            for index, column in enumerate(self._table.columns):
                if column.logical is LogicalType.JSON:
                    self._count_broken(file, index)
            for index in sorted(self._misfits.keys() - self._fallen):
                self._fall(file, index)
            names = [NUMBERS.format(index) for index in range(rows.num_columns)]
            file.execute(copy(_ROWS, self._name, names))

    def _count_broken(self, file: DuckDbFile, index: int) -> None:
        """Count the texts that are not JSON for DuckDB, which is not what they are for others."""
        number = NUMBERS.format(index)
        broken = f"{number} is not null and try_cast({number} as json) is null"
        if found := int(str(file.execute(count(_ROWS, [broken]))[0][0])):
            self._misfits[index] += found

    def _fall(self, file: DuckDbFile, index: int) -> None:
        """Give a column the type that holds all its values; those so far move over."""
        column = self._table.columns[index]
        file.execute("commit")
        file.execute(retype(self._name, column.name, FALLBACKS[column.logical][0]))
        file.execute("begin transaction")
        self._fallen.add(index)

    def _promise(self, file: DuckDbFile) -> None:
        """Add NOT NULL and the primary key, where the rows keep them."""
        wanted = self._table.definition
        for name in wanted.types:
            if name in wanted.not_null - self._nulls:
                file.execute(set_not_null(self._name, name))
        if wanted.primary_key and not self._nulls & set(wanted.primary_key):
            try:
                file.execute(add_key(self._name, wanted.primary_key))
            except (duckdb.ConstraintException, duckdb.OutOfMemoryException):
                return  # rows that share a key, or more of them than an index has room for
