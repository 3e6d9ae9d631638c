"""Event logs as assets: the files, what was read of them, and which tables are made of that.

    logs ──read──> segments ──> events ──> runs ──> statistics        as `LogTable.depends_on` says
             └───> quarantine

Reading is a step of its own. It publishes segments, each line once, and says which partitions of
which tables are made of something new; see `engine.logs.due`. Exports read what is new, too: the
step is what a sensor asks for to know what to ask for.
"""

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast

import dagster as dg

from export_assets.defs.code_references import code_references
from export_assets.defs.failing import failing
from export_assets.defs.findings import Finding
from export_assets.defs.held import RunSources
from export_assets.defs.log_checks import (
    BYTES,
    SHARE,
    accounts_of,
    build_log_check_specs,
    judge_bytes,
    judge_share,
)
from export_assets.defs.metadata import shape_schema
from export_assets.defs.names import logs_key, ops_of, segments_key, source_table_key
from export_assets.defs.partitions import build_partitions, place_of
from export_assets.defs.pools import pool_of, retry_policy
from export_assets.defs.shapes import TableShape, described_table, partitions_of
from export_assets.defs.tags import asset_tags, column_tags
from export_assets.defs.wording import plain_summary
from export_assets.engine.logs.due import EVERYTHING, Due, Reading, find_due, keep_due, read_due
from export_assets.engine.request import ExportRequest, Run
from export_assets.engine.run import Exporter
from export_assets.engine.workspace import ConfiguredSource
from export_assets.errors import ExportError
from export_assets.sources.logs.quarantine_rows import QUARANTINE
from export_assets.tables.partitions import Partitions, TimePartitions

log = logging.getLogger(__name__)

_LISTED = 20
MOST_OBSERVED = 1_000
"""Partitions that one reading says anything of; Dagster takes ten milliseconds for each."""


def is_log_source(source: ConfiguredSource) -> bool:
    """Whether *source* is a directory of event logs."""
    return source.config.kind == "event_log"


def log_tables(source: ConfiguredSource) -> Mapping[str, Sequence[str]]:
    """Return the tables made of the logs of *source*, each with those it is made of in turn.

    None where the source has none, or its options cannot be understood: a run will say why.
    """
    if not is_log_source(source):
        return {}
    try:
        return {table.name: table.depends_on for table in source.logs.kind.tables()}
    except ExportError as error:
        log.warning("%s", error)
        return {}


def tables_read(source: ConfiguredSource) -> Sequence[str]:
    """Return the tables that reading fills by itself, which nobody needs to observe."""
    return (QUARANTINE.name,) if is_log_source(source) else ()


def read_keys(source: ConfiguredSource) -> list[dg.AssetKey]:
    """Return the keys of what a run that reads the logs of *source* fills."""
    own = [source_table_key(source.name, name) for name in tables_read(source)]
    return [segments_key(source.name), *own]


def build_log_assets(
    source: ConfiguredSource,
    shapes: Sequence[TableShape],
    specs: Sequence[dg.AssetSpec],
    *,
    retry_seconds: float,
) -> list[dg.AssetsDefinition]:
    """Return the assets of the log files of *source*, of what was read of them, and of its tables.

    Args:
        source: The source.
        shapes: What is known of its tables.
        specs: The tables' assets, but for what they are made of.
        retry_seconds: How long the first retry of an error that may pass waits.
    """
    tables = LogTables(source, shapes)
    built = [_build_logs(source), _build_reading(source, tables, retry_seconds)]
    observing = ops_of(f"observe__{source.name}", specs, key=lambda spec: spec.key)
    return built + [_build_tables(source, tables, op, group) for op, group in observing]


class LogTables:
    """The tables made of the logs of a source, as Dagster sees them."""

    def __init__(self, source: ConfiguredSource, shapes: Sequence[TableShape]) -> None:
        by_name = {shape.name: shape for shape in shapes}
        self._source = source.name
        self.made_of = log_tables(source)
        self.partitions = {
            name: partitions_of(source, by_name.get(name, TableShape(name=name)))
            for name in dict.fromkeys([*by_name, *self.made_of])
        }
        self.by_key = {source_table_key(source.name, name): name for name in self.partitions}

    def complete(self, spec: dg.AssetSpec) -> dg.AssetSpec:
        """Return the spec of a table with its partitions, and with what it is made of."""
        name = self.by_key[spec.key]
        above = [source_table_key(self._source, other) for other in self.made_of.get(name, ())]
        partitions = self.partitions.get(name)
        return spec.replace_attributes(
            deps=above or [segments_key(self._source)],
            partitions_def=build_partitions(partitions)
            if isinstance(partitions, TimePartitions)
            else None,
        )

    def observations(
        self, due: Due, names: Collection[str], *, now: datetime
    ) -> Iterator[dg.AssetObservation]:
        """Yield of what the partitions of tables called one of *names* are made of, as far as new.

        So exports are shown as not up to date where their rows may differ, and nowhere else.
        """
        left = MOST_OBSERVED
        for name in names:
            partitions, key = self.partitions[name], source_table_key(self._source, name)
            for one, stamp in sorted(due.tables.get(name, {}).items()):
                sliced = isinstance(partitions, TimePartitions)
                if sliced and (one == EVERYTHING or _is_outside(partitions, one, now)):
                    continue
                if left == 0:
                    return
                left -= 1
                tags = {"dagster/data_version": stamp}
                yield dg.AssetObservation(key, partition=one if sliced else None, tags=tags)


