"""`export-assets offload`: old logs into an archive, and then, where permitted, out of the way."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from export_assets.cli.options import CommonOptions, command
from export_assets.cli.output import Output
from export_assets.errors import UsageError

if TYPE_CHECKING:
    from export_assets.archives.offload.request import OffloadReport, Skipped
    from export_assets.engine.archiving.offloading import Offloader, OffloadOutcome, OffloadPreview

REASONS = {
    "too_new": "has events that are too new",
    "not_idle": "was written to not long ago",
    "not_ingested": "is not exported to its last byte",
    "no_events": "has no event, so nothing says how old it is",
    "unknown_dialect": "is of no known dialect",
    "outside": "is not below the directory",
    "excluded": "is in the trash or among the archives",
    "not_regular": "is no regular file",
    "missing": "is gone",
    "unreadable": "cannot be read",
    "in_use": "is open in another process",
    "changed": "changed meanwhile",
    "in_trash": "has a namesake in the trash",
    "other_device": "is on another disk than its trash",
    "archive_damaged": "is in an archive that is damaged",
    "no_key": "is in an encrypted archive that no identity here opens, so nothing proves it",
    "unknown": "is in no archive",
}
"""Why a log stays, as a sentence about it."""

_USUAL = frozenset({"too_new", "not_idle", "no_key"})
"""Reasons that are told once for all logs."""


@dataclass(frozen=True, kw_only=True)
class OffloadOptions(CommonOptions):
    """What to offload."""

    source: Annotated[
        str | None,
        typer.Argument(
            help="A configured source of event logs; the only one with a file of its own, or "
            "leadville, by default.",
            show_default=False,
        ),
    ] = None
    days_old: Annotated[
        int | None,
        typer.Option(
            help="Days, in UTC, between a log's last event and today; log.offload.days_old by "
            "default.",
            min=0,
            metavar="N",
            show_default=False,
        ),
    ] = None
    source_dir: Annotated[
        Path | None,
        typer.Option(help="Log directory instead of the source's own.", show_default=False),
    ] = None
    delete_source: Annotated[
        bool,
        typer.Option(
            "--delete-source",
            help="Move logs away once their archive is proven; needs --yes, and allow_delete in "
            "the project's settings.",
        ),
    ] = False
    yes: Annotated[bool, typer.Option("--yes", help="Confirm --delete-source and --no-grace.")] = (
        False
    )
    grace: Annotated[
        bool,
        typer.Option(
            "--grace/--no-grace",
            help="Whether logs wait in the trash for log.offload.grace, or go at once.",
        ),
    ] = True
    archive_name: Annotated[
        str | None,
        typer.Option(
            help="Name of the archive, without suffix; made of cutoff and time by default.",
            metavar="NAME",
            show_default=False,
        ),
    ] = None
    purge: Annotated[bool, typer.Option("--purge", help="Only empty the trash of what is due.")] = (
        False
    )
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print what would be done.")] = (
        False
    )


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    command(app, "offload", OffloadOptions)(offload)


def offload(output: Output, options: OffloadOptions) -> int:
    """Archive logs whose events are old; with permission, move them away.

    A log goes when its last event is old, nothing was written to it for a day, nobody has it open,
    and every byte of it is exported. What is new is read first. Without permission to delete, logs
    are archived and stay.
    """
    from export_assets.cli.limits import raise_file_limit
    from export_assets.cli.log_sources import log_source
    from export_assets.cli.project import new_run, workspace_of
    from export_assets.engine.archiving.offloading import Offloader, OffloadOrder

    raise_file_limit()
    workspace = workspace_of(options.home)
    offloader = Offloader(
        workspace=workspace,
        source=log_source(workspace, options.source, options.source_dir),
        run=new_run(),
        order=OffloadOrder(
            days_old=options.days_old,
            delete=options.delete_source,
            grace=options.grace,
            name=options.archive_name,
        ),
    )
    _check(options, offloader)
    if options.purge:
        return _purge(output, options, offloader)
    if options.dry_run:
        preview = offloader.plan()
        _print_plan(output, offloader, preview)
        output.document(_plan_document(offloader, preview))
        return 0
    outcome = offloader.offload()
    _print(output, offloader, outcome)
    output.document(_document(offloader, outcome))
    return outcome.exit_code


def _check(options: OffloadOptions, offloader: "Offloader") -> None:
    """Refuse options that mean nothing together, and deletions nobody confirmed.

    Raises:
        UsageError: There are such.
    """
    if options.purge:
        given = {
            "--days-old": options.days_old is not None,
            "--delete-source": options.delete_source,
            "--archive-name": options.archive_name is not None,
        }
        for name, is_given in given.items():
            if is_given:
                msg = f"--purge: only empties the trash; leave out {name}"
                raise UsageError(msg)
    elif not options.grace and not offloader.deletes:
        msg = "--no-grace: means nothing where logs stay; add --delete-source"
        raise UsageError(msg)
    else:
        # Before anything is asked: a flag alone never suffices.
        offloader.check()
    for name, is_given in (
        ("delete-source", options.delete_source),
        ("no-grace", not options.grace),
    ):
        if is_given and not (options.yes or options.dry_run):
            msg = f"--{name}: add --yes to confirm it, or --dry-run to see what would go"
            raise UsageError(msg)


def _purge(output: Output, options: OffloadOptions, offloader: "Offloader") -> int:
    from export_assets.archives.offload.request import OffloadReport
    from export_assets.cli.figures import counted
    from export_assets.engine.archiving.offloading import exit_code_of

    due: dict[str, list[str]] = {}
    report = OffloadReport()
    if options.dry_run:
        due = offloader.plan_purge()
        for archive, paths in due.items():
            for path in paths:
                output.line(f"remove {path}  (in {archive})")
        output.line(f"{counted(sum(map(len, due.values())), 'log')} due; nothing was removed")
    else:
        report = offloader.purge()
        _print_skipped(output, report.skipped)
        for problem in report.problems:
            output.problem(problem)
        output.line(f"{counted(len(report.removed), 'log')} removed from the trash")
    code = exit_code_of(report)
    output.document(
        {
            "source": offloader.source.name,
            "exit_code": code,
            "dry_run": options.dry_run,
            "due": due,
            "purged": _purged(report),
            "problems": report.problems,
        }
    )
    return code


def _print_plan(output: Output, offloader: "Offloader", preview: "OffloadPreview") -> None:
    from export_assets.cli.figures import counted, size

    plan = preview.plan
    for archive, paths in preview.due.items():
        for path in paths:
            output.line(f"remove from the trash {path}  (in {archive})")
    for path in plan.new:
        output.line(f"archive {path}")
    for path, entry in plan.known.items():
        output.line(f"archived already {path}  (in {entry.archive})")
    _print_skipped(output, plan.skipped)
    name, before = offloader.source.name, f"{preview.cutoff:%Y-%m-%d}"
    if not plan.new:
        output.line(f"{name}: nothing with events before {before} to archive; nothing was done")
        return
    then = "then move them away" if preview.deletes else "and leave them where they are"
    number = counted(len(plan.new), "log")
    output.line(
        f"{name}: {number} with events before {before} to archive, {size(plan.bytes)}, {then}; "
        "nothing was done"
    )


def _print(output: Output, offloader: "Offloader", outcome: "OffloadOutcome") -> None:
    from export_assets.cli.figures import counted, size

    report, purged = outcome.report, outcome.purged
    for path in report.archived:
        output.detail(f"archived {path}")
    for path in report.removed:
        output.detail(f"moved away {path}")
    _print_skipped(output, [*purged.skipped, *report.skipped])
    for problem in outcome.problems:
        output.problem(problem)
    name = offloader.source.name
    if purged.removed:
        output.line(f"{name}: {counted(len(purged.removed), 'log')} removed from the trash")
    if report.archive is not None:
        packed = size(report.archive.stat().st_size)
        number = counted(len(report.archived), "log")
        output.line(f"{name}: {number} archived in {report.archive} ({packed})")
    else:
        output.line(f"{name}: nothing new with events before {outcome.cutoff:%Y-%m-%d} to archive")
    if outcome.deletes:
        where = "moved to the trash" if offloader.order.grace else "removed"
        output.line(f"{name}: {counted(len(report.removed), 'log')} {where}")


def _print_skipped(output: Output, skipped: "Sequence[Skipped]") -> None:
    """Say which logs stay, and why; those that are too new only how many, unless asked for."""
    from export_assets.cli.figures import counted

    usual: Counter[str] = Counter()
    for one in skipped:
        if one.reason in _USUAL and not output.verbose:
            usual[one.reason] += 1
        else:
            output.line(f"stays {one.path}: {REASONS[one.reason]}")
    for reason, number in usual.items():
        output.line(f"stays: {counted(number, 'log')} ({REASONS[reason]})")


def _plan_document(offloader: "Offloader", preview: "OffloadPreview") -> dict[str, Any]:
    plan = preview.plan
    return {
        "source": offloader.source.name,
        "exit_code": 0,
        "dry_run": True,
        "cutoff": preview.cutoff.isoformat(),
        "deletes": preview.deletes,
        "archive": list(plan.new),
        "bytes": plan.bytes,
        "known": {path: entry.archive for path, entry in plan.known.items()},
        "skipped": [{"path": one.path, "reason": one.reason} for one in plan.skipped],
        "due": preview.due,
    }


def _document(offloader: "Offloader", outcome: "OffloadOutcome") -> dict[str, Any]:
    report = outcome.report
    return {
        "source": offloader.source.name,
        "exit_code": outcome.exit_code,
        "dry_run": False,
        "cutoff": outcome.cutoff.isoformat(),
        "deletes": outcome.deletes,
        "archive": str(report.archive) if report.archive is not None else None,
        "archived": report.archived,
        "known": report.known,
        "adopted": report.adopted,
        "removed": report.removed,
        "skipped": [{"path": one.path, "reason": one.reason} for one in report.skipped],
        "purged": _purged(outcome.purged),
        "problems": outcome.problems,
    }


def _purged(report: "OffloadReport") -> dict[str, Any]:
    return {
        "removed": report.removed,
        "returned": report.returned,
        "skipped": [{"path": one.path, "reason": one.reason} for one in report.skipped],
    }
