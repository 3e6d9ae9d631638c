"""What `information_schema` says about the tables of one or more databases."""

import hashlib
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from export_assets.sources.sqlalchemy_catalog import (
    Catalog,
    CatalogColumn,
    CatalogTable,
    public_name,
)
from export_assets.sources.sqlalchemy_session import Session
from export_assets.tables.schema import ForeignKey

_TABLES = sa.text("""
select table_schema, table_name, table_type, engine, table_comment, data_length
from information_schema.tables where table_schema in :schemas
and table_type in ('BASE TABLE', 'SYSTEM VERSIONED', 'VIEW')
order by table_type = 'VIEW', table_schema, table_name
""").bindparams(sa.bindparam("schemas", expanding=True))
_COLUMNS = sa.text("""
select table_schema, table_name, column_name, column_type, is_nullable, column_comment
from information_schema.columns where table_schema in :schemas
order by table_schema, table_name, ordinal_position
""").bindparams(sa.bindparam("schemas", expanding=True))
_SOME_COLUMNS = sa.text("""
select table_schema, table_name, column_name, column_type, is_nullable, column_comment
from information_schema.columns where table_schema in :schemas and table_name in :tables
order by table_schema, table_name, ordinal_position
""").bindparams(*(sa.bindparam(name, expanding=True) for name in ("schemas", "tables")))
_KEYS = sa.text("""
select k.table_schema, k.table_name, k.constraint_name, k.column_name, k.referenced_table_schema,
k.referenced_table_name, k.referenced_column_name, c.collation_name
from information_schema.key_column_usage as k left join information_schema.columns as c
on (c.table_schema, c.table_name, c.column_name)
= (k.referenced_table_schema, k.referenced_table_name, k.referenced_column_name)
where k.table_schema in :schemas
and (k.constraint_name = 'PRIMARY' or k.referenced_table_name is not null)
order by k.table_schema, k.table_name, k.constraint_name, k.ordinal_position
""").bindparams(sa.bindparam("schemas", expanding=True))
# MariaDB's JSON is text with this check.
_JSON = sa.text("""
select constraint_schema, table_name, check_clause from information_schema.check_constraints
where constraint_schema in :schemas and check_clause like 'json_valid(%)'
""").bindparams(sa.bindparam("schemas", expanding=True))
_SCHEMAS = sa.text("select schema_name from information_schema.schemata")


def text(value: object) -> str:
    """Return what `information_schema` gave, some servers as bytes, as text."""
    return value.decode() if isinstance(value, bytes) else "" if value is None else str(value)


def read_catalog(
    session: Session, schemas: Sequence[str], *, default: str, mariadb: bool
) -> Catalog:
    """Describe every table and view of *schemas*, tables first, those of *default* bare."""
    found: dict[tuple[str, str], CatalogTable] = {}
    for schema, table, kind, engine, comment, size in _rows(session, _TABLES, schemas):
        is_view = text(kind) == "VIEW"
        found[text(schema), text(table)] = CatalogTable(
            schema=text(schema),
            table=text(table),
            is_view=is_view,
            comment="" if is_view else text(comment),
            engine=text(engine),
            bytes_estimated=int(text(size)) if size is not None else None,
        )
    documents = _documents(session, schemas) if mariadb else set()
    for schema, table, name, declared, nullable, comment in _rows(session, _COLUMNS, schemas):
        known = found.get((text(schema), text(table)))
        if known is not None:
            is_json = (text(schema), text(table), text(name)) in documents
            known.columns[text(name)] = CatalogColumn(
                declared="json" if is_json else text(declared),
                nullable=text(nullable) == "YES",
                comment=text(comment),
            )
    _add_keys(session, schemas, found, default)
    named: Catalog = {}
    for one in found.values():
        name = public_name(one.schema, one.table, default=default)
        # A table of the default database may carry a dot in its name, and then goes first.
        if name not in named or one.schema == default:
            named[name] = one
    return named


def schema_names(session: Session) -> set[str]:
    """Return the databases there are, as far as the user may see them."""
    return {text(row[0]) for row in session.rows(_SCHEMAS)}


def shape_of(
    session: Session, schemas: Sequence[str], tables: Sequence[str] | None = None
) -> dict[tuple[str, str], str]:
    """Return a hash of the columns of tables as they are right now, by database and table.

    Of those called one of *tables*, in whichever of the *schemas*, or of all.
    """
    hashes: dict[tuple[str, str], Any] = {}
    statement = _COLUMNS if tables is None else _SOME_COLUMNS.bindparams(tables=list(tables))
    for schema, table, *column in _rows(session, statement, schemas):
        known = hashes.setdefault((text(schema), text(table)), hashlib.sha256())
        known.update(repr([text(part) for part in column]).encode("utf-8", "surrogatepass"))
    return {key: str(known.hexdigest()) for key, known in hashes.items()}


def _add_keys(
    session: Session,
    schemas: Sequence[str],
    found: dict[tuple[str, str], CatalogTable],
    default: str,
) -> None:
    references: dict[tuple[str, str, str], list[Sequence[str]]] = {}
    for row in _rows(session, _KEYS, schemas):
        schema, table, constraint, column, *target = (text(part) for part in row)
        known = found.get((schema, table))
        if known is None:
            continue
        if constraint == "PRIMARY" and not target[1]:
            known.primary_key = (*known.primary_key, column)
        else:
            references.setdefault((schema, table, constraint), []).append((column, *target))
    for (schema, table, _), parts in references.items():
        key = ForeignKey(
            columns=tuple(part[0] for part in parts),
            ref_table=public_name(parts[0][1], parts[0][2], default=default),
            ref_columns=tuple(part[3] for part in parts),
            exact=all(not part[4] or part[4].endswith("bin") for part in parts),
        )
        found[schema, table].foreign_keys.append(key)


def _documents(session: Session, schemas: Sequence[str]) -> set[tuple[str, str, str]]:
    found = set()
    for schema, table, clause in _rows(session, _JSON, schemas):
        quoted = text(clause).removeprefix("json_valid(").removesuffix(")")
        mark = quoted[:1]  # which depends on the session's sql_mode
        if mark in ("`", '"') and quoted.endswith(mark):
            found.add((text(schema), text(table), quoted[1:-1].replace(mark * 2, mark)))
    return found


def _rows(
    session: Session, statement: sa.TextClause, schemas: Sequence[str]
) -> list[Sequence[Any]]:
    return session.rows(statement.bindparams(schemas=list(schemas)))
