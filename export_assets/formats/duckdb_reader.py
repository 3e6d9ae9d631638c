"""A DuckDB file of one table, or one table of several, back into batches."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import duckdb
import msgspec
import polars as pl

from export_assets.errors import IntegrityError
from export_assets.formats.duckdb_columns import from_stored, readable, reading
from export_assets.formats.duckdb_open import opened
from export_assets.formats.duckdb_table import NUMBERS, DuckDbTable
from export_assets.formats.sql import quote, select, type_as_told
from export_assets.formats.streams import ROWS_AT_ONCE
from export_assets.tables.batch import Batch
from export_assets.tables.schema import TableSchema

_COLUMNS: Final = """
select column_name, data_type from duckdb_columns()
where database_name = current_database() and table_name = ? order by column_index
"""


def read_duckdb(path: Path, schema: TableSchema, table: DuckDbTable) -> Iterator[Batch]:
    """Yield the rows of *table* at *path* as batches of `schema.polars`.

    Raises:
        IntegrityError: The file is cut, or holds no such table.
    """
    with opened(path) as connection:
        _check_columns(connection, path, table)
        expressions = [
            f"{reading(column)} as {NUMBERS.format(index)}"
            for index, column in enumerate(table.columns)
        ]
        # Insertion order is kept; sorting by the number of the row would hold all of them.
        rows = connection.sql(select(expressions, quote(table.definition.name)))
        for batch in rows.to_arrow_reader(ROWS_AT_ONCE):
            frame = pl.from_arrow(batch)
            assert isinstance(frame, pl.DataFrame)  # noqa: S101 - a batch gives a frame
            yield Batch(_values(path, frame, schema))


def _check_columns(connection: duckdb.DuckDBPyConnection, path: Path, table: DuckDbTable) -> None:
    found = dict(connection.execute(_COLUMNS, [table.definition.name]).fetchall())
    if tuple(found) != tuple(table.definition.types):
        msg = f"{path.name}: the columns are not those of the table"
        raise IntegrityError(msg)
    for column in table.columns:
        known = [_told(connection, declared) for declared in readable(column)]
        if found[column.name] not in known:
            kinds = f"{found[column.name]}, not {' or '.join(known)}"
            msg = f"{path.name}: column {column.name} is {kinds}"
            raise IntegrityError(msg)


def _told(connection: duckdb.DuckDBPyConnection, declared: str) -> str:
    """Return what DuckDB calls a type: names of fields are quoted where they must be."""
    if not declared.endswith("]") and not declared.startswith("STRUCT"):
        return declared
    [(told,)] = connection.execute(type_as_told(declared)).fetchall()
    return str(told)


def _values(path: Path, rows: pl.DataFrame, schema: TableSchema) -> pl.DataFrame:
    done = {}
    for column, stored in zip(schema.columns, rows.get_columns(), strict=True):
        try:
            done[column.name] = from_stored(column, stored)
        except (pl.exceptions.PolarsError, msgspec.MsgspecError, TypeError, ValueError) as error:
            msg = f"{path.name}: column {column.name} does not hold {column.logical}"
            raise IntegrityError(msg) from error
    return pl.DataFrame(done)
