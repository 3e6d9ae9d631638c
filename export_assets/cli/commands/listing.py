"""`export-assets list`: everything published and archived, from manifests and lists alone.

On the way here nothing may import Polars or Arrow: that alone would take longer than the answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from export_assets.cli.checked import names_of
from export_assets.cli.options import CommonOptions, command
from export_assets.cli.output import Output
from export_assets.errors import EXIT_WARNINGS, IntegrityError, UsageError


@dataclass(frozen=True, kw_only=True)
class ListOptions(CommonOptions):
    """What to list."""

    what: Annotated[
        str | None,
        typer.Argument(
            help="Only this source, source/table or source/table/format, or 'archives'. All there "
            "is by default.",
            show_default=False,
        ),
    ] = None
    partitions: Annotated[
        bool, typer.Option("--partitions", help="One line per partition, not per export.")
    ] = False


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line: an export, or one of its partitions."""

    source: str
    table: str
    format: str
    partition: str | None
    partitions: int
    rows: int
    bytes: int
    files: int
    created_at: datetime
    path: str

    @property
    def document(self) -> dict[str, Any]:
        """The line as JSON can hold it."""
        counted = {"partitions": self.partitions} if self.partition is None else {}
        named = {} if self.partition is None else {"partition": self.partition}
        return {
            "source": self.source,
            "table": self.table,
            "format": self.format,
            **named,
            **counted,
            "rows": self.rows,
            "bytes": self.bytes,
            "files": self.files,
            "published_at": self.created_at.isoformat(),
            "path": self.path,
        }


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    command(app, "list", ListOptions)(list_exports)


def list_exports(output: Output, options: ListOptions) -> int:
    """List everything published, and all archives: rows, bytes, times, and where it lies."""
    from export_assets.cli.archives import (
        archives_document,
        archives_exit_code,
        listed_archives,
        print_archives,
    )
    from export_assets.cli.project import settings_of
    from export_assets.store.layout import ARCHIVES

    settings = settings_of(options.home)
    root = settings.exports_dir
    archives = listed_archives(output, settings) if options.what in {None, ARCHIVES} else []
    code = 0
    document: dict[str, Any] = {"exports_dir": str(root)}
    if options.what != ARCHIVES:
        code, document = _published(output, options, root, quiet=bool(archives))
    elif not archives:
        output.line(f"no archives in {root / ARCHIVES}")
    print_archives(output, archives)
    code = max(code, archives_exit_code(archives))
    if options.what in {None, ARCHIVES}:
        document["archives"] = archives_document(archives)
    output.document({**document, "exit_code": code})
    return code


def _published(
    output: Output, options: ListOptions, root: Path, *, quiet: bool
) -> tuple[int, dict[str, Any]]:
    """Print what is published; return the exit code and the document."""
    from export_assets.store.catalogue import Damaged, Published, Unproven, list_published

    names = _names(options.what)
    published: list[Published] = []
    damaged: list[Damaged | Unproven] = []
    for found in list_published(root, **names):
        if isinstance(found, Published):
            published.append(found)
        else:
            damaged.append(found)
    if names and not published and not damaged:
        msg = f"{options.what}: nothing of that name is published in {root}"
        raise UsageError(msg)
    rows = [
        Row(
            source=one.source,
            table=one.table,
            format=one.format,
            partition=one.partition,
            partitions=1,
            rows=one.rows,
            bytes=one.bytes,
            files=one.files,
            created_at=one.created_at,
            path=str(one.path),
        )
        for one in published
    ]
    if not options.partitions:
        rows = _by_export(rows)
    for broken in damaged:
        if isinstance(broken, Damaged):
            output.problem(broken.message)
        else:
            output.note(f"warning: {broken.message}")
    if rows:
        _print(output, rows, str(root), partitions=options.partitions)
    elif not quiet:
        what = f"nothing of {options.what}" if options.what is not None else "nothing"
        output.line(f"{what} is published in {root}")
    code = EXIT_WARNINGS if damaged else 0
    if any(isinstance(broken, Damaged) for broken in damaged):
        code = IntegrityError.exit_code
    return code, {
        "exports_dir": str(root),
        "exit_code": code,
        "rows": sum(row.rows for row in rows),
        "bytes": sum(row.bytes for row in rows),
        "partitions" if options.partitions else "exports": [row.document for row in rows],
        "damaged": [{"path": str(one.path), "error": one.message} for one in damaged],
    }


def _names(what: str | None) -> dict[str, str]:
    """Return *what* as names of source, table and format.

    Raises:
        UsageError: It is none of these.
    """
    if what is None:
        return {}
    names = names_of(what)
    if not names:
        msg = f"{what!r}: expected a source, source/table or source/table/format"
        raise UsageError(msg)
    return names


def _by_export(rows: Sequence[Row]) -> list[Row]:
    groups: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row.source, row.table, row.format), []).append(row)
    return [
        Row(
            source=source,
            table=table,
            format=fmt,
            partition=None,
            partitions=len(group),
            rows=sum(row.rows for row in group),
            bytes=sum(row.bytes for row in group),
            files=sum(row.files for row in group),
            created_at=max(row.created_at for row in group),
            path=group[0].path.rpartition("/")[0],
        )
        for (source, table, fmt), group in groups.items()
    ]


def _print(output: Output, rows: Sequence[Row], root: str, *, partitions: bool) -> None:
    if not output.for_people:
        return
    from export_assets.cli.figures import count, counted, size

    lines = [
        (
            row.source,
            row.table,
            row.format,
            row.partition if row.partition is not None else count(row.partitions),
            count(row.rows),
            size(row.bytes),
            row.created_at.strftime("%Y-%m-%d %H:%M:%S"),
        )
        for row in rows
    ]
    kind = "partition" if partitions else "partitions"
    output.table(
        ("source", "table", "format", kind, "rows", "bytes", "published (UTC)"),
        lines,
        right=("partitions", "rows", "bytes"),
    )
    total = counted(sum(row.partitions for row in rows), "partition")
    figures = f"{counted(sum(row.rows for row in rows), 'row')}, {size(sum(r.bytes for r in rows))}"
    output.line(f"{figures} in {total} below {root}")
