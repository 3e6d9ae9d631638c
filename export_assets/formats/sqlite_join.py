"""One SQLite database of the databases of its tables, with the keys between them.

Pages are copied as they are where SQLite can. Foreign keys are declared and not enforced: a row
that refers to nothing stays as it is, until somebody turns `foreign_keys` on and changes it.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Final

from export_assets.errors import IntegrityError
from export_assets.formats.about import ABOUT_SCHEMA, about
from export_assets.formats.base import FormatOptions
from export_assets.formats.definition import Definition, distinct
from export_assets.formats.joining import ABOUT, Origin, Part, Parts, TableJoiner
from export_assets.formats.references import indexes, leading, references
from export_assets.formats.sql import copy, create_index, quote, repeated
from export_assets.formats.sqlite_file import SqliteFile
from export_assets.formats.sqlite_reader import check_whole, read_sqlite, uri
from export_assets.formats.sqlite_table import SqliteTable, table_name
from export_assets.tables.batch import Batch

_PART: Final = "part"
_COLUMNS: Final = 'select name, type, "notnull", pk from pragma_table_xinfo(?) order by cid'


class SqliteJoiner(TableJoiner):
    """Makes one SQLite database of several."""

    def join(
        self, path: Path, parts: Parts, options: FormatOptions, *, origin: Origin | None
    ) -> None:
        """Create *path*; see `Joiner.join`."""
        del options
        made = _definitions(parts)
        file = SqliteFile(path)
        try:
            for name, part in parts.items():
                file.execute(made[name].create())
                file.attach(_PART, part.path)
                source = f"{_PART}.{quote(SqliteTable.of(part.schema).definition.name)}"
                file.execute(copy(source, f"main.{quote(made[name].name)}"))
                file.detach(_PART)
            for index, table, columns in indexes(made):
                file.execute(create_index(index, table, columns))
            if origin is not None:
                table_of_them = SqliteTable.of(ABOUT_SCHEMA)
                called = {name: one.name for name, one in made.items()}
                file.execute(table_of_them.definition.create())
                file.append(ABOUT, table_of_them.stored(about(parts, called, origin)))
            file.close()
        except BaseException:
            file.abort()
            raise

    def read(self, path: Path, parts: Parts, table: str) -> Iterator[Batch]:
        """Yield the rows of *table*; see `TableJoiner.read`."""
        schema, name = parts[table].schema, _called(parts)[table]
        own = SqliteTable.of(schema)
        return read_sqlite(path, schema, replace(own, definition=own.definition.called(name)))


def _called(parts: Parts) -> dict[str, str]:
    return dict(zip(parts, distinct(map(table_name, parts), stand_in="table"), strict=True))


def _definitions(parts: Parts) -> dict[str, Definition]:
    """Return how each table is made: with the promises its own file keeps, and its references."""
    called = _called(parts)
    made = {name: _declared(part).called(called[name]) for name, part in parts.items()}
    keys, keyed = leading(
        references(parts, made), made, lambda name, columns: _is_unique(parts[name], columns)
    )
    return {name: replace(one, foreign_keys=tuple(keys[name])) for name, one in keyed.items()}


def _is_unique(part: Part, columns: Sequence[str]) -> bool:
    table = SqliteTable.of(part.schema).definition.name
    with closing(sqlite3.connect(uri(part.path), uri=True)) as connection:
        return connection.execute(repeated(table, columns)).fetchone() is None


def _declared(part: Part) -> Definition:
    """Return how the table of *part* was made, when its last row was written.

    Raises:
        IntegrityError: It is not in the file.
    """
    definition = SqliteTable.of(part.schema).definition
    check_whole(part.path)
    with closing(sqlite3.connect(uri(part.path), uri=True)) as connection:
        rows = connection.execute(_COLUMNS, (definition.name,)).fetchall()
    if tuple(row[0] for row in rows) != tuple(definition.types):
        msg = f"{part.path.name}: the columns are not those of the table"
        raise IntegrityError(msg)
    keyed = sorted((place, name) for name, _, _, place in rows if place)
    return replace(
        definition,
        primary_key=tuple(name for _, name in keyed),
        not_null=frozenset(name for name, _, required, _ in rows if required),
    )
