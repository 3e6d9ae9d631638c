"""What a DuckDB database says about itself: tables, columns, keys, comments."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import duckdb

from export_assets.tables.schema import ForeignKey

_RELATIONS = """
select schema_name, table_name, comment, table_oid, false as is_view from duckdb_tables()
where database_name = current_database() and not internal and not temporary
union all
select schema_name, view_name, comment, view_oid, true from duckdb_views()
where database_name = current_database() and not internal and not temporary
order by is_view, table_oid
"""
_COLUMNS = """
select schema_name, table_name, column_name, is_nullable, comment from duckdb_columns()
where database_name = current_database() and not internal order by column_index
"""
_KEYS = """
select schema_name, table_name, constraint_type, constraint_column_names, referenced_table,
referenced_column_names from duckdb_constraints()
where database_name = current_database() and constraint_type in ('PRIMARY KEY', 'FOREIGN KEY')
order by constraint_index
"""


@dataclass(kw_only=True)
class CatalogTable:
    """A physical table or view as declared."""

    schema: str
    table: str
    is_view: bool
    comment: str = ""
    columns: dict[str, tuple[bool, str]] = field(default_factory=dict)
    """By name: nullable, comment."""
    primary_key: tuple[str, ...] = ()
    foreign_keys: list[ForeignKey] = field(default_factory=list)


def public_name(schema: str, table: str) -> str:
    """Return the name people use: tables outside the main schema carry their schema's."""
    return table if schema == "main" else f"{schema}.{table}"


def read_catalog(connection: duckdb.DuckDBPyConnection) -> dict[str, CatalogTable]:
    """Describe every table and view of the current database, tables first."""
    found: dict[tuple[str, str], CatalogTable] = {}
    for schema, table, comment, _, is_view in _rows(connection, _RELATIONS):
        found[str(schema), str(table)] = CatalogTable(
            schema=str(schema), table=str(table), is_view=bool(is_view), comment=str(comment or "")
        )
    for schema, table, column, nullable, comment in _rows(connection, _COLUMNS):
        if (known := found.get((str(schema), str(table)))) is not None:
            known.columns[str(column)] = (bool(nullable), str(comment or ""))
    for schema, table, kind, columns, target, targets in _rows(connection, _KEYS):
        known = found.get((str(schema), str(table)))
        if known is None or not isinstance(columns, list):
            continue
        if kind == "PRIMARY KEY":
            known.primary_key = tuple(columns)
        elif isinstance(targets, list):
            key = ForeignKey(
                columns=tuple(columns),
                ref_table=public_name(str(schema), str(target)),
                ref_columns=tuple(targets),
            )
            known.foreign_keys.append(key)
    named: dict[str, CatalogTable] = {}
    for one in found.values():
        name = public_name(one.schema, one.table)
        # A table of the main schema may carry a dot in its name, and then goes first.
        if name not in named or one.schema == "main":
            named[name] = one
    return named


def _rows(connection: duckdb.DuckDBPyConnection, statement: str) -> Iterator[tuple[object, ...]]:
    yield from connection.execute(statement).fetchall()
