"""Exports of exactly the logs of a match, made by the ordinary engine from copies of them."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from export_assets.archives.match import MatchFile
from export_assets.config.models import SourceConfig
from export_assets.engine.manifests import code_version, effective_hash
from export_assets.engine.report import ExportReport
from export_assets.engine.request import ExportRequest, Run
from export_assets.engine.run import Exporter
from export_assets.engine.workspace import ConfiguredSource, Workspace
from export_assets.errors import class_of

_EVENTS, _RUNS = "events", "runs"
_WITH_RUNS: Final[Mapping[str, tuple[str, ...]]] = {
    _RUNS: ("csv", "parquet"),
    _EVENTS: ("ndjson", "parquet"),
}
_WITHOUT_RUNS: Final[Mapping[str, tuple[str, ...]]] = {_EVENTS: ("csv", "ndjson", "parquet")}


@dataclass(frozen=True, kw_only=True)
class MatchExports:
    """What was exported."""

    files: tuple[MatchFile, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    """Rows by table, and lines in quarantine."""
    warnings: Sequence[str] = ()
    unread: Mapping[str, str] = field(default_factory=dict)
    """Logs of which nothing could be exported, each with why."""


def match_formats(source: ConfiguredSource) -> Mapping[str, tuple[str, ...]]:
    """Return the formats of an archive's exports, by table."""
    there = {table.name for table in source.logs.kind.tables()}
    return _WITH_RUNS if _RUNS in there else _WITHOUT_RUNS


def match_config_hash(source: ConfiguredSource) -> str:
    """Return a hash of everything that decides the exports besides the logs."""
    config = _closed(source)
    parts = [
        effective_hash(config, table, fmt, ExportRequest())
        for table, formats in sorted(match_formats(source).items())
        for fmt in formats
    ]
    return hashlib.sha256("\0".join([code_version(), *parts]).encode()).hexdigest()[:16]


def export_match(
    workspace: Workspace, source: ConfiguredSource, run: Run, *, logs: Path, scratch: Path
) -> MatchExports:
    """Export the logs in the directory *logs*; all that is written is in *scratch*.

    Raises:
        ExportError: A table could not be exported.
    """
    assert source.url.path is not None  # noqa: S101 - that of a directory
    own = replace(
        source,
        config=_closed(source),
        url=replace(source.url, path=logs),
        exports=scratch / "store",
    )
    # The copies are younger than the run, and what is to be sealed must be in the past.
    with own.logs.reading(run.id, datetime.now(UTC)) as (_, view):
        refused = view.refused
    tables = tuple(match_formats(source))
    request = ExportRequest(tables=tables, output_dir=scratch / "exports")
    report = Exporter(workspace=workspace, source=own, request=request, run=run).export()
    for record in report.failed:
        raise class_of(record.exit_code)(record.error)
    counts = {record.table: record.rows for record in report.records}
    return MatchExports(
        files=tuple(_files(report)),
        counts=counts | {"quarantined": refused},
        warnings=tuple(report.warnings),
        unread={name: str(error) for name, error in report.unread.items()},
    )


def _files(report: ExportReport) -> Iterator[MatchFile]:
    for record in report.records:
        if record.path is None:
            continue
        # Less the stamp that files for people have; a table divided by value is a directory.
        divided = record.path.is_dir()
        parts = sorted(record.path.rglob("part-*")) if divided else [record.path]
        for part in parts:
            suffix = record.path.name.partition(".")[2]
            inside = part.relative_to(record.path).as_posix()
            yield MatchFile(
                folder="exports",
                path=f"{record.table}/{inside}" if divided else f"{record.table}.{suffix}",
                file=part,
                format=record.format,
            )


def _closed(source: ConfiguredSource) -> SourceConfig:
    """Return the configuration for logs that nobody writes to any more."""
    config = source.config
    # What an archive holds is told in its counts; it is made however many lines were refused.
    log = config.log.model_copy(update={"seal_after": 0.0, "quarantine_max": None})
    formats = {
        table: config.table(table).model_copy(update={"formats": formats})
        for table, formats in match_formats(source).items()
    }
    return config.model_copy(update={"log": log, "tables": {**config.tables, **formats}})
