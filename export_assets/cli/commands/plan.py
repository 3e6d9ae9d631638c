"""`export-assets plan`: what an export would do now, and why; also `export --dry-run`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from export_assets.cli.options import command
from export_assets.cli.output import Output
from export_assets.cli.selection import SelectionOptions

if TYPE_CHECKING:
    from export_assets.engine.planning import PlannedExport


@dataclass(frozen=True, kw_only=True)
class PlanOptions(SelectionOptions):
    """What to plan."""

    compare: Annotated[
        bool,
        typer.Option(
            "--compare", help="Read and compare the rows, and say exactly what would be published."
        ),
    ] = False


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    command(app, "plan", PlanOptions)(_plan)


def _plan(output: Output, options: PlanOptions) -> int:
    """Print what `export` with the same arguments would do now, and why. Writes nothing.

    With --compare every row that `export` would read is read and compared, so that the plan names
    exactly the partitions that would be published.
    """
    return plan(output, options, compare=options.compare)


def plan(output: Output, options: SelectionOptions, *, compare: bool = False) -> int:
    """Print what would be done; with *compare* after reading what `export` would read."""
    from export_assets.cli.project import new_run, workspace_of
    from export_assets.cli.requests import request_of, source_of
    from export_assets.engine.comparing import Comparison, compare_exports
    from export_assets.engine.planning import plan_exports
    from export_assets.engine.run import Exporter

    run = new_run()
    workspace = workspace_of(options.home)
    source = source_of(workspace, options)
    request = request_of(options, source, now=run.now)
    exporter = Exporter(workspace=workspace, source=source, request=request, run=run)
    if compare and request.output_dir is None:
        compared = compare_exports(exporter)
    else:
        compared = Comparison(planned=plan_exports(exporter))
    planned = compared.planned
    _print(output, planned)
    for note in compared.notes:
        output.line(note)
    if request.fetch_latest and source.system is not None:
        steps = ", ".join(step.name for step in source.system.steps())
        output.note(f"{source.name}: the upstream steps would run first: {steps}")
    output.document(
        {
            "source": source.name,
            "exit_code": 0,
            "fetch_latest": request.fetch_latest,
            "notes": list(compared.notes),
            "exports": [
                {
                    "table": one.table,
                    "format": one.format,
                    "partition": one.partition,
                    "action": one.action,
                    "reason": one.reason,
                }
                for one in planned
            ],
        }
    )
    return 0


def _print(output: Output, planned: "Sequence[PlannedExport]") -> None:
    from collections import Counter

    from export_assets.cli.figures import counted, span

    groups: dict[tuple[str, str, str, str], list[str]] = {}
    for one in planned:
        groups.setdefault((one.table, one.format, one.action, one.reason), []).append(one.partition)
    rows = [
        (table, fmt, span(keys), action, reason)
        for (table, fmt, action, reason), keys in groups.items()
    ]
    output.table(("table", "format", "partition", "action", "reason"), rows)
    actions = Counter(one.action for one in planned)
    output.line(
        ", ".join(
            f"{counted(number, 'partition')} to {name}" for name, number in actions.items()
        ).replace("to nothing", "with nothing to do")
    )
