"""One DuckDB database of the databases of its tables, with the keys between them.

DuckDB enforces foreign keys, and only from the start: one is declared where every row keeps it and
the table it leads to can be made first.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import duckdb

from export_assets.errors import IntegrityError
from export_assets.formats.about import ABOUT_SCHEMA, about
from export_assets.formats.base import FormatOptions
from export_assets.formats.definition import Definition, distinct
from export_assets.formats.duckdb_file import DuckDbFile
from export_assets.formats.duckdb_open import MADE, opened
from export_assets.formats.duckdb_reader import read_duckdb
from export_assets.formats.duckdb_table import NUMBERS, DuckDbTable
from export_assets.formats.joining import ABOUT, Origin, Part, Parts, TableJoiner
from export_assets.formats.references import in_order, leading, references
from export_assets.formats.sql import copy, dangling, drop, quote, repeated
from export_assets.tables.batch import Batch
from export_assets.tables.schema import ForeignKey

_PART: Final = "part"
_ROWS: Final = "rows"
_COLUMNS: Final = """
select column_name, data_type, is_nullable from duckdb_columns()
where database_name = current_database() and table_name = ? order by column_index
"""
_KEY: Final = """
select constraint_column_names from duckdb_constraints()
where database_name = current_database() and table_name = ? and constraint_type = 'PRIMARY KEY'
"""


class DuckDbJoiner(TableJoiner):
    """Makes one DuckDB database of several."""

    def join(
        self, path: Path, parts: Parts, options: FormatOptions, *, origin: Origin | None
    ) -> None:
        """Create *path*; see `Joiner.join`."""
        del options
        called = _called(parts)
        own = {name: _declared(part).called(called[name]) for name, part in parts.items()}
        keys, made = leading(
            references(parts, own), own, lambda name, columns: _is_unique(parts[name], columns)
        )
        file = DuckDbFile(path)
        try:
            file.execute(f"use {MADE}")
            done: set[str] = set()
            for name in in_order(keys, made):
                file.attach(_PART, parts[name].path)
                _fill(file, parts[name], made[name], keys[name], done)
                file.detach(_PART)
                done.add(called[name])
            if origin is not None:
                table = DuckDbTable.of(ABOUT_SCHEMA)
                rows = table.stored(about(parts, called, origin))
                file.execute(table.definition.create())
                with file.handed(_ROWS, rows):
                    numbers = [NUMBERS.format(index) for index in range(rows.num_columns)]
                    file.execute(copy(_ROWS, quote(ABOUT), numbers))
            file.close()
        except BaseException:
            file.abort()
            raise

    def read(self, path: Path, parts: Parts, table: str) -> Iterator[Batch]:
        """Yield the rows of *table*; see `TableJoiner.read`."""
        schema, name = parts[table].schema, _called(parts)[table]
        own = DuckDbTable.of(schema)
        return read_duckdb(path, schema, replace(own, definition=own.definition.called(name)))


def _called(parts: Parts) -> dict[str, str]:
    return dict(zip(parts, distinct(parts, stand_in="table"), strict=True))


def _fill(
    file: DuckDbFile,
    part: Part,
    made: Definition,
    keys: Sequence[ForeignKey],
    done: set[str],
) -> None:
    """Make one table and copy its rows, under the keys that they keep."""
    source = f"{_PART}.{quote(DuckDbTable.of(part.schema).definition.name)}"
    kept = []
    for key in keys:
        if key.ref_table in done or key.ref_table == made.name:
            target = source if key.ref_table == made.name else quote(key.ref_table)
            [(lost,)] = file.execute(dangling(source, target, key))
            kept += [] if lost else [key]
    try:
        file.execute(replace(made, foreign_keys=tuple(kept)).create())
        file.execute(copy(source, quote(made.name)))
    except (duckdb.ConstraintException, duckdb.BinderException, duckdb.OutOfMemoryException):
        # A row that refers to a later one of its own table; types that differ; keys without room.
        file.execute(drop(made.name))
        plain = made if kept else replace(made, primary_key=(), unique=())
        file.execute(plain.create())
        file.execute(copy(source, quote(made.name)))


def _is_unique(part: Part, columns: Sequence[str]) -> bool:
    with opened(part.path) as connection:
        statement = repeated(DuckDbTable.of(part.schema).definition.name, columns)
        return not connection.execute(statement).fetchall()


def _declared(part: Part) -> Definition:
    """Return how the table of *part* was made, when its last row was written.

    Raises:
        IntegrityError: It is not in the file.
    """
    definition = DuckDbTable.of(part.schema).definition
    with opened(part.path) as connection:
        rows = connection.execute(_COLUMNS, [definition.name]).fetchall()
        keys = connection.execute(_KEY, [definition.name]).fetchall()
    if tuple(row[0] for row in rows) != tuple(definition.types):
        msg = f"{part.path.name}: the columns are not those of the table"
        raise IntegrityError(msg)
    return replace(
        definition,
        types={name: declared for name, declared, _ in rows},
        primary_key=tuple(keys[0][0]) if keys else (),
        not_null=frozenset(name for name, _, nullable in rows if not nullable),
    )
