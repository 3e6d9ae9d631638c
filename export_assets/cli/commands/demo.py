"""`export-assets demo`: sample data of every built-in system, exported in four formats."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from export_assets.cli.options import CommonOptions, command
from export_assets.cli.output import Output


@dataclass(frozen=True, kw_only=True)
class DemoOptions(CommonOptions):
    """Where the demonstration goes."""

    dir: Annotated[
        Path | None,
        typer.Option(
            "--dir",
            help="Directory for data and exports, created where missing; the project by default.",
            show_default=False,
        ),
    ] = None


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    command(app, "demo", DemoOptions)(demo)


def demo(output: Output, options: DemoOptions) -> int:
    """Make sample data, export all of it in four formats, and say what to look at next."""
    from export_assets.cli.limits import raise_file_limit
    from export_assets.cli.progress import progress_bar
    from export_assets.cli.project import new_run, workspace_of
    from export_assets.cli.results import document_of, print_reports, verdict
    from export_assets.engine.request import ExportRequest
    from export_assets.engine.run import Exporter
    from export_assets.errors import EXIT_WARNINGS
    from export_assets.systems.registry import SYSTEMS
    from export_assets.translate import translating

    raise_file_limit()
    if options.dir is not None:
        with translating(str(options.dir)):
            options.dir.mkdir(parents=True, exist_ok=True)
    workspace = workspace_of(options.dir or options.home)
    reports = []
    shown = [name for name in SYSTEMS if name in workspace.project.sources]
    for name, system in ((name, SYSTEMS[name]) for name in shown):
        source = workspace.source(name)
        with translating(f"{name}: {source.url}"):
            if source.url.path is not None:
                source.url.path.parent.mkdir(parents=True, exist_ok=True)
            output.line(f"{name}: {system.make_sample(source.url, source.config)}")
        with progress_bar(output) as progress:
            reports.append(
                Exporter(
                    workspace=workspace,
                    source=source,
                    request=ExportRequest(formats=("all",), fetch_latest=bool(system.steps())),
                    run=new_run(),
                    progress=progress.advance,
                    announce=progress.announce,
                ).export()
            )
    output.line()
    print_reports(output, reports)
    code = verdict(reports)
    # The sample logs hold broken lines on purpose: that they are told is how it should be.
    code = 0 if code == EXIT_WARNINGS else code
    _say_what_is_next(output, options)
    output.document({"exit_code": code, "reports": [document_of(report) for report in reports]})
    return code


def _say_what_is_next(output: Output, options: DemoOptions) -> None:
    place = options.dir or options.home
    home = f" --home {place}" if place is not None else ""
    output.line()
    output.line("Next:")
    for text, what in (
        ("dev", "open the Dagster UI on http://127.0.0.1:3000"),
        ("list", "everything published"),
        ("query 'SHOW ALL TABLES'", "ask it in SQL"),
        ("verify", "every file against its manifest"),
        ("inspect tandem", "what the source holds"),
        ("watch leadville", "follow event logs while they are written"),
        ("archive --match-id demo", "a match with its logs, database and exports"),
    ):
        output.line(f"  export-assets {text}{home}".ljust(48) + f"  {what}")
