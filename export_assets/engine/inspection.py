"""The facts behind `inspect`: what a source holds, and how truly it can be exported."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from export_assets.engine.nulls import count_nulls
from export_assets.engine.privacy import Treatment, treatment
from export_assets.engine.request import ExportRequest
from export_assets.engine.tables import (
    TablePlan,
    check_configured,
    define_views,
    plan_tables,
    select_tables,
)
from export_assets.engine.workspace import ConfiguredSource
from export_assets.errors import ExportError, UsageError
from export_assets.sources.base import Snapshot
from export_assets.tables.partitions import TimePartitions
from export_assets.tables.schema import Column, TableSchema


@dataclass(frozen=True, kw_only=True)
class InspectedColumn:
    """One column: as the source declares it, as it is exported, and what that loses."""

    column: Column
    exported: bool
    redacted: bool
    anonymized: bool
    treatment: Treatment
    """What is done about a value that may say something of a person."""


@dataclass(frozen=True, kw_only=True)
class InspectedTable:
    """One table of one snapshot."""

    schema: TableSchema
    columns: Sequence[InspectedColumn]
    rows: int
    bytes_estimated: int | None
    time_column: str | None
    partitioned_by: str | None
    """Length of a partition, None where the table is one."""
    first: datetime | None
    last: datetime | None
    formats: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class InspectedSource:
    """A source at one moment."""

    source: str
    address: str
    """Where it lies, passwords hidden."""
    snapshot: str
    consistency: str
    tables: Sequence[InspectedTable]
    unreadable: Mapping[str, ExportError]
    """Why further tables cannot be read, by name."""
    warnings: Sequence[str] = ()
    """Configured tables that are missing, and how others differ from what the system expects."""
    others: Sequence[str] = ()
    """Tables that are not exported unless asked for."""


def inspect_source(
    source: ConfiguredSource,
    *,
    tables: Sequence[str] = (),
    profile: bool = True,
    progress: Callable[[str], None] | None = None,
) -> InspectedSource:
    """Measure *tables* of *source*, all that are exported where none is named.

    Args:
        source: The source.
        tables: Names of tables.
        profile: Look at every value, so that types and verdicts hold for all of them.
        progress: Called with the name of each table before it is measured.

    Raises:
        UsageError: A table does not exist.
        SourceError: The source cannot be read, or the one table named.
    """
    request = ExportRequest(tables=tuple(tables))
    with source.privately().source.snapshot() as snapshot:
        define_views(snapshot, source.config, source.system)
        warnings = check_configured(snapshot.tables(), source.config, source.system)
        found = []
        names = select_tables(snapshot.tables(), source.config, request)
        plans, unreadable = plan_tables(names, snapshot, source.config, source.system, request)
        warnings += [line for plan in plans for line in plan.drift]
        for plan in plans:
            if progress is not None:
                progress(plan.name)
            try:
                found.append(_inspect(source, plan, snapshot, profile=profile))
            except UsageError as error:
                # A view may have columns and still not work: it needs a function, say.
                if request.tables and len(names) == 1:
                    raise
                unreadable[plan.name] = error
        return InspectedSource(
            source=source.name,
            address=str(source.url),
            snapshot=snapshot.info.kind,
            consistency=snapshot.info.consistency,
            tables=found,
            unreadable=unreadable,
            warnings=warnings,
            others=[name for name in snapshot.tables() if not source.config.selects(name)],
        )


def _inspect(
    source: ConfiguredSource, plan: TablePlan, snapshot: Snapshot, *, profile: bool
) -> InspectedTable:
    config = source.config
    zone = config.assume_timezone
    schema = plan.schema
    if profile:
        schema = snapshot.profile(plan.name, schema, assume_timezone=zone)
        schema = count_nulls(snapshot, schema, assume_timezone=zone)
    facts = snapshot.facts(plan.name, plan.time_column, zone)
    partitions = plan.partitions
    anonymized = config.table(plan.name).anonymize
    return InspectedTable(
        schema=replace(schema, foreign_keys=plan.schema.foreign_keys),
        columns=[
            InspectedColumn(
                column=column,
                exported=column.name in plan.exported,
                redacted=config.redacts(plan.name, column.name),
                anonymized=column.name in anonymized,
                treatment=treatment(config, plan.name, column.name, column.declared),
            )
            for column in schema.columns
        ],
        rows=facts.rows,
        bytes_estimated=facts.bytes_estimated,
        time_column=plan.time_column,
        partitioned_by=partitions.every if isinstance(partitions, TimePartitions) else None,
        first=facts.first,
        last=facts.last,
        formats=config.formats_of(plan.name),
    )
