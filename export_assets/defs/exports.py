"""The assets of the exports: one step per table, one asset per format, one read for all of them."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from export_assets.defs.checks import build_check_specs
from export_assets.defs.code_references import code_references
from export_assets.defs.conditions import condition_of
from export_assets.defs.export_step import run_table
from export_assets.defs.freshness import freshness_policy_of
from export_assets.defs.held import RunSources
from export_assets.defs.lineage import lineage_of_export
from export_assets.defs.metadata import shape_schema
from export_assets.defs.names import source_table_key
from export_assets.defs.pools import RETRY_SECONDS, reading_pool, retry_policy
from export_assets.defs.run_config import TABLE_CHOICES, ExportChoices, check_window, choices_of
from export_assets.defs.table import TableExport
from export_assets.defs.tags import asset_tags
from export_assets.defs.wording import plain_summary
from export_assets.errors import UsageError
from export_assets.formats.registry import format_named
from export_assets.tables.partitions import ExportPartitions, TimePartitions


def build_exports(
    table: TableExport, *, retry_seconds: float = RETRY_SECONDS
) -> dg.AssetsDefinition:
    """Return the assets of *table*, one per format.

    Args:
        table: The table.
        retry_seconds: How long the first retry of an error that may pass waits.
    """

    @dg.multi_asset(
        name=table.op_name,
        specs=[_build_spec(table, fmt) for fmt in table.formats],
        check_specs=build_check_specs(table),
        can_subset=True,
        partitions_def=table.partitions_def,
        backfill_policy=backfill_policy(table),
        # The step says of each failure whether a retry can help.
        retry_policy=retry_policy(retry_seconds),
        pool=reading_pool(table.configured.config),
        config_schema=dict(TABLE_CHOICES),
    )
    def export(
        context: dg.AssetExecutionContext, sources: dg.ResourceParam[RunSources]
    ) -> Iterator[Any]:
        yield from run_table(context, table, sources=sources, choices=_chosen(context, table))

    return export


def backfill_policy(table: TableExport) -> dg.BackfillPolicy | None:
    """Return how partitions are spread over runs; None for a table that is one partition.

    A range of partitions is one pass over the source, whatever its length, unless the
    configuration wants them apart.
    """
    if table.partitions_def is None:
        return None
    most = table.partitions_per_run
    if most is None:
        return dg.BackfillPolicy.single_run()
    return dg.BackfillPolicy.multi_run(max_partitions_per_run=most)


def _chosen(context: dg.AssetExecutionContext, table: TableExport) -> ExportChoices:
    """Return what the launchpad says.

    Raises:
        dg.Failure: It says what cannot be.
    """
    try:
        choices = choices_of(context.op_execution_context.op_config, now=datetime.now(UTC))
        check_window(
            choices,
            table=f"{table.source}/{table.name}",
            by_time=table.partitions_def is not None,
            names_partitions=context.has_partition_key or context.has_partition_key_range,
        )
    except UsageError as error:
        raise dg.Failure(str(error), allow_retries=False) from error
    return choices


def _build_spec(table: TableExport, fmt: str) -> dg.AssetSpec:
    source, shape, format_ = table.configured, table.shape, format_named(fmt)
    metadata: dict[str, Any] = {
        "dagster/table_name": f"{table.source}.{table.name}",
        **code_references(source, "tables", table.name, written_by=format_.open),
        **lineage_of_export(table.source, shape),
    }
    if shape.shown:
        metadata["dagster/column_schema"] = shape_schema(shape)
    return dg.AssetSpec(
        table.key(fmt),
        deps=[source_table_key(table.source, table.name)],
        group_name=table.source,
        kinds={format_.kind, source.url.kind},
        owners=list(source.config.owners),
        tags=asset_tags(source, table.name, fmt, partitions=table.partitions),
        description=describe_table(table, fmt),
        code_version=table.code_version(fmt),
        freshness_policy=freshness_policy_of(table),
        automation_condition=condition_of(table),
        metadata=metadata,
    )


def describe_table(table: TableExport, fmt: str) -> str:
    """Return what a row is and how the table is sliced, in Markdown; metadata has the columns."""
    shape, partitions = table.shape, table.partitions
    what = shape.description or f"One row per row of {table.name}."
    lines = [what, "", f"Table `{table.name}` of `{table.source}` as {fmt}."]
    if isinstance(partitions, ExportPartitions):
        lines.append(
            f"One partition per {partitions.every}, in UTC: the table as the last export of that "
            f"{partitions.every} found it. Only the present one can be made."
        )
    elif isinstance(partitions, TimePartitions):
        lines.append(f"One partition per {partitions.every} of `{partitions.column}`, in UTC.")
    if shape.primary_key:
        lines.append(
            f"A row is identified by {', '.join(f'`{one}`' for one in shape.primary_key)}."
        )
    return plain_summary("\n".join(lines))
