"""A SQLite file of one table being written; equal rows give equal bytes.

A promise of the schema that a row breaks, a key that comes twice or a NULL where none may be, is
taken back: the rows so far move into a new file without it.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import polars as pl

from export_assets.formats.base import FormatWriter
from export_assets.formats.findings import NESTED_NOT_FINITE, NOT_IN_SQLITE
from export_assets.formats.nested import count_not_finite
from export_assets.formats.sql import copy, quote
from export_assets.formats.sqlite_file import PromiseBrokenError, SqliteFile
from export_assets.formats.sqlite_table import SqliteTable
from export_assets.formats.streams import ROWS_AT_ONCE
from export_assets.tables.batch import Batch
from export_assets.tables.schema import Fidelity, LogicalType, TableSchema

_BEFORE = "before"


class SqliteWriter(FormatWriter):
    """One SQLite file being written."""

    def __init__(self, path: Path, schema: TableSchema) -> None:
        self._path = path
        self._table = SqliteTable.of(schema)
        self._definition = self._table.definition
        names = {column.name: column.logical for column in schema.columns}
        self._changed = {name: 0 for name, kind in names.items() if kind is LogicalType.FLOAT}
        self._nested = {name: 0 for name, kind in names.items() if kind is LogicalType.NESTED}
        self._file = SqliteFile(path)
        self._rows: int | None = None
        """In the file; None until its table is made."""

    def write(self, batch: Batch) -> None:
        """Append the rows of *batch*."""
        for name in self._changed:
            self._changed[name] += int(is_unheld(batch.frame[name]).sum())
        for name in self._nested:
            self._nested[name] += count_not_finite(batch.frame[name])
        for rows in batch.frame.iter_slices(ROWS_AT_ONCE):
            self._append(self._table.stored(Batch(rows)))

    def close(self) -> None:
        """Finish the file, which then stands alone."""
        if self._rows is None and not self._file.closed:
            self._make()
        self._file.close()

    def abort(self) -> None:
        """Close the file without finishing it."""
        self._file.abort()
        self._aside.unlink(missing_ok=True)

    def fidelity(self) -> Mapping[str, Fidelity]:
        """Count the numbers that SQLite cannot hold, and those that JSON text cannot."""
        found = {name: (NOT_IN_SQLITE, count) for name, count in self._changed.items()}
        found |= {name: (NESTED_NOT_FINITE, count) for name, count in self._nested.items()}
        return {
            name: Fidelity(verdict="lossy", reason=reason, count=count)
            for name, (reason, count) in found.items()
            if count
        }

    @property
    def _aside(self) -> Path:
        return self._path.with_name(f".{self._path.name}.before")

    def _make(self) -> None:
        self._file.execute(self._definition.create())
        self._rows = 0

    def _append(self, rows: pl.DataFrame) -> None:
        if self._rows is None:
            self._make()
        nulls = {
            name
            for name, column in zip(self._definition.types, rows.get_columns(), strict=True)
            if column.null_count()
        }
        # SQLite would number a row whose key is NULL by itself.
        if nulls & (self._definition.not_null | set(self._definition.primary_key)):
            self._take_back(nulls)
        before = self._rows or 0
        try:
            self._file.append(self._definition.name, rows)
        except PromiseBrokenError:
            taken = self._file.count(self._definition.name) - before
            self._rows = before + taken
            self._take_back(set(self._definition.primary_key))
            self._append(rows.slice(taken))
        else:
            self._rows = before + rows.height

    def _take_back(self, columns: set[str]) -> None:
        """Move the rows so far into a new file whose table promises nothing of *columns*."""
        old = self._definition
        key = () if columns & set(old.primary_key) else old.primary_key
        self._definition = replace(old, primary_key=key, not_null=old.not_null - columns)
        self._file.close()
        self._path.rename(self._aside)
        self._file = SqliteFile(self._path)
        self._file.attach(_BEFORE, self._aside)
        self._file.execute(self._definition.create())
        source = f"{_BEFORE}.{quote(old.name)} not indexed"
        self._file.execute(copy(source, f"main.{quote(old.name)}"))
        self._file.detach(_BEFORE)
        self._aside.unlink()


def is_unheld(values: pl.Series) -> pl.Series:
    """Tell which floats SQLite does not hold as they are: NaN, and zeros that have a sign."""
    values = values.alias("values")
    signed = (values == 0) & (1 / values).is_infinite() & (1 / values < 0)
    return (values.is_nan() | signed).fill_null(value=False)


def as_held(values: pl.Series) -> pl.Series:
    """Return *values* as SQLite holds them."""
    plain = values.alias("values")
    return plain.set(plain == 0, 0.0).fill_nan(None).alias(values.name)
