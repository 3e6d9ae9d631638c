"""`export-assets archive`: everything of a match in one closed zip."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from export_assets.cli.options import CommonOptions, command
from export_assets.cli.output import Output

if TYPE_CHECKING:
    from export_assets.engine.archiving.match_archives import MatchArchiver, MatchOutcome


@dataclass(frozen=True, kw_only=True)
class ArchiveOptions(CommonOptions):
    """What to archive."""

    source: Annotated[
        str | None,
        typer.Argument(
            help="A configured source of event logs; the only one with a file of its own, or "
            "leadville, by default.",
            show_default=False,
        ),
    ] = None
    match_id: Annotated[
        str,
        typer.Option(
            help="The match: letters, digits, '.', '_' and '-', at most 64.", metavar="ID"
        ),
    ]
    db_path: Annotated[
        Path | None,
        typer.Option(
            help="SQLite file to put in as of one moment; that of the match in the YAML by "
            "default.",
            metavar="FILE",
            show_default=False,
        ),
    ] = None
    logs_only: Annotated[
        bool, typer.Option("--logs-only", help="Leave out the exports of the match.")
    ] = False
    pattern: Annotated[
        list[str] | None,
        typer.Option(
            help="Only logs called so, below the log directory; repeat. By default those of the "
            "match in the YAML, else those in a directory match_<ID>, else all.",
            metavar="GLOB",
            show_default=False,
        ),
    ] = None
    force: Annotated[
        bool,
        typer.Option("--force", help="Make another archive although one holds the same."),
    ] = False
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only print what would be archived.")
    ] = False


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    command(app, "archive", ArchiveOptions)(archive)


def archive(output: Output, options: ArchiveOptions) -> int:
    """Archive a match: its logs, a database as of one moment, and exports of exactly these.

    The zip lies in exports/archives. It is read back before it gets its name, and where one of
    before holds the same, no other is made.
    """
    from export_assets.cli.limits import raise_file_limit
    from export_assets.cli.log_sources import log_source
    from export_assets.cli.project import new_run, workspace_of
    from export_assets.engine.archiving.match_archives import MatchArchiver, MatchOrder

    raise_file_limit()
    workspace = workspace_of(options.home)
    archiver = MatchArchiver(
        workspace=workspace,
        source=log_source(workspace, options.source),
        run=new_run(),
        order=MatchOrder(
            match_id=options.match_id,
            patterns=tuple(options.pattern or ()),
            database=options.db_path.expanduser() if options.db_path is not None else None,
            logs_only=options.logs_only,
            force=options.force,
        ),
    )
    if options.dry_run:
        return _plan(output, archiver)
    outcome = archiver.archive()
    _print(output, outcome)
    output.document(_document(archiver, outcome))
    return outcome.exit_code


def _plan(output: Output, archiver: "MatchArchiver") -> int:
    from export_assets.cli.figures import counted, size

    plan = archiver.plan()
    logs = [(one.name, one.path.stat().st_size) for one in plan.logs.logs]
    for name, bytes_ in logs:
        output.line(f"logs/{name}  ({size(bytes_)})")
    for name, path in plan.databases.items():
        output.line(f"database/{name}  (of {path})")
    for name in plan.exports:
        output.line(f"exports/{name}")
    total = size(sum(bytes_ for _, bytes_ in logs))
    output.line(f"{counted(len(logs), 'log')} of the match, {total}; nothing was archived")
    output.document(
        {
            "source": archiver.source.name,
            "match_id": archiver.order.match_id,
            "exit_code": 0,
            "dry_run": True,
            "chosen_by": plan.logs.how,
            "logs": [{"path": name, "bytes": bytes_} for name, bytes_ in logs],
            "databases": {name: str(path) for name, path in plan.databases.items()},
            "exports": list(plan.exports),
        }
    )
    return 0


def _print(output: Output, outcome: "MatchOutcome") -> None:
    from export_assets.cli.figures import count, size

    for warning in outcome.warnings:
        output.note(f"warning: {warning}")
    for name, reason in outcome.unread.items():
        output.problem(f"not exported: {name}: {reason}")
    for listed in outcome.logs.logs:
        output.detail(f"logs/{listed.name}")
    what = ", ".join(f"{count(number)} {name}" for name, number in outcome.counts.items())
    output.line(f"{outcome.status} {outcome.path} ({size(outcome.bytes)}): {what}")


def _document(archiver: "MatchArchiver", outcome: "MatchOutcome") -> dict[str, Any]:
    return {
        "source": archiver.source.name,
        "match_id": archiver.order.match_id,
        "exit_code": outcome.exit_code,
        "dry_run": False,
        "status": outcome.status,
        "path": str(outcome.path),
        "bytes": outcome.bytes,
        "members": outcome.members,
        "chosen_by": outcome.logs.how,
        "logs": [listed.name for listed in outcome.logs.logs],
        "formats": list(outcome.formats),
        "counts": dict(outcome.counts),
        "warnings": list(outcome.warnings),
        "unread": dict(outcome.unread),
    }