def _is_outside(partitions: Partitions, key: str, now: datetime) -> bool:
    return isinstance(partitions, TimePartitions) and (
        place_of(partitions, key, now=now) != "offered"
    )


def _build_tables(
    source: ConfiguredSource, tables: LogTables, op: str, specs: Sequence[dg.AssetSpec]
) -> dg.AssetsDefinition:
    name = source.name

    @dg.multi_observable_source_asset(  # type: ignore[untyped-decorator]  # Dagster's own lack
        name=op, specs=[tables.complete(spec) for spec in specs], can_subset=True
    )
    def observe(
        context: dg.AssetExecutionContext, sources: dg.ResourceParam[RunSources]
    ) -> Iterator[dg.AssetObservation]:
        due = read_due(sources.workspace.store, name)
        if due is not None:
            chosen = [tables.by_key[key] for key in sorted(context.selected_asset_keys)]
            yield from tables.observations(due, chosen, now=datetime.now(UTC))

    return cast("dg.AssetsDefinition", observe)


def _build_logs(source: ConfiguredSource) -> dg.AssetsDefinition:
    name = source.name
    spec = dg.AssetSpec(
        logs_key(name),
        group_name=name,
        kinds={"jsonl", "logs"},
        owners=list(source.config.owners),
        tags=asset_tags(source),
        description=_describe_logs(source),
        metadata={
            "path": dg.MetadataValue.path(source.url.path or ""),
            **code_references(source, "log"),
        },
    )

    @dg.multi_observable_source_asset(  # type: ignore[untyped-decorator]  # Dagster's own lack
        name=f"observe_logs__{name}", specs=[spec], can_subset=True
    )
    def observe_logs(sources: dg.ResourceParam[RunSources]) -> Iterator[dg.ObserveResult]:
        with failing(name):
            logs = sources.workspace.source(name).logs
            listed, fingerprint = logs.listed(), logs.fingerprint()
        figures = {
            "files": dg.MetadataValue.int(len(listed)),
            "bytes": dg.MetadataValue.int(sum(one.size for one in listed)),
        }
        yield dg.ObserveResult(
            asset_key=spec.key, data_version=dg.DataVersion(fingerprint), metadata=figures
        )

    return cast("dg.AssetsDefinition", observe_logs)


def _describe_logs(source: ConfiguredSource) -> str:
    what = plain_summary(source.config.description or f"Logs of {source.name}.")
    files = ", ".join(f"`{pattern}`" for pattern in source.config.log.files)
    return f"{what}\n\nThe log files as they lie there: {files}, at any depth. A record is a line."


def _build_reading(
    source: ConfiguredSource, tables: LogTables, retry_seconds: float
) -> dg.AssetsDefinition:
    name = source.name

    @dg.multi_asset(
        name=f"read_logs__{name}",
        specs=_read_specs(source),
        check_specs=build_log_check_specs(name),
        can_subset=True,
        retry_policy=retry_policy(retry_seconds),
        pool=pool_of(source.config),
    )
    def read_logs(
        context: dg.AssetExecutionContext, sources: dg.ResourceParam[RunSources]
    ) -> Iterator[Any]:
        reading: Reading | None = None
        if context.selected_asset_keys:
            try:
                reading = _read(context, sources, name)
            except dg.Failure:
                # What was refused is why, maybe; segments are published before that is decided.
                yield from _evaluations(context, sources, name)
                raise
            made = [table for table in tables.partitions if table not in tables_read(source)]
            yield from tables.observations(reading.due, made, now=datetime.now(UTC))
            yield from _materialized(context, sources, name, reading.due)
        yield from _results(context, sources, name)
        if reading is not None and reading.remarks.failures:
            raise _unread(name, reading.remarks.failures)

    return read_logs


