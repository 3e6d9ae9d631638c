"""What a SQLite database says about itself: tables, columns, keys."""

import sqlite3
from dataclasses import dataclass

from export_assets.sources.sql import TEMP_VIEW
from export_assets.sources.sqlite_open import foreign_collations
from export_assets.sources.sqlite_types import Affinity, affinity
from export_assets.tables.schema import ForeignKey

_TABLES = """
select l.name, l.type, l.wr, l.strict, coalesce(s.sql, '') from pragma_table_list as l
left join sqlite_schema as s on s.name = l.name and s.type in ('table', 'view')
where l.schema = 'main' and l.type in ('table', 'view', 'virtual')
and l.name not like 'sqlite!_%' escape '!' order by s.rowid
"""
_COLUMNS = """
select name, type, "notnull", pk from pragma_table_xinfo(?) where hidden <> 1 order by cid
"""
_KEY_INDEX = "select 1 from pragma_index_list(?) where origin = 'pk'"
_COLLATIONS = """
select distinct info.name from pragma_index_list(?) as one, pragma_index_xinfo(one.name) as info
where one."unique" and info.key and info.name is not null and upper(info.coll) <> 'BINARY'
"""
_KEYS = 'select id, "table", "from", "to" from pragma_foreign_key_list(?) order by id desc, seq'


@dataclass(frozen=True, kw_only=True)
class CatalogColumn:
    """A column as declared."""

    name: str
    declared: str
    nullable: bool
    key_position: int
    """1-based place in the primary key, 0 outside it."""


@dataclass(frozen=True, kw_only=True)
class CatalogTable:
    """A physical table or view as declared."""

    name: str
    kind: str
    columns: tuple[CatalogColumn, ...]
    foreign_keys: tuple[ForeignKey, ...] = ()
    strict: bool = False
    without_rowid: bool = False
    rowid_alias: str | None = None
    """The column that is the rowid under another name."""
    collated: bool = False
    """Whether the application orders its text in a way that SQLite alone does not know."""

    @property
    def primary_key(self) -> tuple[str, ...]:
        """Names of the key's columns in the key's order."""
        keyed = sorted((c for c in self.columns if c.key_position), key=lambda c: c.key_position)
        return tuple(column.name for column in keyed)

    @property
    def rowid(self) -> str | None:
        """A name that reaches the rowid, or None where there is none."""
        if self.kind != "table" or self.without_rowid:
            return None
        taken = {column.name.lower() for column in self.columns}
        return next((name for name in ("rowid", "_rowid_", "oid") if name not in taken), None)

    def affinity(self, column: str) -> Affinity:
        """Return the affinity of *column*; a view promises none."""
        if self.kind == "view":
            return "blob"
        declared = next((c.declared for c in self.columns if c.name == column), "")
        return affinity(declared)


def read_catalog(connection: sqlite3.Connection) -> dict[str, CatalogTable]:
    """Describe every table and view *connection* can read, in the order they were made.

    Shadow tables belong to their virtual table; where its module is not at hand, they stand for
    themselves. Such a virtual table, and a view that does not work any more, stay without
    columns, so that asking for them says so.
    """
    rows = connection.execute(_TABLES).fetchall()
    tables = (_read_table(connection, row[0], row[1], row[2:]) for row in rows)
    return {table.name: table for table in tables}


def _read_table(
    connection: sqlite3.Connection, name: str, kind: str, said: tuple[int, int, str]
) -> CatalogTable:
    without_rowid, strict, sql = said
    try:
        rows = connection.execute(_COLUMNS, (name,)).fetchall()
    except sqlite3.OperationalError:
        rows = []
    single_key = sum(1 for row in rows if row[3]) == 1
    alias = _rowid_alias(connection, name, rows) if kind == "table" and not without_rowid else None
    columns = tuple(
        CatalogColumn(
            name=column,
            declared=declared or "",
            nullable=not (
                not_null
                or (key and without_rowid)
                or (key and single_key and (declared or "").upper() == "INTEGER")
            ),
            key_position=key,
        )
        for column, declared, not_null, key in rows
    )
    return CatalogTable(
        name=name,
        kind=kind,
        columns=columns,
        foreign_keys=_read_foreign_keys(connection, name),
        strict=bool(strict),
        without_rowid=bool(without_rowid),
        rowid_alias=alias,
        collated=bool(foreign_collations(sql)),
    )


def _rowid_alias(
    connection: sqlite3.Connection, table: str, columns: list[tuple[str, str, int, int]]
) -> str | None:
    keys = [(name, declared) for name, declared, _, key in columns if key]
    if len(keys) != 1 or (keys[0][1] or "").upper() != "INTEGER":
        return None
    # `INTEGER PRIMARY KEY DESC` is no alias: such a key has an index of its own.
    own_index = connection.execute(_KEY_INDEX, (table,)).fetchone()
    return None if own_index else keys[0][0]


def view_columns(connection: sqlite3.Connection, create: str) -> tuple[CatalogColumn, ...]:
    """Return the columns of a view that *create* makes for the time of asking.

    SQLite passes the declared type of a table's column through to a view that only repeats it.
    """
    # A temporary view lives in memory, but query_only refuses any change.
    connection.execute("pragma query_only = off")
    try:
        connection.execute(create)
        try:
            rows = connection.execute(_COLUMNS, (TEMP_VIEW,)).fetchall()
        finally:
            connection.execute(f"drop view temp.{TEMP_VIEW}")
    finally:
        connection.execute("pragma query_only = on")
    return tuple(
        CatalogColumn(name=name, declared=declared or "", nullable=True, key_position=0)
        for name, declared, _, _ in rows
    )


def _loose_columns(connection: sqlite3.Connection, table: str) -> set[str]:
    """Return, in lower case, the columns of unique keys that are not compared byte by byte.

    What a foreign key refers to has such a key, with the collation of the column.
    """
    found = connection.execute(_COLLATIONS, (table,)).fetchall()
    return {str(column).casefold() for (column,) in found}


def _read_foreign_keys(connection: sqlite3.Connection, name: str) -> tuple[ForeignKey, ...]:
    pairs: dict[int, list[tuple[str, str, str | None]]] = {}
    for number, table, column, target in connection.execute(_KEYS, (name,)):
        pairs.setdefault(number, []).append((table, column, target))
    keys = []
    for group in pairs.values():
        table = group[0][0]
        targets = tuple(target for _, _, target in group if target is not None)
        if not targets:
            targets = _primary_key_of(connection, table)
        keys.append(
            ForeignKey(
                columns=tuple(column for _, column, _ in group),
                ref_table=table,
                ref_columns=targets,
                exact=not _loose_columns(connection, table) & {one.casefold() for one in targets},
            )
        )
    return tuple(keys)


def _primary_key_of(connection: sqlite3.Connection, table: str) -> tuple[str, ...]:
    rows = connection.execute(
        "select name from pragma_table_xinfo(?) where pk > 0 order by pk", (table,)
    )
    return tuple(row[0] for row in rows)
