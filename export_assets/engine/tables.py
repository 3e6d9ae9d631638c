"""From discovery and configuration to what exactly is exported of one table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches

from export_assets.config.models import EVERY_OTHER, SourceConfig
from export_assets.config.rules import ColumnType
from export_assets.engine.drift import absent_columns, drift_of, without_columns
from export_assets.engine.followed import cursor_of, tombstone_key
from export_assets.engine.guarding import check_guarded
from export_assets.engine.partitioning import partitions_of, present_partition
from export_assets.engine.request import ExportRequest
from export_assets.engine.row_view import WHOLE, RowView, view_of
from export_assets.engine.system import System
from export_assets.errors import ExportError, UsageError
from export_assets.sources.base import BATCH_ROWS, Snapshot
from export_assets.tables.partitions import NoPartitions, Partitions, TimePartitions
from export_assets.tables.reading import Reading
from export_assets.tables.schema import LogicalType, TableSchema

TIMES = frozenset({LogicalType.TIMESTAMP, LogicalType.NAIVE_TIMESTAMP, LogicalType.DATE})
"""Types of a column that a table can be sliced by."""


@dataclass(frozen=True, kw_only=True)
class TablePlan:
    """One table as it is read: its columns as the source holds them, its slices, its order."""

    schema: TableSchema
    """Every column that is read, before redaction."""
    exported: tuple[str, ...]
    """The columns that leave; one more is read where a time filter needs it."""
    partitions: Partitions
    time_column: str | None
    """Column that windows speak of; None where the table has none."""
    order_by: tuple[str, ...]
    pinned: frozenset[str] = frozenset()
    """Columns whose type the configuration fixes: profiling does not change them."""
    absent: frozenset[str] = frozenset()
    """Columns that the system knows and the source lacks; see `engine.drift`."""
    cursor: str | None = None
    """Column that grows with every change of a row, where the table is followed by one."""
    tombstone_key: tuple[str, ...] = ()
    """Columns whose values are recorded of rows that left the source; none where they are not."""
    drift: tuple[str, ...] = ()
    """How the table differs from what the system expects."""
    batch_rows: int = BATCH_ROWS
    """Most rows that are read at once."""
    view: RowView = WHOLE
    """What the formats of a pass see of it."""

    @property
    def name(self) -> str:
        """The table's name."""
        return self.schema.name

    @property
    def ordered_by(self) -> tuple[str, ...]:
        """Columns the rows come ordered by: time first, where nothing else was asked for."""
        time = (self.time_column,) if self.time_column is not None else ()
        return self.order_by if set(time) <= set(self.order_by) else time + self.order_by


def define_views(snapshot: Snapshot, config: SourceConfig, system: System | None) -> None:
    """Add the derived tables of the system and of the configuration to *snapshot*."""
    views: dict[str, str] = {}
    if system is not None:
        functions = system.functions(config)
        if functions:
            snapshot.add_functions(functions)
        columns_of = {name: snapshot.columns(name) for name in snapshot.tables()}
        views.update(system.views(columns_of, config))
    views.update({name: table.query for name, table in config.tables.items() if table.query})
    if views:
        snapshot.define(views)


def check_configured(
    present: Sequence[str], config: SourceConfig, system: System | None
) -> list[str]:
    """Refuse a configuration of tables that are none of *present*.

    What is said of a misspelt table, say which columns to redact, would not be done.

    Returns:
        Warnings: the tables that the system knows and the source lacks.

    Raises:
        UsageError: The source has no table of a configured name.
    """
    known = set(system.tables()) if system is not None else set()
    named = [f"tables.{name}" for name in config.tables if name != EVERY_OTHER]
    related = [(one.child_table, one.parent_table) for one in config.relations]
    missing: dict[str, str] = {}
    for name in config.tables:
        if name != EVERY_OTHER and name not in present:
            missing[name] = f"tables.{name}"
    for name in (name for pair in related for name in pair):
        if name not in present:
            missing.setdefault(name, f"relations.{name}")
    for name, where in missing.items():
        if name not in known:
            msg = f"{where}: source has no such table{_hint(name, present)}"
            raise UsageError(msg)
    expected = set(system.expected_tables(config)) if system is not None else set()
    return [
        f"{where}: source has no such table"
        for name, where in missing.items()
        if where in named and name in expected
    ]


def check_relations(snapshot: Snapshot, config: SourceConfig, system: System | None) -> None:
    """Refuse configured relations between columns that neither exist nor are known to *system*.

    Raises:
        UsageError: One of the two columns does not exist.
    """
    present = snapshot.tables()
    ends = [(one.child_table, one.child_column) for one in config.relations]
    ends += [(one.parent_table, one.parent_column) for one in config.relations]
    for table in dict.fromkeys(table for table, _ in ends if table in present):
        try:
            schema = snapshot.describe(table)
        except ExportError:
            continue  # that the table cannot be read is said where it is exported
        absent = absent_columns(schema, system)
        named = [column for name, column in ends if name == table and column not in absent]
        _check_columns(f"relations.{table}", schema, named)


