"""`export-assets init`: the YAML of a database nobody has described yet, from what is in it."""

import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from export_assets.cli.options import CommonOptions, command
from export_assets.cli.output import Output
from export_assets.errors import DestConflict, UsageError

if TYPE_CHECKING:
    from export_assets.config.settings import Settings
    from export_assets.engine.proposal import Proposal

STDOUT = Path("-")


@dataclass(frozen=True, kw_only=True)
class InitOptions(CommonOptions):
    """What to describe, and where."""

    url: Annotated[
        str,
        typer.Argument(help="Path or URL of the database, or '${NAME}' for the URL in a variable."),
    ]
    name: Annotated[
        str | None,
        typer.Option(
            help="Name of the source: lower case letters, digits and underscores; made of the "
            "address by default.",
            show_default=False,
        ),
    ] = None
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="File to write, - to print it; sources/NAME.yaml of the project by default.",
            show_default=False,
        ),
    ] = None
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")] = False


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    command(app, "init", InitOptions)(init)


def init(output: Output, options: InitOptions) -> int:
    """Look at a database and write the YAML file that describes it.

    Nothing but the file is written. A password in URL never is: an environment variable stands
    for the address then.
    """
    from export_assets.cli.project import settings_of
    from export_assets.engine.address import read_address
    from export_assets.engine.discovery import discover
    from export_assets.engine.proposal import Proposal, propose_source

    settings = settings_of(options.home)
    name, address = read_address(
        options.url,
        name=_checked(options.name),
        home=settings.home,
        base=Path.cwd(),
        environ=os.environ,
    )
    path = options.output or settings.sources_dir / f"{name}.yaml"
    if path != STDOUT:
        _refuse_existing(path, force=options.force)
    _refuse_taken(name, path, settings)
    source = propose_source(name, address, temp_dir=settings.temp_dir)
    found = discover(
        source,
        now=datetime.now(UTC),
        progress=lambda table: output.detail(f"looking at {table}"),
    )
    proposal = Proposal(name=name, address=address, found=found)
    text = proposal.checked(os.environ)
    if path == STDOUT:
        for line in text.splitlines():
            output.line(line)
    else:
        _write(path, text)
        _say_what_is_next(output, options, proposal, path)
    for table, error in found.unreadable.items():
        output.note(f"{table}: cannot be read: {error}")
    told = path != STDOUT and output.for_people
    if address.variable is not None and not (address.variable_is_set or told):
        output.note(f"set {address.variable} to the address: its password is not in the file")
    output.document(_document(proposal, None if path == STDOUT else path, text))
    return 0


def _checked(name: str | None) -> str | None:
    from export_assets.config.rules import NAME_PATTERN

    if name is not None and not re.match(NAME_PATTERN, name):
        msg = f"--name {name!r}: must be lower case letters, digits and underscores"
        raise UsageError(msg)
    return name


def _refuse_existing(path: Path, *, force: bool) -> None:
    if path.is_dir():
        msg = f"{path}: is a directory; name a file in it"
        raise UsageError(msg)
    if not force and (path.exists() or path.is_symlink()):
        msg = f"{path}: exists already; --force replaces it, --output - only prints"
        raise DestConflict(msg)


def _refuse_taken(name: str, path: Path, settings: "Settings") -> None:
    """Refuse the name of a built-in system or of a source that another file describes.

    Raises:
        UsageError: It is.
    """
    from export_assets.config.components import component_files
    from export_assets.config.load import read_source_file
    from export_assets.errors import ConfigError
    from export_assets.systems.files import builtin_files

    if name in builtin_files():
        msg = f"{name}: is a built-in system; choose another name with --name"
        raise UsageError(msg)
    described = next((one for one in component_files(settings.home) if one.name == name), None)
    if described is not None:
        msg = f"{name}: is already described by {described.shown}; choose another name with --name"
        raise UsageError(msg)
    files = settings.sources_dir.glob("*.y*ml") if settings.sources_dir.is_dir() else ()
    for other in sorted(files):
        try:
            taken = read_source_file(other).name == name
        except ConfigError:
            continue  # `validate` says what is wrong with it
        if taken and path not in {other, STDOUT} and path.resolve() != other.resolve():
            msg = f"{name}: is already described by {other}; choose another name with --name"
            raise UsageError(msg)


def _write(path: Path, text: str) -> None:
    from export_assets.store.durable import write_durably
    from export_assets.translate import translating

    with translating(str(path)):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_durably(path, text.encode("utf-8"), mode=0o666)


def _say_what_is_next(
    output: Output, options: InitOptions, proposal: "Proposal", path: Path
) -> None:
    from export_assets.cli.figures import counted

    home = f" --home {options.home}" if options.home is not None else ""
    tables = counted(len(proposal.found.tables), "table")
    sliced = [table.name for table in proposal.sliced]
    by_time = f", by time: {', '.join(sliced)}" if sliced else ""
    output.line(f"{_near(path)}: {tables}{by_time}")
    if proposal.personal:
        output.line(f"look personal: {', '.join(map(str, proposal.personal))}")
    output.line()
    output.line("Next:")
    variable = proposal.address.variable
    if variable is not None and not proposal.address.variable_is_set:
        output.line(f"  export {variable}='…'".ljust(48) + "  the address, with its password")
    for text, what in (
        ("validate", "check the file after changing it"),
        (f"export {proposal.name}", "export every table"),
        ("dev", "open the Dagster UI on http://127.0.0.1:3000"),
    ):
        output.line(f"  export-assets {text}{home}".ljust(48) + f"  {what}")


def _near(path: Path) -> Path:
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _document(proposal: "Proposal", path: Path | None, text: str) -> dict[str, Any]:
    return {
        "exit_code": 0,
        "source": proposal.name,
        "path": path,
        "address": proposal.address.shown,
        "variable": proposal.address.variable,
        "tables": [
            {
                "table": table.name,
                "rows": table.rows,
                "time_column": table.time.column if table.time else None,
                "first": table.time.first if table.time else None,
                "last": table.time.last if table.time else None,
                "partitioned_by": table.time.every if table.time else None,
            }
            for table in proposal.found.tables
        ],
        "relations": [
            {"from": f"{one.table}.{one.column}", "to": f"{one.ref_table}.{one.ref_column}"}
            for one in proposal.found.links
        ],
        "personal": [
            {"table": one.table, "column": one.column, "kind": one.kind}
            for one in proposal.personal
        ],
        "unreadable": {table: str(error) for table, error in proposal.found.unreadable.items()},
        "yaml": text,
    }
