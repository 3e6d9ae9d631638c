"""`export-assets prune`: delete published partitions that no retention rule keeps."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from export_assets.cli.options import CommonOptions, command
from export_assets.cli.output import Output

if TYPE_CHECKING:
    from export_assets.config.settings import Settings
    from export_assets.store.retention import PrunePlan


@dataclass(frozen=True, kw_only=True)
class PruneOptions(CommonOptions):
    """What to prune."""

    source: Annotated[str, typer.Argument(help="A configured source.")]
    tables: Annotated[
        list[str] | None,
        typer.Argument(help="Only these tables.", show_default=False),
    ] = None
    yes: Annotated[
        bool, typer.Option("--yes", help="Delete what the plan says; without it nothing is.")
    ] = False


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    command(app, "prune", PruneOptions)(prune_source)


def prune_source(output: Output, options: PruneOptions) -> int:
    """Print which published partitions no `keep` rule keeps; delete them with --yes.

    Without a `keep` rule everything stays. A partition that is not over yet, the newest one of
    each export, and whatever has no time window always stay.
    """
    import os

    from export_assets.engine.pruning import plan_for
    from export_assets.errors import EXIT_WARNINGS, UsageError, code_of_failures
    from export_assets.store.catalogue import Damaged, Published, list_published
    from export_assets.systems.settled import load_settled

    project = load_settled(options.home, environ=os.environ)
    config = project.source(options.source).config
    root = project.settings.exports_dir
    listed = list(list_published(root, source=config.source))
    found = [one for one in listed if isinstance(one, Published)]
    unread = [one for one in listed if isinstance(one, Damaged)]
    unknown = set(options.tables or ()) - {one.table for one in found}
    if unknown:
        msg = f"{config.source}: nothing is published of table {sorted(unknown)[0]!r}"
        raise UsageError(msg)
    if options.tables:
        found = [one for one in found if one.table in options.tables]
    plan = plan_for(config, found, datetime.now(UTC))
    _print_plan(output, plan)
    code = EXIT_WARNINGS if unread else 0
    for damaged in unread:
        output.note(f"warning: kept, for it cannot be read: {damaged.message}")
    removed, failed = list[str](), list[dict[str, Any]]()
    if options.yes:
        removed, failed = _delete(output, plan, project.settings, config.source)
        if failed:
            code = code_of_failures({one["exit_code"] for one in failed}, alone=not removed)
    elif plan.remove:
        output.line("nothing was deleted; add --yes to delete it")
    output.document(
        {
            "source": config.source,
            "exit_code": code,
            "dry_run": not options.yes,
            "keep": [{"partition": str(one), "rules": list(rules)} for one, rules in plan.keep],
            "remove": [{"partition": str(one), "bytes": one.bytes} for one in plan.remove],
            "bytes": plan.bytes_freed,
            "removed": removed,
            "unread": [{"path": str(one.path), "error": one.message} for one in unread],
            "failed": failed,
        }
    )
    return code


def _delete(
    output: Output, plan: "PrunePlan", settings: "Settings", source: str
) -> tuple[list[str], list[dict[str, Any]]]:
    """Delete what *plan* says; return what went, and what did not and why."""
    from export_assets.cli.project import run_identity
    from export_assets.engine.catalog.keeping import keep_current
    from export_assets.store.local import LocalStore
    from export_assets.store.retention import prune

    store = LocalStore(settings.exports_dir)
    store.sweep(source)
    report = prune(plan, store, run_id=run_identity(datetime.now(UTC)))
    failed = []
    for one, error in report.failed:
        output.problem(str(error))
        told = {"error": str(error), "exit_code": error.exit_code}
        failed.append({"partition": str(one), **told})
    for warning in keep_current(settings) if report.removed else ():
        output.note(f"warning: {warning}")
    output.line(f"deleted {len(report.removed)} of {len(plan.remove)}")
    return [str(one) for one in report.removed], failed


def _print_plan(output: Output, plan: "PrunePlan") -> None:
    from export_assets.cli.figures import counted, size

    for one in plan.remove:
        output.line(f"delete {one}  ({size(one.bytes)})")
    for one, rules in plan.keep:
        output.detail(f"keep {one}  ({', '.join(rules)})")
    output.line(
        f"{counted(len(plan.remove), 'partition')} to delete, {size(plan.bytes_freed)};"
        f" {counted(len(plan.keep), 'partition')} to keep"
    )
