"""The one table of a DuckDB file: how it is made, and its rows as they are handed over."""

from dataclasses import dataclass, replace
from typing import Final, Self

import polars as pl
import pyarrow as pa

from export_assets.errors import UsageError
from export_assets.formats.definition import Definition, distinct
from export_assets.formats.duckdb_columns import FALLBACKS, declared, to_stored
from export_assets.tables.batch import Batch
from export_assets.tables.schema import Column, TableSchema

NUMBERS: Final = "c{}"
"""What columns are called while they are handed over: DuckDB takes names in any case."""


@dataclass(frozen=True, kw_only=True)
class DuckDbTable:
    """The table of a schema in DuckDB, as far as the schema alone tells."""

    columns: tuple[Column, ...]
    """Of the schema, each under the name it has in the database."""
    definition: Definition
    """With every promise that the schema makes."""

    @classmethod
    def of(cls, schema: TableSchema) -> Self:
        """Return the table of *schema*.

        Raises:
            UsageError: It has no columns.
        """
        if not schema.columns:
            msg = f"{schema.name}: a table of DuckDB has at least one column"
            raise UsageError(msg)
        names = distinct(schema.names, stand_in="column")
        called = dict(zip(schema.names, names, strict=True))
        key = schema.primary_key if set(schema.primary_key) <= set(called) else ()
        required = (called[column.name] for column in schema.columns if not column.nullable)
        return cls(
            columns=tuple(
                replace(column, name=name)
                for column, name in zip(schema.columns, names, strict=True)
            ),
            definition=Definition(
                name=schema.name or "table",
                types=dict(zip(names, map(declared, schema.columns), strict=True)),
                primary_key=tuple(called[name] for name in key),
                not_null=frozenset(required),
            ),
        )

    def stored(self, batch: Batch) -> pa.Table:
        """Return the rows of *batch* as they are handed to DuckDB, columns by number."""
        columns = {
            NUMBERS.format(index): to_stored(column, values)
            for index, (column, values) in enumerate(
                zip(self.columns, batch.frame.get_columns(), strict=True)
            )
        }
        return pl.DataFrame(columns).to_arrow(compat_level=pl.CompatLevel.oldest())

    def loose(self) -> list[int]:
        """Return the numbers of the columns that have something to fall back to.

        Those whose type their values decide alone are JSON, UUID and TIME.
        """
        return [index for index, one in enumerate(self.columns) if one.logical in FALLBACKS]
