"""`export-assets verify`: published files against their manifests, and against the source."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from export_assets.cli.options import CommonOptions, command
from export_assets.cli.output import Output
from export_assets.errors import IntegrityError, UsageError

if TYPE_CHECKING:
    from export_assets.cli.archives import CheckedArchive
    from export_assets.engine.verification import SourceFinding
    from export_assets.store.verify import Finding


@dataclass(frozen=True, kw_only=True)
class VerifyOptions(CommonOptions):
    """What to verify, and how thoroughly."""

    what: Annotated[
        str | None,
        typer.Argument(
            help="A source, source/table, source/table/format, 'archives', or a path: of a "
            "partition, an output directory, a tree of exports or an archive. All there is by "
            "default.",
            show_default=False,
        ),
    ] = None
    read_data_subset: Annotated[
        str | None,
        typer.Option(
            help="Of archives read only the K-th of N parts, so that N runs read all of them.",
            metavar="K/N",
            show_default=False,
        ),
    ] = None
    deep: Annotated[bool, typer.Option("--deep", help="Also read every file, value by value.")] = (
        False
    )
    source: Annotated[
        bool,
        typer.Option(
            "--source", help="Also read the source again and compare it with what is published."
        ),
    ] = False
    url: Annotated[
        str | None,
        typer.Option(
            help="Where that source lies; for one that is not configured, or has moved.",
            show_default=False,
        ),
    ] = None


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    command(app, "verify", VerifyOptions)(verify)


def verify(output: Output, options: VerifyOptions) -> int:
    """Compare published files and archives with their records; name every file that differs.

    Of event logs, what was read of them is compared, too.
    """
    from export_assets.cli.archives import checked_archives, subset_of
    from export_assets.cli.checked import check
    from export_assets.cli.figures import counted, size
    from export_assets.cli.project import settings_of

    settings = settings_of(options.home)
    root = settings.exports_dir
    zips = _archives(options, root)
    only_archives = zips and options.what is not None
    partitions = files = bytes_ = 0
    findings: list[Finding] = []
    compare = _comparer(deep=options.deep)
    for checked in () if only_archives else check(options.what, root, compare):
        partitions, files, bytes_ = partitions + 1, files + checked.files, bytes_ + checked.bytes
        findings += checked.findings
        output.detail(f"{checked.path}: {counted(len(checked.findings), 'difference')}")
        for finding in checked.findings:
            output.problem(finding.message)
    subset = subset_of(options.read_data_subset)
    archives = _read(output, checked_archives(options.what, settings, subset)) if zips else []
    compared: list[SourceFinding] = []
    wrong = len(findings) + sum(one.problem is not None for one in archives)
    codes = [IntegrityError.exit_code if findings else 0, *(one.exit_code for one in archives)]
    code = max(codes)
    if options.source:
        from export_assets.cli.against_source import compare, verdict
        from export_assets.engine.verification import WRONG

        compared = compare(output, options.what, home=options.home, url=options.url)
        wrong += sum(one.verdict in WRONG for one in compared)
        code = code or verdict(compared)
    seen = f"{counted(partitions, 'partition')}, {counted(files, 'file')}, {size(bytes_)}"
    if zips:
        held = f"{counted(len(archives), 'archive')}, {size(sum(one.bytes for one in archives))}"
        seen = held if only_archives else f"{seen}, {held}"
    unread = sum(one.verdict == "unreadable" for one in compared)
    told = counted(wrong, "difference") if wrong else "all as recorded"
    told += f", {counted(unread, 'table')} not read" if unread else ""
    output.line(f"{seen}: {told}")
    document: dict[str, Any] = {
        "exit_code": code,
        "partitions": partitions,
        "files": files,
        "bytes": bytes_,
        "findings": [
            {"path": str(one.path), "problem": one.problem, "message": one.message}
            for one in findings
        ],
    }
    if zips:
        document["archives"] = [archive.document for archive in archives]
    if options.source:
        document["source"] = [asdict(one) for one in compared]
    output.document(document)
    return code


def _archives(options: VerifyOptions, root: Path) -> bool:
    """Whether archives are to be read.

    Raises:
        UsageError: Options cannot be combined.
    """
    from export_assets.cli.archives import names_archives

    if options.url is not None and not options.source:
        msg = "--url: says where the source is, so it needs --source"
        raise UsageError(msg)
    archives = names_archives(options.what, root)
    if options.read_data_subset is not None and not archives:
        msg = "--read-data-subset: is for archives; name them, or nothing"
        raise UsageError(msg)
    if archives and options.what is not None and (options.deep or options.source):
        msg = "--deep and --source: mean nothing for archives, which are read whole anyway"
        raise UsageError(msg)
    return archives


def _read(output: Output, found: "Iterable[CheckedArchive]") -> "list[CheckedArchive]":
    """Return the archives *found*; say which are not what was archived."""
    archives = []
    for archive in found:
        archives.append(archive)
        output.detail(f"{archive.path}: {archive.problem or 'as archived'}")
        if archive.problem is not None:
            output.problem(archive.problem)
        if archive.only_whole:
            output.note(f"{archive.path}: without its key: only as a whole, which is as written")
    return archives


def _comparer(*, deep: bool) -> Any:  # noqa: ANN401 - a ValueComparer, which is not imported here
    if not deep:
        return None
    from export_assets.engine.bundles.checking import differing_content

    return differing_content
