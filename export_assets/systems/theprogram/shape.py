"""What the database does not declare of its columns: their types, and what is expected of them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Final

from export_assets.config.models import SourceConfig
from export_assets.sources.sqlite_types import affinity
from export_assets.systems.theprogram.computed import COMPUTED
from export_assets.systems.theprogram.schema import Generation, both_generations, catalog
from export_assets.systems.theprogram.views import (
    APP_CONFIG,
    HAS_PASSWORD,
    PASSWORD_HASH,
    exposes_hash,
)
from export_assets.tables.schema import Column, ForeignKey, LogicalType, TableSchema

_MEANT: Final[dict[LogicalType, frozenset[str]]] = {
    LogicalType.TIMESTAMP: frozenset({"created_at", "updated_at", "last_viewed"}),
    LogicalType.DATE: frozenset({"birth_date", "event_date", "note_date"}),
    LogicalType.TIME: frozenset({"birth_time"}),
    LogicalType.BOOLEAN: frozenset({"time_unknown", "is_applying", "is_user_custom", HAS_PASSWORD}),
    LogicalType.JSON: frozenset(
        {"calculation_params", "chart_data", "planets_involved", "aspect_orbs", "displayed_points"}
    ),
}
"""Types by column name, the same in every table. A value that is none of that type widens the
column to what holds for all its values, and counts."""

_TYPE_OF: Final = {name: logical for logical, names in _MEANT.items() for name in names}
_TEMPORAL: Final = {LogicalType.TIMESTAMP, LogicalType.DATE, LogicalType.TIME}
_UNSAID: Final = {LogicalType.TEXT, LogicalType.UUID}
"""What a declaration as text says of dates, times and JSON: nothing."""


def shaped(schema: TableSchema) -> TableSchema:
    """Return *schema* with the types, keys and references that the database does not declare."""
    computed = {one.name: one for one in COMPUTED.get(schema.name, ())}
    columns = []
    for column in schema.columns:
        one = computed.get(column.name)
        if one is not None and not column.declared:
            text = column.description or one.description
            columns.append(replace(column, logical=one.logical, description=text))
        else:
            columns.append(_typed(column))
    known = _known_keys().get(schema.name)
    key, references = known if known is not None else ((), ())
    names = set(schema.names)
    return replace(
        schema,
        columns=tuple(columns),
        primary_key=schema.primary_key or (key if names.issuperset(key) else ()),
        foreign_keys=schema.foreign_keys
        or tuple(one for one in references if names.issuperset(one.columns)),
    )


def _typed(column: Column) -> Column:
    meant = _TYPE_OF.get(column.name)
    numbers = {LogicalType.INTEGER, LogicalType.TEXT} if not column.declared else set()
    says = {LogicalType.INTEGER} | numbers if meant is LogicalType.BOOLEAN else _UNSAID
    if meant is None or column.logical not in says:
        return column
    return replace(column, logical=meant, encoding="iso" if meant in _TEMPORAL else "native")


@cache
def _known_keys() -> dict[str, tuple[tuple[str, ...], tuple[ForeignKey, ...]]]:
    return {
        name: (table.primary_key, table.foreign_keys)
        for name, table in catalog(1).items()
        if table.kind == "table"
    }


@cache
def known_columns() -> dict[str, frozenset[str]]:
    """Return every column that either generation has, or that is computed, by table."""
    known: dict[str, frozenset[str]] = {APP_CONFIG: frozenset({HAS_PASSWORD})}
    for table in both_generations():
        names = {column.name for column in table.columns}
        names |= {one.name for one in COMPUTED.get(table.name, ())}
        known[table.name] = known.get(table.name, frozenset()) | names
    return known


def drift_of(
    table: str, declared: Mapping[str, str], config: SourceConfig, *, generation: Generation
) -> Sequence[str]:
    """Say how *table* differs from that of *generation*; see `System.drift`."""
    known = catalog(generation).get(table) or catalog(1).get(table)
    if known is None or known.kind != "table":
        return ()
    expected = {column.name: column.declared for column in known.columns}
    if table == APP_CONFIG and not exposes_hash(config):
        expected = {HAS_PASSWORD if k == PASSWORD_HASH else k: v for k, v in expected.items()}
    said = config.table(table)
    if said.query is not None:
        return ()
    exported = [n for n in said.columns or expected if n not in said.exclude_columns]
    computed = {one.name for one in COMPUTED.get(table, ())}
    lacks = [name for name in expected if name in exported and name not in declared]
    new = [name for name in declared if name not in expected and name not in computed]
    facts = [f"lacks {', '.join(lacks)}"] if lacks else []
    facts += [f"has {', '.join(new)} besides"] if new else []
    facts += [
        f"{name} is declared {declared[name] or 'without a type'}, not {expected[name]}"
        for name in expected
        if name in declared and not _alike(name, declared[name], expected[name])
    ]
    return (f"{table}: is not as expected: {'; '.join(facts)}",) if facts else ()


def _alike(name: str, one: str, other: str) -> bool:
    # Where the values decide, the declaration does not matter.
    return name in _TYPE_OF or affinity(one) == affinity(other)
