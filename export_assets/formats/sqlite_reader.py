"""A SQLite file of one table, or one table of several, back into batches."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import adbc_driver_manager
import adbc_driver_sqlite.dbapi as adbc
import msgspec
import polars as pl
import pyarrow as pa

from export_assets.errors import IntegrityError
from export_assets.formats.sql import count, quote, select
from export_assets.formats.sqlite_columns import Storage, from_stored, storage
from export_assets.formats.sqlite_table import SqliteTable
from export_assets.formats.streams import ROWS_AT_ONCE
from export_assets.tables.batch import Batch
from export_assets.tables.schema import Column, LogicalType, TableSchema

_MAGIC: Final = b"SQLite format 3\0"
_LARGEST_PAGE: Final = 65_536
_FIRST: Final[dict[Storage, tuple[str, str]]] = {
    "integer": ("0", "'integer'"),
    "real": ("0.0", "'real', 'integer'"),
    "text": ("''", "'text'"),
    "blob": ("x''", "'blob'"),
}
"""A literal of each class, and the classes that a column of it may hold."""

_COLUMNS: Final = "select name, type from pragma_table_xinfo(?) order by cid"


def read_sqlite(path: Path, schema: TableSchema, table: SqliteTable) -> Iterator[Batch]:
    """Yield the rows of *table* at *path* as batches of `schema.polars`.

    Raises:
        IntegrityError: The file is cut, or holds no such table.
    """
    check_whole(path)
    try:
        _check_table(path, table)
        for rows in _stored(path, table):
            yield Batch(_values(path, rows, schema))
    except (sqlite3.Error, adbc_driver_manager.Error, pa.ArrowException, OSError) as error:
        msg = f"{path.name}: a page is damaged"
        raise IntegrityError(msg) from error


def check_whole(path: Path) -> None:
    """Refuse a file that is no SQLite database, or has not the size that it tells of itself.

    Raises:
        IntegrityError: It is none, or it is cut, or something was appended.
    """
    with path.open("rb") as file:
        head = file.read(100)
    if len(head) < 100 or not head.startswith(_MAGIC):  # noqa: PLR2004 - the length of the header
        msg = f"{path.name}: not a SQLite database"
        raise IntegrityError(msg)
    page = int.from_bytes(head[16:18], "big")
    expected = int.from_bytes(head[28:32], "big") * (_LARGEST_PAGE if page == 1 else page)
    if path.stat().st_size != expected:
        msg = f"{path.name}: has {path.stat().st_size:,} bytes, not the {expected:,} it tells of"
        raise IntegrityError(msg)


def _check_table(path: Path, table: SqliteTable) -> None:
    with closing(sqlite3.connect(uri(path), uri=True)) as connection:
        found = dict(connection.execute(_COLUMNS, (table.definition.name,)).fetchall())
        if tuple(found) != tuple(table.definition.types):
            msg = f"{path.name}: the columns are not those of the table"
            raise IntegrityError(msg)
        for name, declared in table.definition.types.items():
            if found[name] != declared:
                msg = f"{path.name}: column {name} is {found[name]}, not {declared}"
                raise IntegrityError(msg)
        source = quote(table.definition.name)
        conditions = [_unlike(column) for column in table.columns]
        # In one pass; only what is wrong is looked at twice.
        if not connection.execute(count(source, conditions)).fetchone()[0]:
            return
        for column, condition in zip(table.columns, conditions, strict=True):
            if wrong := connection.execute(count(source, [condition])).fetchone()[0]:
                msg = f"{path.name}: column {column.name} holds {wrong:,} values that are no "
                msg += f"{column.logical}"
                raise IntegrityError(msg)


def _unlike(column: Column) -> str:
    """Return the condition that a value is none that is written for *column*."""
    name = quote(column.name)
    if column.logical is LogicalType.BOOLEAN:
        return f"({name} is not null and {name} is not 0 and {name} is not 1)"
    _, classes = _FIRST[storage(column)]
    return f"typeof({name}) not in ({classes}, 'null')"


def _stored(path: Path, table: SqliteTable) -> Iterator[pl.DataFrame]:
    """Yield what the table holds; a row of literals goes first and fixes the types."""
    first = [_FIRST[storage(column)][0] for column in table.columns]
    literals = select((f"{one} as c{index}" for index, one in enumerate(first)), "(select 1)")
    rows = select(map(quote, table.definition.types), f"{quote(table.definition.name)} not indexed")
    with (
        closing(adbc.connect(uri(path))) as connection,
        closing(connection.cursor()) as cursor,
    ):
        options = {"adbc.sqlite.query.batch_rows": str(ROWS_AT_ONCE)}
        cursor.adbc_statement.set_options(**options)
        cursor.execute(f"{literals} union all {rows}")
        with cursor.fetch_record_batch() as reader:
            skipped = 1
            for batch in reader:
                wanted, skipped = batch.slice(skipped), 0
                if wanted.num_rows:
                    wanted.validate(full=True)
                    frame = pl.from_arrow(wanted)
                    assert isinstance(frame, pl.DataFrame)  # noqa: S101 - a batch gives a frame
                    yield frame


def _values(path: Path, rows: pl.DataFrame, schema: TableSchema) -> pl.DataFrame:
    done = {}
    for column, stored in zip(schema.columns, rows.get_columns(), strict=True):
        try:
            done[column.name] = from_stored(column, stored)
        except (pl.exceptions.PolarsError, msgspec.MsgspecError, TypeError, ValueError) as error:
            # pa.ArrowInvalid is a ValueError too.
            msg = f"{path.name}: column {column.name} does not hold {column.logical}"
            raise IntegrityError(msg) from error
    return pl.DataFrame(done)


def uri(path: Path) -> str:
    """Return the address of *path* for reading; nobody writes to it meanwhile."""
    return f"{path.absolute().as_uri()}?mode=ro&immutable=1"