def _read_specs(source: ConfiguredSource) -> list[dg.AssetSpec]:
    name, quarantine = source.name, described_table(source, QUARANTINE.name)
    shared: dict[str, Any] = {
        "deps": [logs_key(name)],
        "group_name": name,
        "owners": list(source.config.owners),
    }
    return [
        dg.AssetSpec(
            segments_key(name),
            kinds={"parquet", "logs"},
            description="What was read of the logs: one row per line that is a record, every line "
            "once. All tables are made of it, whichever logs are still there.",
            tags=asset_tags(source, "segments"),
            metadata=code_references(source, "log", written_by=_read),
            **shared,
        ),
        dg.AssetSpec(
            source_table_key(name, QUARANTINE.name),
            kinds={"logs", "table"},
            description=f"{quarantine.description}\n\nOne row per line that was refused.",
            tags={**asset_tags(source, QUARANTINE.name), **column_tags(quarantine)},
            metadata={
                "dagster/table_name": f"{name}.{QUARANTINE.name}",
                "dagster/column_schema": shape_schema(quarantine),
                **code_references(source, "tables", QUARANTINE.name, written_by=_read),
            },
            **shared,
        ),
    ]


def _read(context: dg.AssetExecutionContext, sources: RunSources, name: str) -> Reading:
    """Read what is new, and write down what is due.

    Raises:
        dg.Failure: The logs cannot be read, or nothing of them may be exported.
    """
    exporter = Exporter(
        workspace=sources.workspace,
        source=sources.source(name),
        request=ExportRequest(),
        run=Run(id=context.run.run_id, now=datetime.now(UTC)),
    )
    with failing(name):
        try:
            reading = find_due(exporter)
            keep_due(sources.workspace.store, name, reading.due)
        except Exception:
            sources.release(name)
            raise
    for line in (*reading.remarks.warnings, *reading.remarks.notes):
        context.log.warning(line)
    return reading


def _materialized(
    context: dg.AssetExecutionContext, sources: RunSources, name: str, due: Due
) -> Iterator[dg.MaterializeResult[Any]]:
    accounts = accounts_of(sources.workspace.store, name)
    version = dg.DataVersion(accounts.stamp)
    if segments_key(name) in context.selected_asset_keys:
        yield dg.MaterializeResult(
            asset_key=segments_key(name),
            metadata={
                **accounts.figures,
                "due": dg.MetadataValue.md(_due_text(due)),
                "partitions_due": dg.MetadataValue.int(sum(map(len, due.tables.values()))),
            },
            data_version=version,
        )
    quarantine = source_table_key(name, QUARANTINE.name)
    if quarantine in context.selected_asset_keys:
        yield dg.MaterializeResult(
            asset_key=quarantine,
            metadata={"dagster/row_count": dg.MetadataValue.int(accounts.refused)},
            data_version=version,
        )


def _due_text(due: Due) -> str:
    lines = [
        f"| {table} | {', '.join(sorted(keys)[:_LISTED])}"
        f"{f' and {len(keys) - _LISTED} more' if len(keys) > _LISTED else ''} |"
        for table, keys in due.tables.items()
    ]
    return "\n".join(["| table | partitions |", "|---|---|", *lines]) if lines else "Nothing."


def _findings(
    context: dg.AssetExecutionContext, sources: RunSources, name: str
) -> Iterator[tuple[dg.AssetCheckKey, Finding, dg.AssetCheckSeverity]]:
    """Yield what the selected checks find."""
    selected = context.selected_asset_check_keys
    if not selected:
        return
    store, config = sources.workspace.store, sources.workspace.source(name).config.log
    found = {
        BYTES: (segments_key(name), judge_bytes(store, name), dg.AssetCheckSeverity.ERROR),
        SHARE: (source_table_key(name, QUARANTINE.name), *judge_share(store, name, config)),
    }
    for check, (asset, finding, severity) in found.items():
        if dg.AssetCheckKey(asset, check) in selected:
            yield dg.AssetCheckKey(asset, check), finding, severity


def _results(
    context: dg.AssetExecutionContext, sources: RunSources, name: str
) -> Iterator[dg.AssetCheckResult]:
    for check, finding, severity in _findings(context, sources, name):
        yield finding.result(check.asset_key, check.name, severity)


def _evaluations(
    context: dg.AssetExecutionContext, sources: RunSources, name: str
) -> Iterator[dg.AssetCheckEvaluation]:
    """Yield what the checks find as events, which a step may give although it fails."""
    for check, finding, severity in _findings(context, sources, name):
        yield finding.evaluation(check.asset_key, check.name, severity)


def _unread(name: str, failures: Mapping[str, ExportError]) -> dg.Failure:
    first, error = next(iter(sorted(failures.items())))
    more = f"; and {len(failures) - 1} more" if len(failures) > 1 else ""
    text = f"{name}: {first}: {error}{more}"
    return dg.Failure(text, allow_retries=all(one.retriable for one in failures.values()))
