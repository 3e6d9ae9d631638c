"""`export-assets query`: one SQL statement over everything published, which can only read."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from export_assets.cli.options import CommonOptions, command
from export_assets.cli.output import Output

if TYPE_CHECKING:
    from collections.abc import Callable

    from export_assets.engine.catalog.session import Catalog

PRINTED = 100
"""Rows a table for people has at most, unless another number was asked for."""


@dataclass(frozen=True, kw_only=True)
class QueryOptions(CommonOptions):
    """What to ask, and where the answer goes."""

    sql: Annotated[
        str | None,
        typer.Argument(
            help="One statement that reads, or '-' to read it from the input.", show_default=False
        ),
    ] = None
    file: Annotated[
        Path | None, typer.Option("--file", help="Read the statement from this file.")
    ] = None
    format: Annotated[
        str | None,
        typer.Option(
            "--format",
            "-f",
            help="Write the rows in this file format, to the output or to --output.",
            show_default=False,
        ),
    ] = None
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Save the rows as this file; its ending says the format, unless --format does.",
            show_default=False,
        ),
    ] = None
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the file of --output.")
    ] = False
    limit: Annotated[
        int | None,
        typer.Option(
            help=f"Print so many rows at most, 0 for all; {PRINTED} where not given, with --json "
            "all.",
            min=0,
            show_default=False,
        ),
    ] = None
    timeout: Annotated[
        float, typer.Option(help="Seconds the query may take; 0 for any time.", min=0)
    ] = 0.0
    memory: Annotated[
        str | None,
        typer.Option(help="Memory it may need, such as 2GB.", metavar="SIZE", show_default=False),
    ] = None


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    command(app, "query", QueryOptions)(query)


def query(output: Output, options: QueryOptions) -> int:
    """Ask everything published in SQL, each table as source.table.

    The statement can only read, and only what is published: no other file, no network, no
    setting. SHOW ALL TABLES names what there is, DESCRIBE shop.orders its columns.
    """
    from export_assets.engine.catalog.answering import is_gone
    from export_assets.errors import IntegrityError

    sql = _statement(options)
    answer = _answer(output, options)
    try:
        return _asked(options, lambda catalog: answer(catalog, sql))
    except IntegrityError as error:
        if not is_gone(error):
            raise
        # It was removed or replaced after the catalogue was looked at: the new one knows.
        return _asked(options, lambda catalog: answer(catalog, sql))


def _asked(options: QueryOptions, answer: "Callable[[Catalog], int]") -> int:
    from export_assets.cli.project import settings_of
    from export_assets.engine.catalog.session import open_catalog

    settings = settings_of(options.home)
    catalog = open_catalog(
        settings.exports_dir,
        seconds=options.timeout or None,
        memory=options.memory,
        temp_dir=settings.temp_dir,
    )
    with catalog as opened:
        return answer(opened)


def _statement(options: QueryOptions) -> str:
    """Return the SQL, wherever it was said to be.

    Raises:
        UsageError: It was said nowhere, or in two places.
    """
    from export_assets.errors import UsageError
    from export_assets.translate import translating

    if (options.sql is None) == (options.file is None):
        msg = "query: give one statement, as an argument, as '-' or by --file"
        raise UsageError(msg)
    if options.file is not None:
        with translating(str(options.file), side="source"):
            data = options.file.read_bytes()
    elif options.sql == "-":
        data = sys.stdin.buffer.read()
    else:
        return str(options.sql)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        msg = f"query: {options.file or 'the input'} is not UTF-8"
        raise UsageError(msg) from error


def _answer(output: Output, options: QueryOptions) -> "Callable[[Catalog, str], int]":
    """Return what answers as the options say.

    Raises:
        UsageError: They contradict each other.
    """
    from export_assets.errors import UsageError

    if options.output is None and options.format is None:
        if options.overwrite:
            msg = "--overwrite: replaces the file of --output, which is missing"
            raise UsageError(msg)
        return lambda catalog, sql: _print(output, options, catalog, sql)
    if options.limit is not None:
        msg = "--limit: is for what is printed; write LIMIT into the query"
        raise UsageError(msg)
    if options.output is not None:
        return lambda catalog, sql: _save(output, options, catalog, sql)
    if options.json:
        msg = "--json: prints a document of its own; leave out --format, or add --output"
        raise UsageError(msg)
    return lambda catalog, sql: _stream(options, catalog, sql)


def _print(output: Output, options: QueryOptions, catalog: "Catalog", sql: str) -> int:
    from export_assets.cli.answers import Printed, print_plan
    from export_assets.engine.catalog.rows import explanation_of, rows_of

    plan = explanation_of(catalog, sql)
    if plan is not None:
        print_plan(output, plan)
        return 0
    default = None if options.json else PRINTED
    limit = default if options.limit is None else options.limit or None
    printed = Printed.of(rows_of(catalog, sql), limit)
    printed.print(output)
    return 0


def _save(output: Output, options: QueryOptions, catalog: "Catalog", sql: str) -> int:
    from export_assets.cli.figures import counted, size
    from export_assets.engine.catalog.rows import rows_of
    from export_assets.engine.catalog.saving import check_target, save_rows

    target = options.output
    assert target is not None  # noqa: S101 - that is what is saved to
    fmt = _format(options.format, target)
    check_target(target, catalog.root)
    rows = save_rows(rows_of(catalog, sql), target, fmt, overwrite=options.overwrite)
    written = target.stat().st_size
    output.line(f"{counted(rows, 'row')}, {size(written)}: {target}")
    document: dict[str, Any] = {"path": str(target), "format": fmt.name, "rows": rows}
    output.document({**document, "bytes": written, "exit_code": 0})
    return 0


def _stream(options: QueryOptions, catalog: "Catalog", sql: str) -> int:
    import shutil

    from export_assets.engine.catalog.rows import rows_of
    from export_assets.engine.catalog.saving import write_rows
    from export_assets.sources.private_temp import private_directory

    fmt = _format(options.format, None)
    # Whole or not at all: what reads the pipe sees no rows of a query that failed.
    with private_directory() as directory:
        path = directory / "rows"
        write_rows(rows_of(catalog, sql), path, fmt)
        with path.open("rb") as written:
            shutil.copyfileobj(written, sys.stdout.buffer)
        sys.stdout.buffer.flush()
    return 0


def _format(name: str | None, target: Path | None) -> Any:  # noqa: ANN401 - a Format, which costs too much to import here
    from export_assets.errors import UsageError
    from export_assets.formats.registry import FORMATS, format_named

    if name is not None:
        return format_named(name)
    ending = target.suffix.removeprefix(".").lower() if target is not None else ""
    if ending not in FORMATS:
        msg = f"--output {target}: its ending names no format; say --format"
        raise UsageError(msg)
    return FORMATS[ending]
