"""What Dagster shows of a published partition: figures, schema, lineage; never a value."""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import dagster as dg

from export_assets.defs.change import Before, describe_change
from export_assets.defs.names import source_table_key
from export_assets.defs.shapes import TableShape
from export_assets.defs.table import TableExport
from export_assets.engine.report import ExportRecord
from export_assets.engine.stamped import INPUTS
from export_assets.store.contents import ColumnRecord
from export_assets.store.manifest import Manifest

Metadata = dict[str, dg.MetadataValue]

_MARKUP = re.compile(r"[\\`*_\[\]<>|!&~$]")

PARTITION_ROWS = "dagster/partition_row_count"

_BEFORE_ALL = 1
"""Stands for an observation before all there are. Without one Dagster takes the table for a
dependency that is new, and with none (`NULL`) it never sees a later one of the same partition."""

RUN_ID = "run_id"
"""Metadata key of the manifest's run: what tells whether Dagster has seen a generation."""


def describe_partition(
    table: TableExport,
    manifest: Manifest,
    *,
    status: str,
    seconds: float | None = None,
    before: Before | None = None,
) -> Metadata:
    """Return the figures of one published partition.

    Args:
        table: The table it belongs to.
        manifest: Its record.
        status: What the run did about it, e.g. `success` or `unchanged`.
        seconds: How long the pass took that wrote it, None where nobody knows any more.
        before: The generation before, None where there was none or nobody knows any more.
    """
    path = table.partition_path(manifest.format, manifest.partition)
    rows_key = "dagster/row_count" if table.partitions_def is None else PARTITION_ROWS
    single = manifest.files[0].sha256 if len(manifest.files) == 1 else manifest.checksum
    found: Metadata = {
        rows_key: dg.MetadataValue.int(manifest.rows),
        **describe_published(manifest, path, sha256=single, status=status, seconds=seconds),
        **describe_change(before, manifest),
        "fidelity": dg.MetadataValue.md(describe_fidelity(manifest.columns)),
        **count_fidelity(manifest.columns),
        **describe_quarantine(manifest.counters.quarantined.values(), manifest.rows),
    }
    if seconds:
        found["rows_per_second"] = dg.MetadataValue.float(round(manifest.rows / seconds, 1))
    return found


def describe_published(
    manifest: Manifest, path: Path, *, sha256: str, status: str, seconds: float | None
) -> Metadata:
    """Return what is said of everything published, be it a partition or a bundle.

    Args:
        manifest: Its record.
        path: Where it lies.
        sha256: What stands for the content of its files.
        status: What the run did about it.
        seconds: How long that took, None where nobody knows any more.
    """
    found: Metadata = {
        "rows": dg.MetadataValue.int(manifest.rows),
        "bytes": dg.MetadataValue.int(manifest.bytes),
        "files": dg.MetadataValue.int(len(manifest.files)),
        "path": dg.MetadataValue.path(path),
        "dagster/uri": dg.MetadataValue.text(path.as_uri()),
        "sha256": dg.MetadataValue.text(sha256),
        "generation": dg.MetadataValue.int(manifest.generation),
        "status": dg.MetadataValue.text(status),
        RUN_ID: dg.MetadataValue.text(manifest.run_id),
        "created_at": dg.MetadataValue.timestamp(manifest.created_at),
        "snapshot_id": dg.MetadataValue.text(manifest.snapshot.id),
        "consistency": dg.MetadataValue.text(manifest.snapshot.consistency),
        "row_digest": dg.MetadataValue.text(manifest.row_digest),
        "config_hash": dg.MetadataValue.text(manifest.config_hash),
    }
    if seconds:
        found["duration_seconds"] = dg.MetadataValue.float(seconds)
    return found


def describe_changes(records: Sequence[ExportRecord | None]) -> Metadata:
    """Return how many partitions a run published, left alone, and how many keys had left.

    Empty where no run did anything, None standing for what was only looked at.
    """
    known = [record for record in records if record is not None]
    if not known:
        return {}
    published = [record for record in known if record.status in {"success", "empty"}]
    return {
        "partitions_changed": dg.MetadataValue.int(len(published)),
        "partitions_unchanged": dg.MetadataValue.int(len(known) - len(published)),
        "deleted": dg.MetadataValue.int(sum(record.deleted for record in published)),
    }


def describe_columns(table: TableExport, manifest: Manifest) -> Metadata:
    """Return schema and lineage, which all partitions of one run share."""
    described = {column.name: column.description for column in table.shape.shown}
    return {
        "dagster/column_schema": dg.MetadataValue.table_schema(
            column_schema(manifest.columns, manifest.primary_key, described)
        ),
        "dagster/column_lineage": dg.MetadataValue.column_lineage(
            dg.TableColumnLineage(
                {
                    column.name: [
                        dg.TableColumnDep(
                            asset_key=source_table_key(table.source, table.name),
                            column_name=column.name,
                        )
                    ]
                    for column in manifest.columns
                }
            )
        ),
    }


