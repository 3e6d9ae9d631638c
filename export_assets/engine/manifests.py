"""Building the record of a partition from what was read, written and read back."""

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from functools import cache
from importlib.metadata import version
from typing import cast

from msgspec import UNSET

from export_assets.config.hashing import config_hash
from export_assets.config.models import SourceConfig
from export_assets.config.rules import FormatName
from export_assets.engine.lane import Lane, Written
from export_assets.engine.request import ExportRequest, Run
from export_assets.engine.row_view import WHOLE, chosen_options, view_of
from export_assets.engine.table_pass import PartitionFacts
from export_assets.engine.tables import TablePlan
from export_assets.errors import UsageError
from export_assets.formats.base import FormatOptions
from export_assets.formats.registry import format_named
from export_assets.formats.schema_header import has_header
from export_assets.sources.base import SnapshotInfo
from export_assets.store.contents import Change, ColumnRecord
from export_assets.store.manifest import Counters, Manifest, SnapshotRecord, WindowRecord
from export_assets.tables.digest import ALGORITHM
from export_assets.tables.partitions import UNDATED, NoPartitions
from export_assets.tables.schema import VERDICTS, Column, Fidelity, TableSchema
from export_assets.tables.statistics import ColumnStatistics, render_bound

LAYOUT = 1
"""Raised when this package starts writing other bytes for equal rows and configuration."""


@cache
def code_version() -> str:
    """Return the version of this package."""
    # Kept: every manifest names it, and finding it out reads files.
    return version("export-assets")


def effective_hash(config: SourceConfig, table: str, fmt: str, request: ExportRequest) -> str:
    """Return the configuration hash, with what the request changes about the files."""
    name = cast("FormatName", fmt)
    # Options count by what they do: asking for the default is asking for nothing.
    rules = config.table(table).model_copy(update={"format_options": {}})
    plain = config.model_copy(update={"format_options": {}, "tables": {table: rules}})
    parts = [config_hash(plain, table, name), str(LAYOUT), _options(config, table, name, request)]
    if rules.query:
        # A derived table may be made of others.
        parts += [f"{key}={other.query}" for key, other in config.tables.items() if other.query]
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _options(config: SourceConfig, table: str, fmt: FormatName, request: ExportRequest) -> str:
    """Write the options that differ from those of nobody who chose anything."""
    options = FormatOptions(**chosen_options(config, table, fmt, request).given())
    with suppress(UsageError):  # which is raised where files are written
        options = format_named(fmt).canonical(options)
    different = {
        name: value
        for name, value in asdict(options).items()
        if value != getattr(FormatOptions(), name)
    }
    text = repr(sorted(different.items()))
    if fmt == "ndjson" and has_header(options) and not options.fields:
        # What the first line says of the columns is configured, too.
        rules = config.table(table)
        text += repr((rules.description, sorted(rules.column_descriptions.items())))
    view = view_of(config, table, fmt, request)
    return text if view == WHOLE else f"{text} {view!r}"


def build_manifest(
    *,
    config: SourceConfig,
    plan: TablePlan,
    schema: TableSchema,
    lane: Lane,
    written: Written,
    facts: PartitionFacts,
    snapshot: SnapshotInfo,
    origin: str,
    request: ExportRequest,
    run: Run,
    watermark: Mapping[str, str],
) -> Manifest:
    """Describe one partition as it is about to be published."""
    digest = facts.digest.digest()
    return Manifest(
        source=config.source,
        table=plan.name,
        format=lane.format.name,
        partition=written.key,
        window=_window(plan, written.key),
        snapshot=SnapshotRecord(
            kind=snapshot.kind,
            id=snapshot.id,
            taken_at=snapshot.taken_at,
            consistency=snapshot.consistency,
            origin=origin,
        ),
        config_hash=effective_hash(config, plan.name, lane.format.name, request),
        code_version=code_version(),
        columns=column_records(schema, facts, written.fidelity),
        primary_key=schema.primary_key,
        order_by=plan.ordered_by,
        files=tuple(written.files),
        row_digest=digest.row_digest,
        digest_algorithm=ALGORITHM,
        counters=Counters(exported=digest.rows, coerced=facts.coerced),
        dialect=dict(lane.format.dialect(lane.options).values),
        watermark=dict(watermark),
        created_at=run.now,
        run_id=run.id,
    )


def column_records(
    schema: TableSchema, facts: PartitionFacts, by_format: Mapping[str, Fidelity] | None = None
) -> tuple[ColumnRecord, ...]:
    """Describe the columns of one partition, with what *by_format* says of them."""
    digests, verdicts = facts.digest.digest().columns, by_format or {}
    return tuple(
        column_record(
            column,
            facts.statistics.of(column.name),
            digests[column.name],
            verdicts.get(column.name),
        )
        for column in schema.columns
    )


def _window(plan: TablePlan, key: str) -> WindowRecord | None:
    if isinstance(plan.partitions, NoPartitions):
        found = plan.partitions.window
        return None if found is None else WindowRecord(column="", start=found.start, end=found.end)
    if key == UNDATED:
        return None
    window = plan.partitions.window(key)
    return WindowRecord(column=plan.partitions.column, start=window.start, end=window.end)


def column_record(
    column: Column, found: ColumnStatistics, digest: str, by_format: Fidelity | None
) -> ColumnRecord:
    """Return what a manifest says of *column*: what its source and what its format changed."""
    by_format = by_format or Fidelity()
    fidelity = worst(column.fidelity, by_format)
    lesser = by_format if fidelity is column.fidelity else column.fidelity
    return ColumnRecord(
        name=column.name,
        logical_type=str(column.logical),
        physical_type=str(column.dtype),
        declared_type=column.declared,
        nullable=column.nullable,
        nulls=found.nulls,
        min=render_bound(found.min),
        max=render_bound(found.max),
        digest=digest,
        fidelity=fidelity.verdict,
        fidelity_reason=fidelity.reason,
        fidelity_count=fidelity.count,
        fidelity_also=UNSET
        if lesser.verdict == "exact"
        else Change(fidelity=lesser.verdict, reason=lesser.reason, count=lesser.count),
    )


def worst(one: Fidelity, other: Fidelity) -> Fidelity:
    """Return the graver of two verdicts."""
    return max(one, other, key=lambda fidelity: VERDICTS.index(fidelity.verdict))
