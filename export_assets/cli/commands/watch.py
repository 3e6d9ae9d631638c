"""`export-assets watch`: follow a source and publish what is new every few seconds."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from export_assets.cli.arguments import (
    FormatsOption,
    LockTimeoutOption,
    SourceArgument,
    SourceUrlOption,
    TablesArgument,
)
from export_assets.cli.options import CommonOptions, command
from export_assets.cli.output import Output

if TYPE_CHECKING:
    from export_assets.engine.report import ExportReport
    from export_assets.engine.watching import Seen

INTERVAL = 2.0


@dataclass(frozen=True, kw_only=True)
class WatchOptions(CommonOptions):
    """What to follow."""

    source: SourceArgument
    tables: TablesArgument = None
    format: FormatsOption = None
    interval: Annotated[
        str | None,
        typer.Option(
            help="Time between two looks: seconds, or 90s, 5m; as configured without it, else "
            f"{INTERVAL:g} s.",
            metavar="TIME", show_default=False,
        ),
    ] = None  # fmt: skip
    duration: Annotated[
        str | None,
        typer.Option(
            "--for", help="End after so long: seconds, or 90s, 5m, 8h.", metavar="TIME",
            show_default=False,
        ),
    ] = None  # fmt: skip
    source_url: SourceUrlOption = None
    profile: Annotated[
        str | None, typer.Option(help="Layout of the source's sets, where it knows several.")
    ] = None
    export_dir: Annotated[
        Path | None,
        typer.Option(
            "--export-dir", help="Keep a set of the source there, and export nothing else."
        ),
    ] = None
    lock_timeout: LockTimeoutOption = 10.0


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    command(app, "watch", WatchOptions)(watch)


def watch(output: Output, options: WatchOptions) -> int:
    """Follow a source: look every few seconds, publish what changed, until interrupted.

    What is published is what `export` would publish. With --json every look that found something
    prints one line. A failure is told and tried again, later and later; the exit code at the end
    of --for is that of the last look. Where `notify` is configured, its targets are told when it
    begins to fail, and when it goes well again.
    """
    from export_assets.cli.limits import raise_file_limit
    from export_assets.cli.project import new_run, workspace_of
    from export_assets.cli.requests import names_given, source_named, tables_named
    from export_assets.engine.notifying.notifier import Notifier
    from export_assets.engine.notifying.watch_news import WatchNews
    from export_assets.engine.request import ExportRequest
    from export_assets.engine.watching import Watch
    from export_assets.errors import ConfigError
    from export_assets.formats.registry import resolve_formats

    raise_file_limit()
    output.one_line = True
    workspace = workspace_of(options.home)
    source = source_named(workspace, options.source, options.source_url)
    formats = resolve_formats(names_given("--format", options.format))
    monitor = source.config.monitor
    if monitor.enabled is False:
        reason = monitor.reason or "monitor.enabled is false"
        msg = f"{source.name}: is not watched: {reason}"
        raise ConfigError(msg)
    following = Watch(
        workspace=workspace,
        source=source,
        request=ExportRequest(
            tables=tables_named(options.tables),
            formats=tuple(fmt.name for fmt in formats),
            profile=options.profile or "",
            export_dir=options.export_dir,
            lock_timeout=options.lock_timeout,
        ),
        new_run=new_run,
        interval=_interval(options.interval, monitor.every),
        seconds=None if options.duration is None else _seconds("--for", options.duration),
        exports=monitor.export,
        verbose=monitor.verbose or output.verbose,
    )
    output.line(f"following {source.name} at {source.url}; Ctrl-C ends it")
    news = WatchNews(
        source=source.name,
        notifier=Notifier(targets=workspace.project.settings.notify),
    )
    code, told = 0, set[str]()
    with news.of_the_end():
        for seen in following.reports():
            code = _tell(output, seen, told)
            news.after(seen)
    return code


def _tell(output: Output, seen: "Seen", told: set[str]) -> int:
    """Tell of one look; of warnings those that were not *told* of the look before."""
    moment = seen.at.astimezone().strftime("%H:%M:%S")
    if seen.told is not None:
        output.line(f"{moment} {seen.told}")
        output.document({"at": seen.at.isoformat(), "told": seen.told})
        return 0
    if seen.report is None:
        output.problem(f"{moment} {seen.error}")
        code = seen.error.exit_code if seen.error is not None else 0
        output.document({"at": seen.at.isoformat(), "error": str(seen.error)})
        return code
    report = seen.report
    # What grows while it is followed ("3 of 812 lines") is no news each time.
    said = (*report.warnings, *report.afterwards)
    warnings = {warning.partition(" of ")[0]: warning for warning in said}
    for subject in warnings.keys() - told:
        output.note(f"{moment} warning: {warnings[subject]}")
    told.clear()
    told.update(warnings)
    for record in report.failed:
        output.problem(f"{moment} {record.error}")
    for name, error in report.unread.items():
        output.problem(f"{moment} not read: {name}: {error}")
    output.line(f"{moment} {_summary(report)}")
    output.document(_document(report))
    return report.exit_code


def _summary(report: "ExportReport") -> str:
    from export_assets.cli.figures import count, duration

    written = [record for record in report.records if record.status in {"success", "empty"}]
    by_table: dict[str, dict[str, int]] = {}
    for record in written:
        by_table.setdefault(record.table, {})[record.partition] = record.rows
    facts = [
        f"{table} {', '.join(sorted(rows))}: {count(sum(rows.values()))} rows"
        if len(rows) <= 2  # noqa: PLR2004 - more would fill the line
        else f"{table}: {len(rows)} partitions, {count(sum(rows.values()))} rows"
        for table, rows in by_table.items()
    ]
    return f"{'; '.join(facts) or 'nothing new'} in {duration(report.seconds)}"


def _document(report: "ExportReport") -> dict[str, object]:
    return {
        "at": report.started_at.isoformat(),
        "source": report.source,
        "run_id": report.run_id,
        "exit_code": report.exit_code,
        "seconds": report.seconds,
        "warnings": [*report.warnings, *report.afterwards],
        "published": [
            {
                "table": record.table,
                "format": record.format,
                "partition": record.partition,
                "rows": record.rows,
                "path": str(record.path),
            }
            for record in report.records
            if record.status in {"success", "empty"}
        ],
        "failed": [
            {"table": record.table, "format": record.format, "error": record.error}
            for record in report.failed
        ],
    }


def _interval(given: str | None, configured: float | None) -> float:
    if given is not None:
        return _seconds("--interval", given)
    return configured if configured is not None else INTERVAL


def _seconds(option: str, text: str) -> float:
    from export_assets.config.incremental import seconds_of
    from export_assets.errors import UsageError

    try:
        seconds = float(text) if text.replace(".", "", 1).isdigit() else seconds_of(text)
    except ValueError as error:
        msg = f"{option} {text!r}: {error}"
        raise UsageError(msg) from error
    if not isinstance(seconds, int | float) or seconds <= 0:
        msg = f"{option} {text!r}: must be longer than nothing"
        raise UsageError(msg)
    return float(seconds)
