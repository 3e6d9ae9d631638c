"""The job that writes rows somebody chose: into files of its own, published nowhere."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg

from export_assets.defs.extract_config import extract_config, order_of
from export_assets.defs.failing import failing
from export_assets.defs.held import RunSources
from export_assets.defs.log_assets import is_log_source
from export_assets.defs.metadata import Metadata
from export_assets.defs.pools import reading_pool, retry_policy
from export_assets.defs.table import TableExport
from export_assets.engine.extracts import Extract, extract
from export_assets.engine.request import Run
from export_assets.engine.workspace import ConfiguredSource
from export_assets.store.manifest import MANIFEST_NAME

_LONGEST = 500
_LISTED = 200
_WRITTEN = frozenset({"success", "empty"})


def build_extract_job(
    source: ConfiguredSource, tables: Sequence[TableExport], *, retry_seconds: float
) -> dg.JobDefinition:
    """Return the job `extract_<source>`."""
    name, logs = source.name, is_log_source(source)

    @dg.op(
        name=f"extract__{name}",
        config_schema=extract_config(name, [table.name for table in tables], logs=logs),
        pool=reading_pool(source.config),
        retry_policy=retry_policy(retry_seconds),
        description="Write the rows chosen into a directory of the run.",
    )
    def extract_rows(context: dg.OpExecutionContext, sources: dg.ResourceParam[RunSources]) -> None:
        _extract(context, sources, name)

    @dg.job(
        name=f"extract_{name}",
        description=f"Write rows of {name} that you choose, by day, value, column or number, into "
        "files below `extracts_dir`. What is published stays as it is.",
        tags={"export_assets/source": name},
    )
    def job() -> None:
        extract_rows()

    return job


def _extract(context: dg.OpExecutionContext, sources: RunSources, name: str) -> None:
    """Write the extract and tell of it.

    Raises:
        dg.Failure: It is none, or some of it could not be written.
    """
    run = Run(id=context.run.run_id, now=datetime.now(UTC))
    workspace = sources.workspace
    with failing(name):
        made = extract(workspace, workspace.source(name), order_of(context.op_config), run)
    report = made.report
    for warning in (*report.warnings, *report.notes):
        context.log.warning(warning)
    figures = describe_extract(made)
    context.add_output_metadata(figures)
    problems = [one.error or one.status for one in report.failed]
    problems += [
        f"{one.table}: its {one.format} file is there already; set overwrite, or another name"
        for one in report.records
        if one.status == "skipped"
    ]
    problems += [f"{log}: {error}" for log, error in report.unread.items()]
    if problems:
        retry = bool(report.failed) and all(one.retriable for one in report.failed)
        text = _short("; ".join(dict.fromkeys(problems)))
        raise dg.Failure(text, metadata=figures, allow_retries=retry and not report.unread)


def describe_extract(made: Extract) -> Metadata:
    """Return what Dagster shows of an extract; never a value of the data."""
    report = made.report
    lines = [
        f"| {one.table} | {one.format} | {Path(one.path).name if one.path else ''} | {one.rows:,} "
        f"| {one.bytes:,} | {one.status} |"
        for one in report.records[:_LISTED]
    ]
    heading = ["| table | format | file | rows | bytes | |", "|---|---|---|--:|--:|---|"]
    return {
        "path": dg.MetadataValue.path(made.path),
        "manifest": dg.MetadataValue.path(made.path / MANIFEST_NAME),
        "files": dg.MetadataValue.int(sum(one.status in _WRITTEN for one in report.records)),
        "rows": dg.MetadataValue.int(report.rows),
        "bytes": dg.MetadataValue.int(report.bytes),
        "contents": dg.MetadataValue.md("\n".join([*heading, *lines])),
    }


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
