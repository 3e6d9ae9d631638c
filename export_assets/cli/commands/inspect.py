"""`export-assets inspect`: tables, columns, types and figures of a source."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from export_assets.cli.arguments import SourceArgument, SourceUrlOption
from export_assets.cli.options import CommonOptions, command
from export_assets.cli.output import Output

if TYPE_CHECKING:
    from export_assets.engine.inspection import InspectedColumn, InspectedTable


@dataclass(frozen=True, kw_only=True)
class InspectOptions(CommonOptions):
    """What to inspect."""

    source: SourceArgument
    tables: Annotated[
        list[str] | None,
        typer.Argument(
            help="Tables by name; all that are exported by default.", show_default=False
        ),
    ] = None
    source_url: SourceUrlOption = None
    computed: Annotated[
        bool, typer.Option("--computed", help="Show the columns a built-in system computes, too.")
    ] = False
    declared: Annotated[
        bool,
        typer.Option(
            "--declared",
            help="Trust declared types: do not look at every value for the verdict.",
        ),
    ] = False


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    command(app, "inspect", InspectOptions)(inspect)


def inspect(output: Output, options: InspectOptions) -> int:
    """Show tables, columns, types, row counts, time ranges, keys and estimated sizes."""
    from export_assets.cli.project import workspace_of
    from export_assets.cli.requests import source_named, tables_named
    from export_assets.engine.computed import with_computed
    from export_assets.engine.inspection import inspect_source

    source = source_named(workspace_of(options.home), options.source, options.source_url)
    found = inspect_source(
        with_computed(source) if options.computed else source,
        tables=tables_named(options.tables),
        profile=not options.declared,
        progress=lambda name: output.detail(f"looking at {name}"),
    )
    output.line(f"{found.source}: {found.address} ({found.snapshot}, {found.consistency})")
    for table in found.tables:
        _print(output, table)
    if found.others and not options.tables:
        output.line()
        output.line(f"not exported unless asked for: {', '.join(found.others)}")
    for warning in found.warnings:
        output.note(f"warning: {warning}")
    for name, error in found.unreadable.items():
        output.line()
        output.line(f"{name}: cannot be read: {error}")
    output.document(
        {
            "source": found.source,
            "address": found.address,
            "snapshot": found.snapshot,
            "consistency": found.consistency,
            "exit_code": 0,
            "warnings": list(found.warnings),
            "other_tables": list(found.others),
            "tables": [_document(table) for table in found.tables],
            "unreadable": {name: str(error) for name, error in found.unreadable.items()},
        }
    )
    return 0


def _print(output: Output, table: "InspectedTable") -> None:
    from export_assets.cli.figures import counted, size

    facts = [counted(table.rows, "row")]
    if table.bytes_estimated is not None:
        facts.append(f"about {size(table.bytes_estimated)}")
    if table.partitioned_by is not None:
        facts.append(f"by {table.partitioned_by} of {table.time_column}")
    if table.first is not None and table.last is not None:
        facts.append(f"{table.first:%Y-%m-%d %H:%M:%S} to {table.last:%Y-%m-%d %H:%M:%S} UTC")
    output.line()
    output.line(f"{table.schema.name}: {', '.join(facts)}")
    output.table(
        ("column", "declared", "exported", "null", "key", "class", "fidelity"),
        [_row(column, table) for column in table.columns],
    )


def _row(inspected: "InspectedColumn", table: "InspectedTable") -> tuple[str, ...]:
    column = inspected.column
    keys = ["primary"] if column.name in table.schema.primary_key else []
    keys += [
        f"-> {key.ref_table}.{ref}"
        for key in table.schema.foreign_keys
        for name, ref in zip(key.columns, key.ref_columns, strict=False)
        if name == column.name
    ]
    return (
        column.name,
        column.declared,
        _exported(inspected),
        "yes" if column.nullable else "no",
        ", ".join(keys),
        inspected.treatment if inspected.exported else "",
        _verdict(inspected),
    )


def _exported(inspected: "InspectedColumn") -> str:
    column = inspected.column
    if not inspected.exported:
        return "not exported"
    if inspected.redacted:
        return "redacted"
    if inspected.anonymized:
        return "anonymized"
    if column.precision is not None:
        return f"{column.logical}({column.precision},{column.scale or 0})"
    return str(column.logical)


def _verdict(inspected: "InspectedColumn") -> str:
    fidelity = inspected.column.fidelity
    text = str(fidelity.verdict)
    if fidelity.reason:
        text += f": {fidelity.reason}"
    return f"{text} ({fidelity.count:,})" if fidelity.count else text


def _document(table: "InspectedTable") -> dict[str, Any]:
    return {
        "table": table.schema.name,
        "description": table.schema.description,
        "rows": table.rows,
        "bytes_estimated": table.bytes_estimated,
        "partitioned_by": table.partitioned_by,
        "time_column": table.time_column,
        "first": table.first.isoformat() if table.first else None,
        "last": table.last.isoformat() if table.last else None,
        "formats": list(table.formats),
        "primary_key": list(table.schema.primary_key),
        "foreign_keys": [
            {
                "columns": list(key.columns),
                "ref_table": key.ref_table,
                "ref_columns": list(key.ref_columns),
            }
            for key in table.schema.foreign_keys
        ],
        "columns": [
            {
                "name": one.column.name,
                "declared": one.column.declared,
                "logical_type": str(one.column.logical),
                "physical_type": str(one.column.dtype),
                "nullable": one.column.nullable,
                "description": one.column.description,
                "exported": one.exported,
                "redacted": one.redacted,
                "anonymized": one.anonymized,
                "class": one.treatment,
                "fidelity": one.column.fidelity.verdict,
                "fidelity_reason": one.column.fidelity.reason,
                "fidelity_count": one.column.fidelity.count,
            }
            for one in table.columns
        ],
    }
