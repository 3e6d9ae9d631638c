"""Sets as assets: files of one moment, published in one step; some with a partition per record."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import dagster as dg

from export_assets.defs.code_references import code_references
from export_assets.defs.failing import failing
from export_assets.defs.held import RunSources
from export_assets.defs.lineage import lineage_of_set
from export_assets.defs.metadata import Metadata
from export_assets.defs.names import export_key, op_part, source_table_key
from export_assets.defs.pools import RETRY_SECONDS, reading_pool, retry_policy
from export_assets.defs.run_config import OVERWRITE
from export_assets.defs.table import TableExport
from export_assets.defs.tags import asset_tags
from export_assets.defs.whole import check_result, describe_whole, examine, version_of
from export_assets.defs.wording import plain_summary
from export_assets.engine.report import ExportRecord
from export_assets.engine.request import ExportRequest, Run
from export_assets.engine.run import Exporter
from export_assets.engine.sets.choosing import sets_of
from export_assets.engine.sets.export import partition_directory
from export_assets.engine.sets.spec import ExportSet
from export_assets.engine.workspace import ConfiguredSource, Workspace
from export_assets.errors import ExportError
from export_assets.store.contents import SetRecord
from export_assets.store.layout import ExportKey
from export_assets.store.manifest import SET, Manifest
from export_assets.tables.partitions import ALL

CHECK = "set"
_LOCK_TIMEOUT = 60.0


@dataclass(frozen=True, kw_only=True)
class SetAsset:
    """One set of a source."""

    workspace: Workspace
    configured: ConfiguredSource
    one: ExportSet

    @property
    def source(self) -> str:
        """The source's name."""
        return self.configured.name

    @property
    def key(self) -> dg.AssetKey:
        """The asset's key: `[source, set, "set"]`."""
        return export_key(self.source, self.one.name, SET)

    @cached_property
    def partitions_def(self) -> dg.DynamicPartitionsDefinition | None:
        """The records that were published so far, of a set that has a partition for each."""
        if self.one.split is None:
            return None
        return dg.DynamicPartitionsDefinition(name=f"{self.source}_{op_part(self.one.name)}")

    def directory(self, partition: str) -> str:
        """Return the directory of *partition*."""
        return ALL if self.one.split is None else partition_directory(self.one, partition)

    def path(self, partition: str) -> Path:
        """Return where *partition* is, or would be, published."""
        return self.workspace.store.partition_path(self.export, self.directory(partition))

    def manifest(self, partition: str) -> Manifest | None:
        """Return the record of *partition*, None where there is none.

        Raises:
            IntegrityError: It is damaged.
        """
        return self.workspace.store.manifest(self.export, self.directory(partition))

    @property
    def export(self) -> ExportKey:
        """Where it is published."""
        return ExportKey(self.source, self.one.name, SET)


def set_assets(
    workspace: Workspace, source: ConfiguredSource, tables: Sequence[TableExport]
) -> list[SetAsset]:
    """Return the sets that *source* configures, without opening it."""
    if not source.config.sets:
        return []
    columns_of: dict[str, Sequence[str]] = {
        table.name: [column.name for column in table.shape.columns] for table in tables
    }
    if source.system is not None:
        columns_of = {
            name: sorted(columns) for name, columns in source.system.known_columns().items()
        } | {name: columns for name, columns in columns_of.items() if columns}
    try:
        known = sets_of(columns_of, source.config, source.system)
    except ExportError:
        # What is wrong is said by the run; that there is such a set is shown all the same.
        known = {name: ExportSet(name=name) for name in source.config.sets}
    return [SetAsset(workspace=workspace, configured=source, one=one) for one in known.values()]


def build_set(
    asset: SetAsset, tables: Sequence[TableExport], *, retry_seconds: float = RETRY_SECONDS
) -> dg.AssetsDefinition:
    """Return the asset of a set, with its check."""
    spec = dg.AssetSpec(
        asset.key,
        deps=_deps(asset, tables),
        group_name=asset.source,
        kinds={"file", asset.configured.url.kind},
        owners=list(asset.configured.config.owners),
        tags=asset_tags(asset.configured, asset.one.name, SET),
        description=_description(asset),
        metadata={
            **code_references(asset.configured, "sets", asset.one.name, written_by=Exporter.export),
            **lineage_of_set(
                asset.source,
                asset.one,
                {one.name: [column.name for column in one.shape.shown] for one in tables},
            ),
        },
    )
    check = dg.AssetCheckSpec(
        CHECK,
        asset=asset.key,
        description="The files of the set are those of its manifest, and hold what it says.",
        blocking=True,
    )

    @dg.multi_asset(
        name=f"set__{asset.source}__{op_part(asset.one.name)}",
        specs=[spec],
        check_specs=[check],
        can_subset=True,
        partitions_def=asset.partitions_def,
        backfill_policy=dg.BackfillPolicy.single_run() if asset.partitions_def else None,
        retry_policy=retry_policy(retry_seconds),
        pool=reading_pool(asset.configured.config),
        config_schema=dict(OVERWRITE),
    )
    def export_set(
        context: dg.AssetExecutionContext, sources: dg.ResourceParam[RunSources]
    ) -> Iterator[Any]:
        keys = _keys_of_run(context, asset)
        if asset.key in context.selected_asset_keys:
            records = _export(context, asset, sources, keys)
            keys = [one.partition for one in records]
            yield from _materialized(context, asset, records)
        if context.selected_asset_check_keys:
            yield _checked(asset, keys)

    return export_set


