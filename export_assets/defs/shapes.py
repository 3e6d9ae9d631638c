"""What is known of the tables of a source without opening it, and the one look that fills it.

Definitions load in every process of Dagster, so loading them must not read the source. Names come
from the configuration, columns from what is published. Only where the configuration leaves names
or the first partition open is the source opened, once; what it said is kept in
`<exports>/.state/<source>.tables.json` until a pass over the source saw a table that is not there.
"""

import hashlib
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime

import msgspec

from export_assets.config.models import EVERY_OTHER
from export_assets.defs.declared import annotated, declared_tables
from export_assets.engine.memory import STATE, SourceState
from export_assets.engine.request import ExportRequest
from export_assets.engine.tables import define_views, plan_schema
from export_assets.engine.workspace import ConfiguredSource, Workspace
from export_assets.errors import ExportError, UsageError
from export_assets.store.durable import write_durably
from export_assets.store.layout import safe_name
from export_assets.store.local import LocalStore, read_if_there
from export_assets.store.manifest import BUNDLE, SET, Manifest
from export_assets.store.tree import scan_partitions
from export_assets.tables.partitions import (
    ExportPartitions,
    NoPartitions,
    Partitions,
    TimePartitions,
)
from export_assets.tables.schema import Column, TableSchema
from export_assets.translate import translate

log = logging.getLogger(__name__)


class ColumnShape(msgspec.Struct, frozen=True, kw_only=True):
    """One column, as far as it is known."""

    name: str
    type: str
    nullable: bool = True
    description: str = ""


class TableShape(msgspec.Struct, frozen=True, kw_only=True):
    """One table, as far as it is known."""

    name: str
    columns: tuple[ColumnShape, ...] = ()
    """Empty where nobody has looked yet."""
    primary_key: tuple[str, ...] = ()
    description: str = ""
    declared: tuple[ColumnShape, ...] = ()
    """What is known without looking, where nobody has: types may turn out to be others."""
    first: str | None = None
    """Day of the earliest row, where the configuration names no first partition."""

    @property
    def shown(self) -> tuple[ColumnShape, ...]:
        """The columns as far as anything is known of them."""
        return self.columns or self.declared


class _Cache(msgspec.Struct, kw_only=True):
    stamp: str
    tables: list[TableShape]


@dataclass(frozen=True, kw_only=True)
class KnownTables:
    """The tables of a source that become assets."""

    tables: Sequence[TableShape]
    warnings: Sequence[str] = ()


def known_tables(workspace: Workspace, source: ConfiguredSource) -> KnownTables:
    """Return what is known of the tables of *source*, opening it only where nothing is.

    A source that cannot be opened leaves a warning and the tables that are known without it.
    """
    store, config = workspace.store, source.config
    named = [name for name in config.tables if name != EVERY_OTHER]
    open_ended = not named or EVERY_OTHER in config.tables
    warnings: list[str] = []
    cached = _load(store, source)
    if _needs_look(source, open_ended=open_ended) and _is_outdated(store, source, cached):
        try:
            cached = _look(source)
            _save(store, source, cached)
        except ExportError as error:
            warnings.append(f"{source.name}: tables are not known completely: {error}")
    found = {table.name: table for table in cached or ()}
    published = _published(store, source)
    names = list(dict.fromkeys([*found, *published] if open_ended else []))
    chosen = [name for name in names if config.selects(name)]
    chosen += [name for name in named if name not in chosen and name not in unexpected(source)]
    declared = declared_tables(source)
    tables = [
        _described(source, _shape(name, found.get(name), published.get(name)), declared.get(name))
        for name in chosen
    ]
    for warning in warnings:
        log.warning(warning)
    return KnownTables(tables=tables, warnings=warnings)


def unexpected(source: ConfiguredSource) -> set[str]:
    """Return the tables that the system knows and this source is configured not to have."""
    if source.system is None:
        return set()
    return set(source.system.tables()) - set(source.system.expected_tables(source.config))


def partitions_of(source: ConfiguredSource, table: TableShape) -> Partitions:
    """Return how *table* is sliced, with a first partition."""
    rule = source.config.table(table.name).partition_by
    if rule is None:
        return NoPartitions()
    start = rule.start or (date.fromisoformat(table.first) if table.first else None)
    # A year that is over is offered in full even where nothing is known of the rows.
    start = start or date(datetime.now(UTC).year - 1, 1, 1)
    if rule.column is None:
        return ExportPartitions(every=rule.every, start=start)
    return TimePartitions(column=rule.column, every=rule.every, start=start)


def _needs_look(source: ConfiguredSource, *, open_ended: bool) -> bool:
    rules = [table.partition_by for table in source.config.tables.values()]
    return open_ended or any(
        rule is not None and rule.column is not None and rule.start is None for rule in rules
    )


def _is_outdated(
    store: LocalStore, source: ConfiguredSource, cached: Sequence[TableShape] | None
) -> bool:
    """Whether nobody looked yet, or a pass over the source saw a table that is not in *cached*."""
    if cached is None:
        return True
    path = store.root / STATE / f"{safe_name(source.name)}.json"
    with suppress(OSError, msgspec.DecodeError):
        seen = msgspec.json.decode(path.read_bytes(), type=SourceState)
        return not set(seen.tables) <= {table.name for table in cached}
    return False


