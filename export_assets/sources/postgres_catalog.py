"""What a PostgreSQL database says about itself: tables, columns, keys, comments, rights."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from export_assets.errors import SourceMissing, UsageError
from export_assets.sources.names import check_name
from export_assets.sources.postgres_session import Session
from export_assets.sources.postgres_typebook import PgType, TypeBook
from export_assets.sources.sql import quote
from export_assets.tables.schema import ForeignKey

# Rows of a partition come with the table it belongs to, so it is listed only where that is not.
_RELATIONS = """
select c.oid::int8, n.nspname::text, c.relname::text, c.relkind::text,
has_schema_privilege(n.oid, 'USAGE') and has_table_privilege(c.oid, 'SELECT'),
obj_description(c.oid, 'pg_class'), c.relfilenode::int8
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'v', 'm', 'f') and n.nspname = any ($1::text::text[])
and not (c.relispartition and exists (
select from pg_inherits i join pg_class p on p.oid = i.inhparent
join pg_namespace pn on pn.oid = p.relnamespace
where i.inhrelid = c.oid and pn.nspname = any ($1::text::text[])))
and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass
and d.objid = c.oid and d.deptype = 'e')
order by c.relkind in ('v', 'm'), array_position($1::text::text[], n.nspname::text), c.oid
"""
_COLUMNS = """
select a.attrelid::int8, a.attname::text, a.atttypid::int8, a.atttypmod::int4, a.attnotnull,
format_type(a.atttypid, a.atttypmod), a.attcollation <> 0,
concat_ws(' ', col_description(a.attrelid, a.attnum),
case when a.attgenerated <> '' then '(generated)' end)
from pg_attribute a where a.attrelid = any ($1::text::oid[]) and a.attnum > 0
and not a.attisdropped order by a.attrelid, a.attnum
"""
_KEYS = """
select k.conrelid::int8, k.contype::text, n.nspname::text, r.relname::text,
(select array_agg(a.attname::text order by u.at) from unnest(k.conkey) with ordinality u(num, at)
join pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.num),
(select array_agg(a.attname::text order by u.at) from unnest(k.confkey) with ordinality u(num, at)
join pg_attribute a on a.attrelid = k.confrelid and a.attnum = u.num)
from pg_constraint k left join pg_class r on r.oid = k.confrelid
left join pg_namespace n on n.oid = r.relnamespace
where k.conrelid = any ($1::text::oid[]) and k.contype in ('p', 'f')
order by k.conrelid, k.conname
"""


@dataclass(frozen=True, kw_only=True)
class CatalogColumn:
    """One column as declared."""

    name: str
    type: PgType
    declared: str
    nullable: bool = True
    collated: bool = False
    """Whether its values have an order that depends on a language."""
    comment: str = ""


@dataclass(kw_only=True)
class CatalogTable:
    """A table, partitioned table, view, materialised view or foreign table as declared."""

    oid: int
    schema: str
    table: str
    kind: str
    """`pg_class.relkind`."""
    readable: bool
    """Whether the role may read it."""
    comment: str
    file: int
    """Name of the file with its rows at the moment of the snapshot, 0 where it has none."""
    columns: dict[str, CatalogColumn] = field(default_factory=dict)
    primary_key: tuple[str, ...] = ()
    foreign_keys: list[ForeignKey] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Schemas:
    """The schemas that are read, and the one whose tables go by their bare names."""

    read: tuple[str, ...]
    default: str
    path: tuple[str, ...]
    """Where unqualified names are looked up."""

    def public_name(self, schema: str, table: str) -> str:
        """Return the name people use: tables outside the default schema carry their schema's."""
        return table if schema == self.default else f"{schema}.{table}"


def find_schemas(session: Session, name: str, wanted: Sequence[str]) -> Schemas:
    """Return the schemas *wanted*, those of the search path where none is.

    Raises:
        SourceMissing: None is wanted, and none of the search path may be used.
        UsageError: The database has no such schema.
    """
    [(default, path)] = session.rows(
        "select current_schema()::text, array_to_json(current_schemas(false))::text"
    )
    usual = _texts(session, path)
    default = default or "public"
    if not wanted and not usual:
        msg = f"{name}: the role may use no schema of its search path; name others in `schemas`"
        raise SourceMissing(msg)
    if not wanted:
        return Schemas(read=usual, default=default, path=usual)
    present = [row[0] for row in session.rows("select nspname::text from pg_namespace")]
    for schema in wanted:
        check_name(name, schema, present, what="schema")
    read = tuple(dict.fromkeys(wanted))
    return Schemas(read=read, default=default, path=tuple(dict.fromkeys((*read, *usual))))


def _texts(session: Session, array: str) -> tuple[str, ...]:
    rows = session.rows("select value from json_array_elements_text($1::text::json)", [array])
    return tuple(row[0] for row in rows)


def find_relations(session: Session, schemas: Schemas) -> dict[str, CatalogTable]:
    """List every table and view of *schemas* by its public name, tables first, without columns."""
    found: dict[str, CatalogTable] = {}
    rows = session.rows(_RELATIONS, [array_literal(schemas.read)])
    bare = {row[2] for row in rows if row[1] == schemas.default}
    for oid, schema, table, kind, readable, comment, file in rows:
        name = schemas.public_name(schema, table)
        # A dot in a name can make two tables look the same.
        if name in found or (schema != schemas.default and name in bare):
            name = f"{quote(schema)}.{quote(table)}"
        found[name] = CatalogTable(
            oid=oid,
            schema=schema,
            table=table,
            kind=kind,
            readable=bool(readable),
            comment=comment or "",
            file=file,
        )
    return found


def read_catalog(session: Session, schemas: Schemas, types: TypeBook) -> dict[str, CatalogTable]:
    """Describe every table and view of *schemas*."""
    found = find_relations(session, schemas)
    by_oid = {one.oid: one for one in found.values()}
    oids = "{" + ",".join(map(str, by_oid)) + "}"
    columns = session.rows(_COLUMNS, [oids])
    types.learn(session, (row[2] for row in columns))
    for oid, name, type_oid, modifier, not_null, declared, collated, comment in columns:
        by_oid[oid].columns[name] = CatalogColumn(
            name=name,
            type=types.type(type_oid, modifier),
            declared=declared,
            nullable=not not_null,
            collated=bool(collated),
            comment=comment or "",
        )
    for oid, kind, schema, table, names, targets in session.rows(_KEYS, [oids]):
        if kind == "p":
            by_oid[oid].primary_key = tuple(names)
        else:
            key = ForeignKey(
                columns=tuple(names),
                ref_table=schemas.public_name(schema, table),
                ref_columns=tuple(targets),
            )
            by_oid[oid].foreign_keys.append(key)
    return found


def array_literal(texts: Sequence[str]) -> str:
    """Return *texts* as PostgreSQL writes an array.

    Raises:
        UsageError: A text holds a NUL character.
    """
    if any("\0" in text for text in texts):
        msg = "a name of a PostgreSQL database holds no NUL character"
        raise UsageError(msg)
    escaped = (text.replace("\\", "\\\\").replace('"', '\\"') for text in texts)
    return "{" + ",".join(f'"{text}"' for text in escaped) + "}"