def select_tables(
    present: Sequence[str], config: SourceConfig, request: ExportRequest
) -> list[str]:
    """Return the names of the tables to export, in the source's order.

    Raises:
        UsageError: A name is none of *present*, or nothing is left to export.
    """
    check_table_names((*request.tables, *request.include, *request.exclude), present)
    wanted = set(request.tables) or {name for name in present if config.selects(name)}
    wanted = (wanted | set(request.include)) - set(request.exclude)
    if not wanted:
        msg = f"{config.source}: no table is left to export"
        raise UsageError(msg)
    return [name for name in present if name in wanted]


class UnknownTables(UsageError):
    """Tables were asked for that the source does not have."""

    def __init__(self, message: str, names: Sequence[str]) -> None:
        super().__init__(message)
        self.names = tuple(names)


def check_table_name(name: str, present: Sequence[str]) -> None:
    """Refuse a table that does not exist; see `check_table_names`."""
    check_table_names([name], present)


def check_table_names(names: Sequence[str], present: Sequence[str]) -> None:
    """Refuse tables that do not exist, naming the nearest to the first one, and all valid ones.

    Raises:
        UnknownTables: Some of *names* are none of *present*.
    """
    unknown = [name for name in dict.fromkeys(names) if name not in present]
    if not unknown:
        return
    name = unknown[0]
    nearest = get_close_matches(name, present, n=1, cutoff=0.6)
    starting = [table for table in present if table.startswith(name)]
    hint = (starting or nearest or [""])[0]
    suggestion = f" Did you mean '{hint}'?" if hint else ""
    msg = f"Invalid table name '{name}'.{suggestion} Valid names: {', '.join(present)}"
    raise UnknownTables(msg, unknown)


def plan_tables(
    names: Sequence[str],
    snapshot: Snapshot,
    config: SourceConfig,
    system: System | None,
    request: ExportRequest,
) -> tuple[list[TablePlan], dict[str, ExportError]]:
    """Plan every table called one of *names*.

    Returns:
        The plans, and by name why tables cannot be read: a view of what is gone, say.

    Raises:
        UsageError: See `plan_table`.
        ExportError: The one table asked for by name cannot be read.
    """
    plans: list[TablePlan] = []
    unreadable: dict[str, ExportError] = {}
    for name in names:
        try:
            schema = snapshot.describe(name)
        except ExportError as error:
            if request.tables and len(names) == 1:
                raise
            unreadable[name] = error
        else:
            plans.append(plan_schema(schema, config, system, request))
    return plans, unreadable


def plan_table(
    name: str,
    snapshot: Snapshot,
    config: SourceConfig,
    system: System | None,
    request: ExportRequest,
) -> TablePlan:
    """Decide columns, types, slices and order of one table; see `plan_schema`."""
    return plan_schema(snapshot.describe(name), config, system, request)


def plan_schema(
    schema: TableSchema, config: SourceConfig, system: System | None, request: ExportRequest
) -> TablePlan:
    """Decide columns, types, slices and order of the table that *schema* describes.

    Raises:
        UsageError: Configuration or request name columns the table does not have, or ask for a
            time range of a table without a time.
    """
    name = schema.name
    drift = drift_of(schema, config, system)
    if system is not None:
        schema = system.annotate(schema)
    absent = absent_columns(schema, system)
    config = without_columns(config, name, absent)
    table = config.table(name)
    types = {
        column: kind for column, kind in config.types_of(name).items() if column in schema.names
    }
    schema = _typed(schema, types)
    schema = _described(schema, config)
    partitions, time_column = _slices(schema, config, request)
    columns = _columns(schema, config, request, time_column)
    order_by = request.order_by or table.order_by or schema.primary_key
    _check_columns(name, schema, (*order_by, *request.where))
    _check_filters(schema, request)
    check_guarded(name, config, request, columns=schema.names, time_column=time_column)
    if name in config.tables:
        # A column misspelt here would leave as it is.
        _check_columns(name, schema, (*table.redact, *table.expose, *table.anonymize, *table.types))
    kept = request.output_dir is None
    cursor = cursor_of(schema, config)
    cursor = cursor if kept else None
    # A source compares a filter's value by the type of its column, exported or not.
    chosen = _chosen_by(schema, config, request)
    besides = (one for one in (time_column, cursor, *request.where, *chosen) if one is not None)
    hidden = dict.fromkeys(column for column in besides if column not in columns)
    return TablePlan(
        schema=schema.select((*columns, *hidden)),
        exported=columns,
        partitions=partitions,
        time_column=time_column,
        order_by=_order(order_by, partitions, time_column, request),
        pinned=frozenset(name for name, kind in types.items() if kind.on_mismatch == "refuse"),
        cursor=cursor,
        tombstone_key=tombstone_key(schema, config, columns) if kept else (),
        absent=absent,
        drift=drift,
        batch_rows=config.batch_size or BATCH_ROWS,
    )


