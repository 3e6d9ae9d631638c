"""`export-assets dump-db`: the state store of a weight processor as one file."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from export_assets.cli.options import CommonOptions, command
from export_assets.cli.output import Output

if TYPE_CHECKING:
    from export_assets.engine.workspace import ConfiguredSource, Workspace

_SOURCE = "weights"


@dataclass(frozen=True, kw_only=True)
class DumpOptions(CommonOptions):
    """What to dump, and where to."""

    source: Annotated[
        Path | None,
        typer.Option(
            "--source",
            help="Directory of <user_id>.json files; that of the source weights if not given.",
            show_default=False,
        ),
    ] = None
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="File to write, or a directory to put db_dump_<time>.csv in; the working "
            "directory if not given.",
            show_default=False,
        ),
    ] = None
    format: Annotated[
        str | None,
        typer.Option(help="Any file format; what the file's ending says if not given, else csv."),
    ] = None
    profile: Annotated[
        str, typer.Option(help="default: every column in full; legacy: eight, as they were.")
    ] = "default"
    anonymize: Annotated[
        bool,
        typer.Option(
            "--anonymize",
            help="Replace user ids by pseudonyms; the key is in EXPORT_ASSETS_ANONYMIZE_KEY.",
        ),
    ] = False
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the file where it exists.")
    ] = False


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    command(app, "dump-db", DumpOptions)(dump_db)


def dump_db(output: Output, options: DumpOptions) -> int:
    """Write one row per user of a weight processor's state store into one file.

    The file is for its owner alone, and appears whole or not at all. States that cannot be read
    are told in a file beside it, and the exit code is 3 then.
    """
    from export_assets.cli.project import workspace_of
    from export_assets.errors import EXIT_WARNINGS
    from export_assets.systems.weights.dump import Dump, default_name, dump

    workspace = workspace_of(options.home)
    source = _source_of(workspace, options)
    file = Path.cwd() / (options.output.expanduser() if options.output is not None else "")
    if file.is_dir():
        file /= default_name(suffix=f".{options.format or 'csv'}")
    how = Dump(
        profile=options.profile,  # type: ignore[arg-type]  # refused where it is none
        format=options.format,
        anonymize=options.anonymize or source.config.options.get("anonymize") is True,
        anonymize_key=workspace.anonymize_key,
        overwrite=options.overwrite,
        zone=source.config.assume_timezone,
        temp_dir=source.temp_dir,
        max_file_bytes=source.config.states.max_file_bytes,
    )
    assert source.url.path is not None  # noqa: S101 - of its kind
    done = dump(source.url.path, file, how)
    shown = done.path if options.output is None or options.output.is_absolute() else None
    shown = shown or _as_given(options.output, done.path)
    output.line(f"Database dump saved to {shown} ({done.users} users)")
    for warning in done.warnings:
        output.note(f"warning: {warning}")
    if done.quarantine is not None:
        output.note(f"warning: {done.refused} states could not be read: {done.quarantine}")
    code = EXIT_WARNINGS if done.refused else 0
    output.document(
        {
            "exit_code": code,
            "path": done.path,
            "users": done.users,
            "refused": done.refused,
            "quarantine": done.quarantine,
        }
    )
    return code


def _source_of(workspace: "Workspace", options: DumpOptions) -> "ConfiguredSource":
    from export_assets.errors import UsageError

    directory = options.source
    if directory is None:
        source = workspace.source(_SOURCE)
    else:
        source = workspace.source(_SOURCE, url=str(Path.cwd() / directory.expanduser()))
    if source.config.kind != "state_files":
        msg = f"{source.name}: is no directory of state files"
        raise UsageError(msg)
    return source


def _as_given(given: Path | None, made: Path) -> Path:
    """Return the file as a person named it."""
    if given is None:
        return made
    return given if given.name == made.name else given / made.name
