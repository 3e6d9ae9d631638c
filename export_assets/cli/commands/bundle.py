"""`export-assets bundle`: chosen rows with everything that hangs on them, as one set of files."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from export_assets.cli.arguments import SourceArgument, SourceUrlOption
from export_assets.cli.options import CommonOptions, command
from export_assets.cli.output import Output

if TYPE_CHECKING:
    from export_assets.engine.bundle import Bundler, BundleReport


@dataclass(frozen=True, kw_only=True)
class BundleOptions(CommonOptions):
    """Which rows, what hangs on them, and where to."""

    source: SourceArgument
    table: Annotated[str, typer.Argument(help="Table of the chosen rows.")]
    id: Annotated[
        list[str] | None,
        typer.Option(help="Key of a chosen row; repeat. Of several columns: 'a,b'."),
    ] = None
    ids_file: Annotated[
        str | None,
        typer.Option(help="File with an id per line; '-' reads them from the input."),
    ] = None
    key: Annotated[
        list[str] | None,
        typer.Option(help="Columns the ids are values of, instead of the primary key."),
    ] = None
    follow: Annotated[
        str,
        typer.Option(
            help="children: rows that refer to a row of the bundle; parents: rows it refers to; "
            "both.",
            metavar="WAY",
        ),
    ] = "children"
    exclude: Annotated[list[str] | None, typer.Option(help="Tables that are not followed.")] = None
    only_root: Annotated[
        bool, typer.Option("--only-root", help="The chosen rows alone, and nothing else.")
    ] = False
    depth: Annotated[
        int | None, typer.Option(help="Follow at most so many references in a row.", min=0)
    ] = None
    format: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            "-f",
            help="Also one file per table in this format: repeat, or say 'all'.",
        ),
    ] = None
    each: Annotated[
        bool, typer.Option("--each", help="A bundle of its own for each id, not one of all.")
    ] = False
    output_dir: Annotated[
        Path | None, typer.Option("--output-dir", "-o", help="Write the files there instead.")
    ] = None
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite",
            help="Replace files of the same name; without --output-dir, publish unchanged "
            "bundles too.",
        ),
    ] = False
    pretty: Annotated[
        bool, typer.Option("--pretty/--compact", help="Indented JSON, or a record a line.")
    ] = True
    computed: Annotated[
        bool, typer.Option("--computed", help="With the columns that the system computes.")
    ] = False
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Only print the references followed and count the rows."),
    ] = False
    source_url: SourceUrlOption = None
    lock_timeout: Annotated[
        float, typer.Option(help="Seconds to wait for a bundle another run holds.", min=0)
    ] = 0.0


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    command(app, "bundle", BundleOptions)(bundle)


def bundle(output: Output, options: BundleOptions) -> int:
    """Export chosen rows with everything that hangs on them over foreign keys.

    All rows come from one moment of the source. They become one nested JSON tree, and with
    --format a file per table; the set is published in one step.
    """
    from export_assets.cli.bundle_requests import bundle_request
    from export_assets.cli.progress import progress_bar
    from export_assets.cli.project import new_run, workspace_of
    from export_assets.cli.requests import source_named
    from export_assets.engine.bundle import Bundler

    workspace = workspace_of(options.home)
    source = source_named(workspace, options.source, options.source_url)
    request = bundle_request(options)
    with progress_bar(output) as progress:
        bundler = Bundler(
            workspace=workspace,
            source=source,
            request=request,
            run=new_run(),
            progress=progress.advance,
        )
        if options.dry_run:
            return _planned(output, bundler)
        reports = bundler.export_each() if options.each else [bundler.export()]
    return _told(output, reports)


def _planned(output: Output, bundler: "Bundler") -> int:
    from export_assets.cli.figures import count, counted
    from export_assets.errors import EXIT_WARNINGS

    plan = bundler.plan()
    for warning in plan.warnings:
        output.note(f"warning: {warning}")
    for link in plan.links:
        output.line(f"follows {link}")
    rows = [(table, count(number)) for table, number in plan.tables.items()]
    output.table(("table", "rows"), rows, right=("rows",))
    total = sum(plan.tables.values())
    output.line(f"{counted(total, 'row')} in {counted(len(plan.tables), 'table')}")
    code = EXIT_WARNINGS if plan.warnings else 0
    output.document(
        {
            "source": bundler.source.name,
            "table": bundler.request.table,
            "exit_code": code,
            "follows": [str(link) for link in plan.links],
            "missing": list(plan.missing),
            "tables": plan.tables,
            "rows": total,
            "warnings": list(plan.warnings),
        }
    )
    return code


def _told(output: Output, reports: "Sequence[BundleReport]") -> int:
    from export_assets.cli.figures import count, counted, duration, size
    from export_assets.engine.bundle import verdict

    rows = []
    for report in reports:
        for warning in report.warnings:
            output.note(f"warning: {warning}")
        partition = report.records[0].partition if report.records else ""
        label = (partition,) if len(reports) > 1 else ()
        rows += [(*label, table, count(number)) for table, number in report.tables.items()]
    columns = ("bundle", "table", "rows") if len(reports) > 1 else ("table", "rows")
    output.table(columns, rows, right=("rows",))
    for report in reports:
        for record in report.records:
            if record.status == "failed":
                output.problem(str(record.error))
                continue
            if record.status == "skipped":
                output.note(f"warning: {record.error}")
            figures = f"{counted(report.rows, 'row')}, {size(record.bytes)}"
            took = duration(report.seconds)
            output.line(f"{figures} in {took}: {record.status}, {record.path}")
    code = verdict(reports)
    output.document({"exit_code": code, "bundles": [_document(report) for report in reports]})
    return code


def _document(report: "BundleReport") -> dict[str, object]:
    record = report.records[0]
    return {
        "source": report.source,
        "table": report.table,
        "run_id": report.run_id,
        "bundle": record.partition,
        "status": record.status,
        "exit_code": report.exit_code,
        "rows": report.rows,
        "tables": report.tables,
        "found": list(report.found),
        "missing": list(report.missing),
        "bytes": record.bytes,
        "seconds": report.seconds,
        "path": str(report.path) if report.path is not None else None,
        "files": [file.name for file in report.files],
        "warnings": list(report.warnings),
        "error": record.error,
    }
