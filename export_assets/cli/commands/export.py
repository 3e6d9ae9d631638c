"""`export-assets export`: publish a source's tables, or write them into a directory."""

from dataclasses import dataclass
from typing import Annotated

import typer

from export_assets.cli.options import command
from export_assets.cli.output import Output
from export_assets.cli.selection import SelectionOptions


@dataclass(frozen=True, kw_only=True)
class ExportOptions(SelectionOptions):
    """What to export."""

    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only print what would be done: `plan`.")
    ] = False


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    command(app, "export", ExportOptions)(export)


def export(output: Output, options: ExportOptions) -> int:
    """Export a source: read once, write every format, prove it, publish it.

    SOURCE is a configured source or any database by its path or URL. Without --output-dir the
    exports of the project are brought up to date, partition by partition; what has not changed
    is not written again.
    """
    if options.dry_run:
        from export_assets.cli.commands.plan import plan

        return plan(output, options)
    from export_assets.cli.limits import raise_file_limit
    from export_assets.cli.progress import progress_bar
    from export_assets.cli.project import new_run, workspace_of
    from export_assets.cli.requests import request_of, source_of
    from export_assets.cli.results import document_of, print_reports
    from export_assets.engine.run import Exporter

    raise_file_limit()
    run = new_run()
    workspace = workspace_of(options.home)
    source = source_of(workspace, options)
    request = request_of(options, source, now=run.now)
    with progress_bar(output) as progress:
        report = Exporter(
            workspace=workspace,
            source=source,
            request=request,
            run=run,
            progress=progress.advance,
            announce=progress.announce,
        ).export()
    print_reports(output, [report])
    output.document(document_of(report))
    return report.exit_code
