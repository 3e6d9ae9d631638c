"""`export-assets repair`: publish again exactly what is wrong."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from export_assets.cli.options import CommonOptions, command
from export_assets.cli.output import Output

if TYPE_CHECKING:
    from export_assets.engine.logs.mending import Mend
    from export_assets.engine.repair import RepairReport
    from export_assets.engine.repair_plan import Repair
    from export_assets.engine.workspace import ConfiguredSource, Workspace


@dataclass(frozen=True, kw_only=True)
class RepairOptions(CommonOptions):
    """What to repair, and how closely to look."""

    source: Annotated[
        str | None,
        typer.Argument(help="A source; every configured one by default.", show_default=False),
    ] = None
    tables: Annotated[
        list[str] | None, typer.Argument(help="Only these tables.", show_default=False)
    ] = None
    deep: Annotated[bool, typer.Option("--deep", help="Also read every file, value by value.")] = (
        False
    )
    against_source: Annotated[
        bool,
        typer.Option(
            "--against-source",
            help="Also read the source and compare it with everything published.",
        ),
    ] = False
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the plan and change nothing.")
    ] = False
    yes: Annotated[
        bool,
        typer.Option(
            "--yes",
            help="Replace what is wrong even where the source no longer holds the rows that "
            "were published.",
        ),
    ] = False
    url: Annotated[
        str | None,
        typer.Option(
            help="Where that source lies; for one that is not configured, or has moved.",
            show_default=False,
        ),
    ] = None
    lock_timeout: Annotated[
        float,
        typer.Option(min=0, help="Seconds to wait for a partition that another run holds."),
    ] = 0.0


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    command(app, "repair", RepairOptions)(repair_sources)


def repair_sources(output: Output, options: RepairOptions) -> int:
    """Publish again exactly the partitions that are not as they were recorded.

    By default files are compared with their manifests; nothing else is read. A damaged partition
    is replaced in one step by what the source holds now. Where the source has lost rows that are
    published, where files of others lie in a partition, or where a table is gone, nothing is
    replaced and the exit code is 24.
    """
    from export_assets.cli.project import workspace_of
    from export_assets.errors import IntegrityError, code_of_failures

    workspace = workspace_of(options.home)
    codes: set[int] = set()
    documents = []
    for source in _sources(workspace, options):
        mends = _mend(output, source, options)
        if any(one.kept for one in mends):
            codes.add(IntegrityError.exit_code)
        report = _repair(output, workspace, source, options)
        codes.add(report.exit_code)
        documents.append(_document(source.name, report, mends))
        for one in report.left:
            output.problem(f"{source.name}/{one.table}/{one.format}/{one.partition}: {one.kept}")
        for record in report.failed:
            output.problem(str(record.error))
    wrong = codes - {0}
    code = code_of_failures(wrong) if wrong else 0
    output.document({"exit_code": code, "dry_run": options.dry_run, "sources": documents})
    return code


def _sources(workspace: "Workspace", options: RepairOptions) -> "Iterator[ConfiguredSource]":
    from export_assets.cli.against_source import source_at
    from export_assets.errors import UsageError

    if options.source is not None:
        yield source_at(workspace, options.source, options.url)
        return
    if options.url is not None:
        msg = "--url: says where one source is, so name that source"
        raise UsageError(msg)
    yield from (one for one in workspace.configured() if _is_published(workspace, one.name))


def _mend(output: Output, source: "ConfiguredSource", options: RepairOptions) -> "Sequence[Mend]":
    """Make damaged segments of event logs again, of which all tables are made."""
    from export_assets.cli.project import new_run
    from export_assets.engine.logs.mending import mend_segments

    if source.config.kind != "event_log":
        return ()

    def agree(plan: "Sequence[Mend]") -> bool:
        for one in plan:
            action = "read again" if one.kept is None else "leave"
            output.line(f"{action} {source.name}/_segments/{one.path.name}")
            for fact in one.facts:
                output.line(f"    {fact}")
        return not options.dry_run

    mends = mend_segments(source.logs, new_run().id, agree=agree)
    for one in mends:
        if one.kept is not None:
            output.problem(f"{source.name}/_segments/{one.path.name}: {one.kept}")
    return mends


def _repair(
    output: Output, workspace: "Workspace", source: "ConfiguredSource", options: RepairOptions
) -> "RepairReport":
    from export_assets.cli.progress import progress_bar
    from export_assets.cli.project import new_run
    from export_assets.cli.requests import tables_named
    from export_assets.engine.repair import repair
    from export_assets.engine.repair_plan import Thoroughness
    from export_assets.engine.request import ExportRequest
    from export_assets.engine.run import Exporter

    def agree(plan: "Sequence[Repair]") -> bool:
        _print_plan(output, source.name, plan)
        return not options.dry_run

    tables = tables_named(options.tables)
    _check_published(workspace, source.name, tables)
    with progress_bar(output) as progress:
        report = repair(
            Exporter(
                workspace=workspace,
                source=source,
                request=ExportRequest(tables=tables, lock_timeout=options.lock_timeout),
                run=new_run(),
                progress=progress.advance,
            ),
            Thoroughness(
                deep=options.deep, against_source=options.against_source, may_lose=options.yes
            ),
            agree=agree,
        )
    for warning in report.afterwards:
        output.note(f"warning: {warning}")
    if report.records:
        published = len(report.records) - len(report.failed)
        output.line(f"{source.name}: {published} of {len(report.records)} published again")
    elif options.dry_run and len(report.left) < len(report.plan):
        output.line("nothing was changed; leave out --dry-run to repair it")
    return report


def _check_published(workspace: "Workspace", source: str, tables: Sequence[str]) -> None:
    from export_assets.errors import UsageError

    for table in tables or (None,):
        if not _is_published(workspace, source, table):
            of = f" of table {table!r}" if table is not None else ""
            msg = f"{source}: nothing is published{of}"
            raise UsageError(msg)


def _is_published(workspace: "Workspace", source: str, table: str | None = None) -> bool:
    from export_assets.store.tree import scan_partitions

    found = scan_partitions(workspace.store.root, source=source, table=table)
    return next(found, None) is not None


def _print_plan(output: Output, source: str, plan: "Sequence[Repair]") -> None:
    from export_assets.cli.figures import counted

    for one in plan:
        action = "publish again" if one.kept is None else "leave"
        output.line(f"{action} {source}/{one.table}/{one.format}/{one.partition}")
        for fact in one.facts:
            output.line(f"    {fact}")
    if not plan:
        output.line(f"{source}: all as recorded")
        return
    wanted = sum(one.kept is None for one in plan)
    left = f", {len(plan) - wanted} to leave" if wanted < len(plan) else ""
    output.line(f"{source}: {counted(wanted, 'partition')} to publish again{left}")


def _document(source: str, report: "RepairReport", mends: "Sequence[Mend]") -> dict[str, Any]:
    became = {(one.table, one.format, one.partition): one for one in report.records}
    return {
        "source": source,
        "exit_code": report.exit_code,
        "repairs": [
            {
                "table": one.table,
                "format": one.format,
                "partition": one.partition,
                "path": one.path,
                "facts": list(one.facts),
                "kept": one.kept,
                "status": _status(one.kept, became.get((one.table, one.format, one.partition))),
            }
            for one in report.plan
        ],
        "segments": [
            {"path": str(one.path), "facts": list(one.facts), "kept": one.kept} for one in mends
        ],
        "failed": [
            {"error": record.error, "exit_code": record.exit_code} for record in report.failed
        ],
    }


def _status(kept: str | None, record: Any) -> str:  # noqa: ANN401 - an ExportRecord or None
    if kept is not None:
        return "left"
    return record.status if record is not None else "planned"
