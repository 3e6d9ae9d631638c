"""Building the record of a partition from what was read, written and read back."""

import hashlib
from importlib.metadata import version
from typing import cast

from export_assets.config.hashing import config_hash
from export_assets.config.models import SourceConfig
from export_assets.config.rules import FormatName
from export_assets.engine.lane import Lane, Written
from export_assets.engine.request import ExportRequest, Run
from export_assets.engine.table_pass import PartitionFacts
from export_assets.engine.tables import TablePlan
from export_assets.sources.base import SnapshotInfo
from export_assets.store.manifest import (
    ColumnRecord,
    Counters,
    Manifest,
    SnapshotRecord,
    WindowRecord,
)
from export_assets.tables.digest import ALGORITHM
from export_assets.tables.partitions import UNDATED, TimePartitions
from export_assets.tables.schema import Column, Fidelity, TableSchema
from export_assets.tables.statistics import render_bound

_VERDICTS = ("exact", "widened", "lossy", "refused")
LAYOUT = 1
"""Raised when this package starts writing other bytes for equal rows and configuration."""


def code_version() -> str:
    """Return the version of this package."""
    return version("export-assets")


def effective_hash(config: SourceConfig, table: str, fmt: str, request: ExportRequest) -> str:
    """Return the configuration hash, with what the request changes about the files."""
    base = config_hash(config, table, cast("FormatName", fmt))
    options = request.options.get(fmt)
    text = f"{base} {LAYOUT} {options!r}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def build_manifest(
    *,
    config: SourceConfig,
    plan: TablePlan,
    schema: TableSchema,
    lane: Lane,
    written: Written,
    facts: PartitionFacts,
    coerced: int,
    snapshot: SnapshotInfo,
    request: ExportRequest,
    run: Run,
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
        ),
        config_hash=effective_hash(config, plan.name, lane.format.name, request),
        code_version=code_version(),
        columns=tuple(
            _column(column, facts, digest.columns[column.name], written.fidelity.get(column.name))
            for column in schema.columns
        ),
        primary_key=schema.primary_key,
        order_by=((plan.time_column,) if plan.time_column else ()) + plan.order_by,
        files=tuple(written.files),
        row_digest=digest.row_digest,
        digest_algorithm=ALGORITHM,
        counters=Counters(exported=digest.rows, coerced=coerced),
        dialect=dict(lane.format.dialect(lane.options).values),
        created_at=run.now,
        run_id=run.id,
    )


def _window(plan: TablePlan, key: str) -> WindowRecord | None:
    if not isinstance(plan.partitions, TimePartitions) or key == UNDATED:
        return None
    window = plan.partitions.window(key)
    return WindowRecord(column=plan.partitions.column, start=window.start, end=window.end)


def _column(
    column: Column, facts: PartitionFacts, digest: str, by_format: Fidelity | None
) -> ColumnRecord:
    found = facts.statistics.of(column.name)
    fidelity = worst(column.fidelity, by_format or Fidelity())
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
    )


def worst(one: Fidelity, other: Fidelity) -> Fidelity:
    """Return the graver of two verdicts."""
    return max(one, other, key=lambda fidelity: _VERDICTS.index(fidelity.verdict))