def _look(source: ConfiguredSource) -> list[TableShape]:
    """Open the source read-only and describe every table of it.

    Raises:
        ExportError: It cannot be opened.
    """
    config, system = source.config, source.system
    tables: list[TableShape] = []
    try:
        with source.privately().source.snapshot() as snapshot:
            define_views(snapshot, config, system)
            for name in snapshot.tables():
                if not config.selects(name) and name not in config.tables:
                    tables.append(TableShape(name=name))
                    continue
                try:
                    described = snapshot.describe(name)
                except UsageError:
                    # A view of what is gone: its run fails and says why.
                    tables.append(TableShape(name=name))
                    continue
                plan = plan_schema(described, config, system, ExportRequest())
                rule = config.table(name).partition_by
                first: str | None = None
                if rule is not None and rule.column is not None and rule.start is None:
                    facts = snapshot.facts(name, plan.time_column, config.assume_timezone)
                    first = f"{facts.first.astimezone(UTC):%F}" if facts.first else None
                schema = plan.schema.select(plan.exported)
                tables.append(
                    TableShape(
                        name=name,
                        columns=tuple(map(_column, schema.columns)),
                        primary_key=schema.primary_key,
                        description=schema.description,
                        first=first,
                    )
                )
    except Exception as error:
        raise translate(error, subject=source.name, side="source") from error
    return tables


def _stamp(source: ConfiguredSource) -> str:
    """Return a stamp of what the cached answer depends on besides the source's content."""
    rules = {
        name: table.model_dump(
            mode="json",
            include={"query", "partition_by", "types", "columns", "exclude_columns", "primary_key"},
        )
        for name, table in source.config.tables.items()
    }
    text = f"{source.url.text} {rules!r}"
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _load(store: LocalStore, source: ConfiguredSource) -> list[TableShape] | None:
    path = store.root / STATE / f"{safe_name(source.name)}.tables.json"
    try:
        cache = msgspec.json.decode(path.read_bytes(), type=_Cache)
    except (OSError, msgspec.DecodeError):
        return None
    return cache.tables if cache.stamp == _stamp(source) else None


def _save(store: LocalStore, source: ConfiguredSource, tables: list[TableShape]) -> None:
    path = store.root / STATE / f"{safe_name(source.name)}.tables.json"
    document = msgspec.json.encode(_Cache(stamp=_stamp(source), tables=tables))
    # A home that cannot be written costs a look at every load, not the code location.
    with suppress(OSError, ExportError):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_durably(path, msgspec.json.format(document, indent=1) + b"\n")


def _published(store: LocalStore, source: ConfiguredSource) -> dict[str, Manifest]:
    """Return one manifest of each published table: that of its last partition by name."""
    last = {
        path.parent.parent.name: path
        for path in scan_partitions(store.root, source=source.name)
        if path.parent.name not in {BUNDLE, SET}  # which hold many tables
    }
    found: dict[str, Manifest] = {}
    for path in last.values():
        with suppress(ExportError, OSError):
            manifest = read_if_there(path)
            if manifest is not None:
                found[manifest.table] = manifest
    return found


def described_table(source: ConfiguredSource, name: str) -> TableShape:
    """Return what is known of a table that is not exported, without looking at it."""
    return _described(source, TableShape(name=name), declared_tables(source).get(name))


def _shape(name: str, cached: TableShape | None, manifest: Manifest | None) -> TableShape:
    shape = cached or TableShape(name=name)
    if manifest is not None:
        known = {column.name: column.description for column in shape.columns}
        columns = tuple(
            ColumnShape(
                name=column.name,
                type=column.logical_type,
                nullable=column.nullable,
                description=known.get(column.name, ""),
            )
            for column in manifest.columns
        )
        shape = msgspec.structs.replace(
            shape, columns=columns, primary_key=manifest.primary_key or shape.primary_key
        )
    return shape


def _described(
    source: ConfiguredSource, shape: TableShape, declared: TableSchema | None
) -> TableShape:
    """Return *shape* with the descriptions of the configuration, else of the system."""
    names = [column.name for column in shape.columns] or (declared.names if declared else ())
    schemas = [annotated(source, shape.name, names), *([declared] if declared else [])]
    texts = {one.name: one.description for schema in schemas for one in schema.columns}
    texts |= source.config.table(shape.name).column_descriptions
    of_table = next((schema.description for schema in schemas if schema.description), "")
    return msgspec.structs.replace(
        shape,
        columns=tuple(_with_text(column, texts) for column in shape.columns),
        declared=tuple(_with_text(_column(one), texts) for one in declared.columns)
        if declared
        else (),
        primary_key=shape.primary_key or (declared.primary_key if declared else ()),
        description=source.config.table(shape.name).description or shape.description or of_table,
    )


def _column(column: Column) -> ColumnShape:
    return ColumnShape(
        name=column.name,
        type=str(column.logical),
        nullable=column.nullable,
        description=column.description,
    )


def _with_text(column: ColumnShape, texts: Mapping[str, str]) -> ColumnShape:
    text = texts.get(column.name) or column.description
    return msgspec.structs.replace(column, description=text)
