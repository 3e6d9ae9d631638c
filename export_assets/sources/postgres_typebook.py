"""What the types of a PostgreSQL database are: base types, domains, enums, composites, arrays."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from export_assets.sources.postgres_session import Session

Kind = Literal["base", "enum", "composite", "range", "array", "other"]

_TYPES = """
select t.oid::int8, t.typname::text, n.nspname = 'pg_catalog', t.typtype::text, t.typelem::int8,
t.typsubscript::oid = 'pg_catalog.array_subscript_handler'::regproc, t.typbasetype::int8,
t.typtypmod, t.typnotnull, format_type(t.oid, -1)
from pg_type t join pg_namespace n on n.oid = t.typnamespace
where t.oid = any ($1::text::oid[])
"""
_TYPES_BEFORE_14 = _TYPES.replace(
    "t.typsubscript::oid = 'pg_catalog.array_subscript_handler'::regproc", "t.typcategory = 'A'"
)
_SUBSCRIPTS = 14_00_00
_KINDS: dict[str, Kind] = {"b": "base", "e": "enum", "c": "composite", "r": "range", "m": "range"}


@dataclass(frozen=True, kw_only=True)
class PgType:
    """A type as values of it are read: domains stand for what they are made of."""

    name: str
    """Name of the type beneath every domain, without its schema."""
    sql: str
    """The type as a cast names it, without length or precision."""
    kind: Kind = "base"
    built_in: bool = True
    modifier: int = -1
    """Length or precision as the catalog holds it, -1 where there is none."""
    element: "PgType | None" = None
    domain: bool = False
    not_null: bool = False


@dataclass(frozen=True, kw_only=True)
class _Row:
    name: str
    built_in: bool
    kind: str
    element: int
    is_array: bool
    base: int
    modifier: int
    not_null: bool
    sql: str


class TypeBook:
    """The types met so far, looked up once each."""

    def __init__(self, server_version: int) -> None:
        self._statement = _TYPES if server_version >= _SUBSCRIPTS else _TYPES_BEFORE_14
        self._rows: dict[int, _Row] = {}

    def learn(self, session: Session, oids: Iterable[int]) -> None:
        """Look up *oids*, and whatever they are made of."""
        wanted = set(oids) - self._rows.keys()
        while wanted:
            array = "{" + ",".join(map(str, sorted(wanted))) + "}"
            for oid, *facts in session.rows(self._statement, [array]):
                names = _Row.__dataclass_fields__
                self._rows[oid] = _Row(**dict(zip(names, facts, strict=True)))
            found = {oid: self._rows[oid] for oid in wanted if oid in self._rows}
            parts = {one.base for one in found.values()} | {one.element for one in found.values()}
            wanted = parts - {0} - self._rows.keys()

    def type(self, oid: int, modifier: int = -1) -> PgType:
        """Return the type *oid*, which must have been learnt."""
        row = self._rows.get(oid)
        if row is None:
            return PgType(name="unknown", sql="text", kind="other", built_in=False)
        if row.kind == "d":
            base = self.type(row.base, row.modifier)
            not_null = row.not_null or base.not_null
            return PgType(**(vars(base) | {"domain": True, "not_null": not_null}))
        if row.is_array and row.element:
            element = self.type(row.element, modifier)
            return PgType(name=row.name, sql=row.sql, kind="array", element=element)
        return PgType(
            name=row.name,
            sql=row.sql,
            kind=_KINDS.get(row.kind, "other"),
            built_in=row.built_in,
            modifier=modifier,
        )
