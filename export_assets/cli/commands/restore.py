"""`export-assets restore`: files back from an archive, each proven before it is put in place."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from export_assets.cli.options import CommonOptions, command
from export_assets.cli.output import Output
from export_assets.errors import ConfigError, DestConflict, SourceMissing, UsageError

if TYPE_CHECKING:
    from export_assets.archives.encryption.keyring import Keyring
    from export_assets.archives.restore import RestoreStep


@dataclass(frozen=True, kw_only=True)
class RestoreOptions(CommonOptions):
    """What to restore, and where to."""

    archive: Annotated[
        str, typer.Argument(help="Path of an archive, or the name of one in exports/archives.")
    ]
    to: Annotated[
        Path | None,
        typer.Option(
            help="Directory to put files into; the log directory they came from by default, "
            "where that is a configured one.",
            metavar="DIR",
            show_default=False,
        ),
    ] = None
    path: Annotated[
        list[str] | None,
        typer.Option(
            help="Only this file, by its path in the archive; repeat.",
            metavar="PATH",
            show_default=False,
        ),
    ] = None
    day: Annotated[
        str | None,
        typer.Option(
            help="Only files with events of that day (UTC).", metavar="DAY", show_default=False
        ),
    ] = None
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite", help="Set aside, as NAME.bak, other files that have the names."
        ),
    ] = False
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only print what would be restored.")
    ] = False


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    command(app, "restore", RestoreOptions)(restore)


def restore(output: Output, options: RestoreOptions) -> int:
    """Restore files from an archive: one, those of a day, or all.

    Everything is unpacked and proven before the first file is put in place. A file that is there
    with the same content stays; another one is never replaced unless --overwrite sets it aside.
    """
    from export_assets.archives import restore as archives
    from export_assets.archives.encryption.keyring import load_keyring
    from export_assets.cli.figures import counted
    from export_assets.cli.project import new_run, settings_of
    from export_assets.config.dates import parse_day

    settings = settings_of(options.home)
    path = _archive(options.archive, settings.exports_dir)
    keyring = load_keyring(settings)
    given = Path.cwd() / options.to.expanduser() if options.to else None
    target = given or _origin(path, keyring, options.home)
    run = new_run()
    paths = options.path
    day = parse_day(options.day, now=run.now) if options.day is not None else None
    steps = archives.plan_restore(
        path, target, paths=paths, day=day, overwrite=options.overwrite, keyring=keyring
    )
    code, kept = 0, {}
    if options.dry_run:
        code = _print_plan(output, steps, target)
    else:
        report = archives.restore(
            path,
            target,
            run_id=run.id,
            paths=paths,
            day=day,
            overwrite=options.overwrite,
            keyring=keyring,
        )
        kept = report.kept
        for name in report.restored:
            output.detail(f"restored {name}")
        for name, aside in kept.items():
            output.line(f"set aside {name}: is {aside} now")
        there = f", {len(report.present):,} there already" if report.present else ""
        output.line(f"{counted(len(report.restored), 'file')} restored to {target}{there}")
    output.document(
        {
            "archive": str(path),
            "target": str(target),
            "exit_code": code,
            "dry_run": options.dry_run,
            "files": [
                {"path": step.path, "bytes": step.bytes, "action": step.action} for step in steps
            ],
            "kept": kept,
        }
    )
    return code


def _print_plan(output: Output, steps: "Sequence[RestoreStep]", target: Path) -> int:
    """Say what would be restored; return the exit code of that."""
    from export_assets.cli.figures import counted, size

    for step in steps:
        output.line(f"{step.action} {step.path}  ({size(step.bytes)})")
    output.line(f"{counted(len(steps), 'file')} for {target}; nothing was restored")
    conflicts = sum(step.action == "conflict" for step in steps)
    if conflicts:
        output.note(f"warning: {counted(conflicts, 'file')} in the way; see --overwrite")
    return DestConflict.exit_code if conflicts else 0


def _archive(text: str, exports: Path) -> Path:
    """Return the archive at the path *text*, or of that name among those of the project.

    Raises:
        SourceMissing: There is no such archive.
    """
    from export_assets.store.layout import ARCHIVES

    if "\0" not in text:
        suffixes = ("", ".zip", ".zip.age", ".age")
        names = [exports / ARCHIVES / f"{text}{one}" for one in suffixes if "/" not in text]
        for path in (Path.cwd() / Path(text).expanduser(), *names):
            if path.is_file():
                return path
    msg = f"{text}: no such archive, neither here nor in {exports / ARCHIVES}"
    raise SourceMissing(msg)


def _origin(archive: Path, keyring: "Keyring", home: Path | None) -> Path:
    """Return the log directory that the files of *archive* came from.

    Raises:
        UsageError: They came from none that is configured.
    """
    from export_assets.archives.encryption.reading import read_metadata
    from export_assets.archives.member_names import decoded_path
    from export_assets.archives.metadata import OffloadMetadata
    from export_assets.cli.project import workspace_of

    metadata = read_metadata(archive, keyring)
    if not isinstance(metadata, OffloadMetadata):
        msg = f"{archive.name}: says nothing of where its files came from; give --to"
        raise UsageError(msg)
    came_from = decoded_path(metadata.source_dir)
    project = workspace_of(home).project
    for name, loaded in project.sources.items():
        if loaded.config.kind != "event_log":
            continue
        try:
            path = project.url_of(name).path
        except ConfigError:
            # A variable of another source need not be set for this.
            continue
        if path is not None and str(path.resolve()) == came_from:
            return path
    msg = f"{archive.name}: came from {came_from}, which is no configured log directory; give --to"
    raise UsageError(msg)
