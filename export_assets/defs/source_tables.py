"""The tables where they lie: observed, or computed by the upstream steps of a built-in system.

Those of event logs lie in what was read of the logs; see `log_assets`.
"""

from collections.abc import Iterator, Sequence
from typing import Any, cast

import dagster as dg

from export_assets.defs.code_references import code_references
from export_assets.defs.failing import failing
from export_assets.defs.held import RunSources
from export_assets.defs.lineage import lineage_of_table
from export_assets.defs.log_assets import (
    build_log_assets,
    is_log_source,
    log_tables,
    read_keys,
    tables_read,
)
from export_assets.defs.metadata import shape_schema
from export_assets.defs.names import ops_of, source_table_key, tag_value
from export_assets.defs.pools import pool_of, retry_policy
from export_assets.defs.shapes import TableShape, described_table
from export_assets.defs.tags import asset_tags, column_tags
from export_assets.defs.wording import plain_summary
from export_assets.engine.system import Step, StepReport
from export_assets.engine.workspace import ConfiguredSource, need_system


def steps_of(source: ConfiguredSource) -> Sequence[Step]:
    """Return the upstream steps of *source*, none where it is no built-in system."""
    return source.system.steps() if source.system is not None else ()


def step_keys(source: ConfiguredSource) -> list[dg.AssetKey]:
    """Return the keys of the tables that upstream steps fill."""
    return [source_table_key(source.name, step.table) for step in steps_of(source)]


def upstream_keys(source: ConfiguredSource) -> list[dg.AssetKey]:
    """Return the keys of what is filled first by a run over the tables of *source*."""
    return [*step_keys(source), *(read_keys(source) if is_log_source(source) else ())]


def observed_tables(source: ConfiguredSource, shapes: Sequence[TableShape]) -> list[str]:
    """Return the tables of *source* that no step fills, those that only steps read included."""
    filled = {step.table for step in steps_of(source)} | set(tables_read(source))
    read = [table for step in steps_of(source) for table in step.depends_on]
    names = [*(shape.name for shape in shapes), *read, *log_tables(source)]
    return [name for name in dict.fromkeys(names) if name not in filled]


def build_source_tables(
    source: ConfiguredSource, shapes: Sequence[TableShape], *, retry_seconds: float
) -> list[dg.AssetsDefinition]:
    """Return an asset for every table of *source*: observed ones, and those that steps fill."""
    by_name = {shape.name: shape for shape in shapes}
    observed = observed_tables(source, shapes)
    built = [_build_step(source, step, by_name, retry_seconds) for step in steps_of(source)]
    specs = [_spec(source, by_name.get(name) or described_table(source, name)) for name in observed]
    if is_log_source(source):
        return built + build_log_assets(source, shapes, specs, retry_seconds=retry_seconds)
    observing = ops_of(f"observe__{source.name}", specs, key=lambda spec: spec.key)
    return built + [_build_observation(source, op, group) for op, group in observing]


def _build_observation(
    source: ConfiguredSource, op: str, specs: Sequence[dg.AssetSpec]
) -> dg.AssetsDefinition:
    name = source.name

    @dg.multi_observable_source_asset(  # type: ignore[untyped-decorator]  # Dagster's own lack
        name=op, specs=specs, can_subset=True
    )
    def observe(
        context: dg.AssetExecutionContext, sources: dg.ResourceParam[RunSources]
    ) -> Iterator[dg.ObserveResult]:
        with failing(name):
            fingerprint = sources.workspace.source(name).source.fingerprint()
        for key in sorted(context.selected_asset_keys):
            yield dg.ObserveResult(asset_key=key, data_version=dg.DataVersion(fingerprint))

    return cast("dg.AssetsDefinition", observe)


def _build_step(
    source: ConfiguredSource, step: Step, shapes: dict[str, TableShape], retry_seconds: float
) -> dg.AssetsDefinition:
    shape = shapes.get(step.table) or described_table(source, step.table)
    spec = _spec(source, shape, filled=True)

    @dg.asset(
        key=spec.key,
        deps=[source_table_key(source.name, table) for table in step.depends_on],
        group_name=spec.group_name,
        kinds=spec.kinds,
        owners=spec.owners,
        tags=spec.tags,
        metadata=spec.metadata,
        description=f"{spec.description}\n\n{step.description}".strip(),
        op_tags={"export_assets/step": tag_value(step.name)},
        retry_policy=retry_policy(retry_seconds),
        pool=pool_of(source.config),
    )
    def fill(
        context: dg.AssetExecutionContext, sources: dg.ResourceParam[RunSources]
    ) -> dg.MaterializeResult[Any]:
        configured = sources.workspace.source(source.name)
        # What was read before this step is not what there is after it.
        sources.release(source.name)
        with failing(source.name):
            report = need_system(configured).run_step(step.name, configured.url, configured.config)
            fingerprint = configured.source.fingerprint()
        return dg.MaterializeResult(
            metadata={name: dg.MetadataValue.int(count) for name, count in report.counts.items()},
            data_version=_version(context, report, fingerprint),
        )

    return fill


def _version(
    context: dg.AssetExecutionContext, report: StepReport, fingerprint: str
) -> dg.DataVersion:
    """Return the table's version: the one before where the step added nothing."""
    if report.counts.get("inserted") == 0:
        record = context.instance.get_latest_materialization_event(context.asset_key)
        before = record.asset_materialization if record is not None else None
        version = before.tags.get("dagster/data_version") if before and before.tags else None
        if version is not None:
            return dg.DataVersion(version)
    return dg.DataVersion(fingerprint)


def _spec(source: ConfiguredSource, shape: TableShape, *, filled: bool = False) -> dg.AssetSpec:
    written_by = source.system.run_step if source.system is not None and filled else None
    metadata: dict[str, Any] = {
        "dagster/table_name": f"{source.name}.{shape.name}",
        **code_references(source, "tables", shape.name, written_by=written_by),
        **lineage_of_table(source, shape),
    }
    if shape.shown:
        metadata["dagster/column_schema"] = shape_schema(shape)
    return dg.AssetSpec(
        source_table_key(source.name, shape.name),
        group_name=source.name,
        kinds={source.url.kind, "table"},
        owners=list(source.config.owners),
        tags={**asset_tags(source, shape.name), **column_tags(shape)},
        description=plain_summary(
            shape.description or f"One row per row of {shape.name} in {source.name}."
        ),
        metadata=metadata,
    )