def column_schema(
    columns: tuple[ColumnRecord, ...],
    primary_key: tuple[str, ...],
    descriptions: Mapping[str, str],
) -> dg.TableSchema:
    """Return the columns as Dagster shows them."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=column.name,
                type=column.logical_type,
                description=descriptions.get(column.name) or None,
                constraints=dg.TableColumnConstraints(
                    nullable=column.nullable, unique=primary_key == (column.name,)
                ),
            )
            for column in columns
        ]
    )


def shape_schema(shape: TableShape) -> dg.TableSchema:
    """Return the columns of a table nobody may have exported yet."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=column.name,
                type=column.type,
                description=column.description or None,
                constraints=dg.TableColumnConstraints(
                    nullable=column.nullable, unique=shape.primary_key == (column.name,)
                ),
            )
            for column in shape.shown
        ]
    )


def describe_fidelity(columns: tuple[ColumnRecord, ...]) -> str:
    """Return a table of the columns that are not exact, or one sentence that there is none."""
    lines = [
        f"| {_cell(column.name)} | {change.fidelity} | {_cell(change.reason)} | {change.count} |"
        for column in columns
        for change in column.changes
    ]
    if not lines:
        return "All columns are exact."
    return "\n".join(["| column | fidelity | why | values |", "|---|---|---|---|", *lines])


def count_fidelity(columns: Sequence[ColumnRecord]) -> Metadata:
    """Return how many columns, and values in them, did not leave exactly as they were."""
    odd = [column for column in columns if column.fidelity != "exact"]
    return {
        "columns_not_exact": dg.MetadataValue.int(len(odd)),
        "values_not_exact": dg.MetadataValue.int(
            sum(change.count for column in odd for change in column.changes)
        ),
    }


def describe_quarantine(refused: Iterable[int], rows: int) -> Metadata:
    """Return how many rows were refused, and their share of all; empty where none can be.

    Args:
        refused: Refused rows, by whatever.
        rows: Those that were not.
    """
    counts = list(refused)
    if not counts:
        return {}
    total = sum(counts)
    share = total / (total + rows) if total + rows else 0.0
    return {
        "quarantined": dg.MetadataValue.int(total),
        "quarantine_share": dg.MetadataValue.float(round(share, 6)),
    }


def data_version(manifests: Mapping[str, Manifest]) -> dg.DataVersion:
    """Return the version of the rows of *manifests*, by partition key, and of how they were made.

    One partition has its own version; several have that of all of them together.
    """
    versions = {
        key: f"{manifest.row_digest}-{manifest.config_hash}" for key, manifest in manifests.items()
    }
    if len(versions) == 1:
        return dg.DataVersion(next(iter(versions.values())))
    text = "\n".join(f"{key} {version}" for key, version in sorted(versions.items()))
    return dg.DataVersion(hashlib.sha256(text.encode()).hexdigest()[:32])


def version_tags(
    table: TableExport, manifest: Manifest, *, source_version: str, pointer: int | None = None
) -> dict[str, str]:
    """Return the tags by which Dagster tells a fresh partition from a stale one.

    Dagster adds them itself to what a step yields; events written in any other way carry them
    so that they are not taken for stale. *pointer* is the newest observation of the same partition
    of the table, where the table has partitions itself.
    """
    upstream = source_table_key(table.source, table.name).to_user_string()
    return {
        f"dagster/input_event_pointer/{upstream}": str(pointer or _BEFORE_ALL),
        "dagster/data_version": data_version({manifest.partition: manifest}).value,
        "dagster/data_version_is_user_provided": "true",
        "dagster/code_version": table.code_version(manifest.format),
        # Where the partition says what it is made of, that is the version of its table there.
        f"dagster/input_data_version/{upstream}": manifest.watermark.get(INPUTS, source_version),
    }


def materialization(
    table: TableExport,
    manifest: Manifest,
    *,
    status: str,
    source_version: str,
    seconds: float | None = None,
    before: Before | None = None,
    more: Metadata | None = None,
    pointer: int | None = None,
) -> dg.AssetMaterialization:
    """Return the event that says *manifest* is published, complete in itself.

    *more* is what else is to be shown; for all other arguments see `describe_partition` and
    `version_tags`.
    """
    return dg.AssetMaterialization(
        asset_key=table.key(manifest.format),
        partition=manifest.partition if table.partitions_def is not None else None,
        metadata={
            **describe_partition(table, manifest, status=status, seconds=seconds, before=before),
            **describe_columns(table, manifest),
            **(more or {}),
        },
        tags=version_tags(table, manifest, source_version=source_version, pointer=pointer),
    )


def _cell(text: str) -> str:
    """Return *text* on one line, with nothing that Markdown takes for more than text."""
    return _MARKUP.sub(r"\\\g<0>", " ".join(text.split()))
