"""The one table of a SQLite file: how it is made, and what may not be in it."""

from dataclasses import dataclass, replace
from typing import Final, Self

import polars as pl

from export_assets.errors import UsageError
from export_assets.formats.definition import Definition, distinct
from export_assets.formats.sqlite_columns import STRICT, declared, to_stored
from export_assets.tables.batch import Batch
from export_assets.tables.schema import Column, LogicalType, TableSchema

MOST_COLUMNS: Final = 2_000
"""SQLite's own limit."""

_OWN_TABLES: Final = "sqlite_"


@dataclass(frozen=True, kw_only=True)
class SqliteTable:
    """The table of a schema in SQLite, as far as the schema alone tells."""

    columns: tuple[Column, ...]
    """Of the schema, each under the name it has in the database."""
    definition: Definition

    @classmethod
    def of(cls, schema: TableSchema) -> Self:
        """Return the table of *schema* with every promise that the schema makes.

        Raises:
            UsageError: SQLite has no table of so many columns, or of none.
        """
        if not 0 < len(schema.columns) <= MOST_COLUMNS:
            msg = f"{schema.name}: {len(schema.columns):,} columns; a table of SQLite has 1 to "
            msg += f"{MOST_COLUMNS:,}"
            raise UsageError(msg)
        names = distinct(schema.names, stand_in="column")
        called = dict(zip(schema.names, names, strict=True))
        types = dict(zip(names, map(declared, schema.columns), strict=True))
        key = schema.primary_key if set(schema.primary_key) <= set(called) else ()
        required = (called[column.name] for column in schema.columns if not column.nullable)
        return cls(
            columns=tuple(
                replace(column, name=name)
                for column, name in zip(schema.columns, names, strict=True)
            ),
            definition=Definition(
                name=table_name(schema.name),
                types=types,
                primary_key=tuple(called[name] for name in key),
                not_null=frozenset(required),
                ending="STRICT" if set(types.values()) <= STRICT else "",
            ),
        )

    def stored(self, batch: Batch) -> pl.DataFrame:
        """Return the rows of *batch* as SQLite holds them, columns by number."""
        # Polars takes some names for patterns; here nobody sees the names.
        numbers = [str(index) for index in range(len(self.columns))]
        frame = batch.frame
        plain = frame.rename(dict(zip(frame.columns, numbers, strict=True)))
        return plain.select(
            to_stored(replace(column, name=number)).alias(number)
            for column, number in zip(self.columns, numbers, strict=True)
        )

    def floats(self) -> list[str]:
        """Return the numbers of the columns of floats, as `stored` calls them."""
        kinds = (column.logical for column in self.columns)
        return [str(index) for index, kind in enumerate(kinds) if kind is LogicalType.FLOAT]


def table_name(name: str) -> str:
    """Return what the table *name* is called in SQLite, which keeps some names to itself."""
    return f"_{name}" if name.lower().startswith(_OWN_TABLES) else name or "table"
