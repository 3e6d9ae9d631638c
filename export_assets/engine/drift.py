"""Where a source and what its system knows of it part: absent columns, and what is said of them."""

from collections.abc import Sequence

from export_assets.config.models import SourceConfig
from export_assets.engine.report import ExportRecord
from export_assets.engine.system import System
from export_assets.tables.schema import TableSchema

_LISTS = ("exclude_columns", "redact", "expose", "anonymize", "monotone")
_BY_COLUMN = ("column_descriptions", "types")


def absent_columns(schema: TableSchema, system: System | None) -> frozenset[str]:
    """Return the columns that *system* knows and the table that *schema* describes lacks."""
    known = system.known_columns().get(schema.name, frozenset()) if system is not None else ()
    return frozenset(known) - set(schema.names)


def without_columns(config: SourceConfig, name: str, absent: frozenset[str]) -> SourceConfig:
    """Return *config* without what it says of the columns *absent* of the table *name*.

    Columns the source is relied on to have are not forgiven: the only ones exported, those that
    slice or order the rows, the key.
    """
    table = config.tables.get(name)
    if table is None or not absent:
        return config
    kept: dict[str, object] = {
        key: tuple(column for column in getattr(table, key) if column not in absent)
        for key in _LISTS
    }
    for key in _BY_COLUMN:
        said = getattr(table, key)
        kept[key] = {column: value for column, value in said.items() if column not in absent}
    tables = dict(config.tables) | {name: table.model_copy(update=kept)}
    return config.model_copy(update={"tables": tables})


def drift_of(schema: TableSchema, config: SourceConfig, system: System | None) -> tuple[str, ...]:
    """Say how the table that *schema* describes, as the source does, differs from expectation."""
    if system is None:
        return ()
    declared = {column.name: column.declared for column in schema.columns}
    return tuple(system.drift(schema.name, declared, config))


def recalled_drift(
    records: Sequence[ExportRecord], config: SourceConfig, system: System | None
) -> list[str]:
    """Say what `drift_of` said of tables whose manifests *records* carry: none was read again."""
    if system is None:
        return []
    lines: dict[str, None] = {}
    for record in records:
        if record.manifest is not None:
            columns = {one.name: one.declared_type for one in record.manifest.columns}
            lines |= dict.fromkeys(system.drift(record.table, columns, config))
    return list(lines)


def new_tables(
    present: Sequence[str], config: SourceConfig, system: System | None, exported: Sequence[str]
) -> list[str]:
    """Say which tables *system* does not know, where they are not *exported*."""
    if system is None or not system.tables():
        return []
    known = {*system.tables(), *config.tables, *exported}
    new = [name for name in present if name not in known]
    if not new:
        return []
    noun = "table" if len(new) == 1 else "tables"
    return [f"{config.source}: {noun} {', '.join(new)} unknown to {system.name}, not exported"]