def _chosen_by(schema: TableSchema, config: SourceConfig, request: ExportRequest) -> list[str]:
    """Return the columns by which formats choose rows."""
    formats = request.formats or config.formats_of(schema.name)
    views = [view_of(config, schema.name, fmt, request) for fmt in formats]
    names = [name for view in views for name, _ in (*view.only, *view.without)]
    return [name for name in names if name in schema.names]


def _order(
    order_by: tuple[str, ...],
    partitions: Partitions,
    time_column: str | None,
    request: ExportRequest,
) -> tuple[str, ...]:
    """Return the columns to order by; a source puts the time first unless it is among them."""
    order_by = tuple(dict.fromkeys(order_by))
    others = tuple(column for column in order_by if column != time_column)
    if time_column is None or not request.order_by or isinstance(partitions, TimePartitions):
        return others
    return order_by if time_column in order_by else (*order_by, time_column)


def _typed(schema: TableSchema, types: Mapping[str, ColumnType]) -> TableSchema:
    for name, kind in types.items():
        column = replace(
            schema.column(name),
            logical=LogicalType(kind.type),
            encoding=kind.encoding,
            precision=kind.precision,
            scale=kind.scale,
            reading=Reading(**kind.reading) if kind.reading else None,
        )
        schema = schema.with_column(column)
    return schema


def _described(schema: TableSchema, config: SourceConfig) -> TableSchema:
    table = config.table(schema.name)
    _check_columns(schema.name, schema, table.primary_key)
    for name, text in table.column_descriptions.items():
        _check_columns(schema.name, schema, (name,))
        schema = schema.with_column(replace(schema.column(name), description=text))
    return replace(
        schema,
        primary_key=table.primary_key or schema.primary_key,
        description=table.description or schema.description,
    )


def _slices(
    schema: TableSchema, config: SourceConfig, request: ExportRequest
) -> tuple[Partitions, str | None]:
    rule = config.table(schema.name).partition_by
    if rule is None:
        if request.window.bounded:
            msg = f"{schema.name}: has no time to filter by; set partition_by for it"
            raise UsageError(msg)
        if request.partitions and request.partitions != ("all",):
            msg = f"{schema.name}: is not partitioned; its one partition is 'all'"
            raise UsageError(msg)
        return NoPartitions(), None
    if rule.column is None:
        return present_partition(schema.name, config, request), None
    _check_columns(schema.name, schema, (rule.column,))
    if schema.column(rule.column).logical not in TIMES:
        kind = schema.column(rule.column).logical
        msg = f"{schema.name}.{rule.column}: is {kind}, partition_by needs a date or timestamp"
        raise UsageError(msg)
    if request.output_dir is not None and not request.partitions:
        return NoPartitions(), rule.column
    by_time = partitions_of(config, schema.name)
    for key in request.partitions:
        by_time.directory(key)
    return by_time, rule.column


def _columns(
    schema: TableSchema, config: SourceConfig, request: ExportRequest, time_column: str | None
) -> tuple[str, ...]:
    table = config.table(schema.name)
    for names in (request.columns, table.columns or (), table.exclude_columns):
        _check_columns(schema.name, schema, names)
    allowed = table.columns or schema.names
    allowed = tuple(name for name in allowed if name not in table.exclude_columns)
    for name in request.columns:
        if name not in allowed:
            msg = f"{schema.name}.{name}: is not exported, as configured"
            raise UsageError(msg)
    chosen = tuple(dict.fromkeys(request.columns)) or allowed
    if not chosen:
        msg = f"{schema.name}: no column is left to export"
        raise UsageError(msg)
    if time_column is not None and time_column not in chosen and not request.columns:
        msg = f"{schema.name}: partition column {time_column} must be among the exported columns"
        raise UsageError(msg)
    return chosen


def _check_columns(table: str, schema: TableSchema, names: Sequence[str]) -> None:
    for name in names:
        if name not in schema.names:
            msg = f"{table}: source has no column {name}{_hint(name, schema.names)}"
            raise UsageError(msg)


def _check_filters(schema: TableSchema, request: ExportRequest) -> None:
    # A source compares what it holds: 'ja', where the export shows true.
    for name in request.where:
        reading = schema.column(name).reading
        if reading is not None and reading.from_text:
            msg = f"{schema.name}.{name}: is read by a rule of its own, and cannot be a filter"
            raise UsageError(msg)


def _hint(name: str, names: Sequence[str]) -> str:
    nearest = get_close_matches(name, names, n=1)
    return f", did you mean {nearest[0]}?" if nearest else ""