def _deps(asset: SetAsset, tables: Sequence[TableExport]) -> list[dg.AssetKey]:
    known = {table.name for table in tables}
    shown = set(asset.one.tables())
    for view in asset.one.views.values():
        shown |= {table for table, _ in view.origins.values()}
    return [source_table_key(asset.source, name) for name in sorted(shown & known)]


def _description(asset: SetAsset) -> str:
    one = asset.one
    lines = [one.description or f"Files of {asset.source} that belong together."]
    lines.append("All of one moment, and published in one step.")
    if one.split is not None:
        lines.append(f"A partition is a record, by its {one.split}.")
    names = [f"`{file.stem}.{file.format}`" for file in one.files]
    names += [f"`{document.name}`" for document in one.documents]
    return plain_summary("\n\n".join([" ".join(lines), ", ".join(names)]))


def _keys_of_run(context: dg.AssetExecutionContext, asset: SetAsset) -> list[str]:
    """Return the partitions a run names; none where it is about everything."""
    if asset.partitions_def is None:
        return [ALL]
    if context.has_partition_key or context.has_partition_key_range:
        return list(context.partition_keys)
    return []


def _export(
    context: dg.AssetExecutionContext,
    asset: SetAsset,
    sources: RunSources,
    keys: Sequence[str],
) -> list[ExportRecord]:
    """Publish the set.

    Raises:
        dg.Failure: It cannot be published; what was published before still is.
    """
    with failing(asset.source, before_retry=lambda: sources.release(asset.source)):
        report = Exporter(
            workspace=sources.workspace,
            source=sources.source(asset.source),
            request=ExportRequest(
                tables=(asset.one.name,),
                partitions=() if asset.one.split is None else tuple(keys),
                overwrite=context.op_execution_context.op_config["overwrite"],
                lock_timeout=_LOCK_TIMEOUT,
            ),
            run=Run(id=context.run.run_id, now=datetime.now(UTC)),
        ).export()
    for warning in report.warnings:
        context.log.warning(warning)
    if report.failed:
        first = report.failed[0]
        raise dg.Failure(first.error, allow_retries=first.retriable)
    return list(report.records)


def _materialized(
    context: dg.AssetExecutionContext, asset: SetAsset, records: Sequence[ExportRecord]
) -> Iterator[Any]:
    """Yield the result; of partitions that nobody named, what changed as events of their own."""
    if asset.partitions_def is None:
        (record,) = records
        if record.manifest is not None:
            yield dg.MaterializeResult(
                asset_key=asset.key,
                metadata=describe_set(asset, record.manifest, status=record.status),
                data_version=dg.DataVersion(version_of(record.manifest)),
            )
        return
    name = asset.partitions_def.name or ""
    named = context.has_partition_key or context.has_partition_key_range
    offered = set(context.instance.get_dynamic_partitions(name))
    new = [one.partition for one in records if one.partition not in offered]
    if new:
        context.instance.add_dynamic_partitions(name, new)
    for record in records:
        if record.manifest is None:
            continue
        figures = describe_set(asset, record.manifest, status=record.status)
        if named:
            context.add_asset_metadata(figures, asset_key=asset.key, partition_key=record.partition)
        elif record.status != "unchanged" or record.partition in new:
            yield materialization(asset, record.manifest, status=record.status)
    if named:
        yield dg.MaterializeResult(asset_key=asset.key)


def materialization(asset: SetAsset, manifest: Manifest, *, status: str) -> dg.AssetMaterialization:
    """Return the event that says *manifest* is published."""
    return dg.AssetMaterialization(
        asset_key=asset.key,
        partition=manifest.partition if asset.partitions_def is not None else None,
        metadata=describe_set(asset, manifest, status=status),
        tags={
            "dagster/data_version": version_of(manifest),
            "dagster/data_version_is_user_provided": "true",
        },
    )


def describe_set(asset: SetAsset, manifest: Manifest, *, status: str) -> Metadata:
    """Return the figures of a published set; never a value of the data."""
    path = asset.path(manifest.partition)
    record = manifest.set
    tables = record.tables if isinstance(record, SetRecord) else ()
    return describe_whole(manifest, path, tables, status=status)


def _checked(asset: SetAsset, keys: Sequence[str]) -> dg.AssetCheckResult:
    """Compare what is published of *keys* with the manifests."""
    found = {one: examine(asset.path(one), partial(asset.manifest, one)) for one in keys}
    fine = "files are as recorded and hold what is recorded"
    return check_result(asset.key, CHECK, found, fine=fine, counted="partitions")
