"""What a database says about itself, in one shape for every kind of server; read by Inspector."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from export_assets.tables.schema import ForeignKey


@dataclass(frozen=True, kw_only=True)
class CatalogColumn:
    """A column as declared."""

    declared: str
    nullable: bool = True
    comment: str = ""
    type: sa.types.TypeEngine[Any] = field(default_factory=sa.types.NullType)


@dataclass(kw_only=True)
class CatalogTable:
    """A table or view as declared."""

    schema: str | None
    table: str
    is_view: bool = False
    comment: str = ""
    engine: str = ""
    """What keeps its rows, where the server has several; empty for views."""
    bytes_estimated: int | None = None
    columns: dict[str, CatalogColumn] = field(default_factory=dict)
    primary_key: tuple[str, ...] = ()
    foreign_keys: list[ForeignKey] = field(default_factory=list)


Catalog = dict[str, CatalogTable]
"""Tables by the name people use, tables before views."""


def public_name(schema: str | None, table: str, *, default: str | None) -> str:
    """Return the name people use: tables outside the default schema carry their schema's."""
    return table if schema in (None, default) else f"{schema}.{table}"


def names_of(connection: sa.Connection, schemas: Sequence[str]) -> Catalog:
    """List tables and views of *schemas*, or of the default one, without their columns."""
    inspector = sa.inspect(connection)
    found: Catalog = {}
    for is_view in (False, True):
        for schema in schemas or (None,):
            names = inspector.get_view_names(schema) if is_view else None
            for table in inspector.get_table_names(schema) if names is None else names:
                public = public_name(schema, table, default=inspector.default_schema_name)
                found.setdefault(public, CatalogTable(schema=schema, table=table, is_view=is_view))
    return found


def read_columns(connection: sa.Connection, known: CatalogTable) -> None:
    """Add columns, keys and comment to *known*, unless they are there already."""
    if known.columns:
        return
    inspector, where = sa.inspect(connection), {"schema": known.schema}
    if not known.is_view:
        key = inspector.get_pk_constraint(known.table, **where)
        known.primary_key = tuple(key.get("constrained_columns") or ())
    for one in inspector.get_columns(known.table, **where):
        known.columns[one["name"]] = CatalogColumn(
            declared=_written(one["type"], connection.dialect),
            nullable=bool(one.get("nullable", True)) and one["name"] not in known.primary_key,
            comment=one.get("comment") or "",
            type=one["type"],
        )
    if known.is_view:
        return
    default = inspector.default_schema_name
    for reference in inspector.get_foreign_keys(known.table, **where):
        target = reference["referred_table"]
        schema = reference.get("referred_schema") or known.schema
        known.foreign_keys.append(
            ForeignKey(
                columns=tuple(reference["constrained_columns"]),
                ref_table=public_name(schema, target, default=default),
                ref_columns=tuple(reference["referred_columns"]),
            )
        )
    try:
        known.comment = str(inspector.get_table_comment(known.table, **where).get("text") or "")
    except NotImplementedError:  # by dialects without comments
        known.comment = ""


def _written(kind: sa.types.TypeEngine[Any], dialect: sa.Dialect) -> str:
    try:
        return kind.compile(dialect=dialect)
    except sa.exc.CompileError:  # of the type that stands for unknown ones
        return str(kind).lower()
