"""`export-assets verify`: published files against their manifests, and against the source."""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from export_assets.cli.options import CommonOptions, command
from export_assets.cli.output import Output
from export_assets.errors import IntegrityError, UsageError

if TYPE_CHECKING:
    from export_assets.engine.verification import SourceFinding
    from export_assets.store.verify import Finding


@dataclass(frozen=True, kw_only=True)
class VerifyOptions(CommonOptions):
    """What to verify, and how thoroughly."""

    what: Annotated[
        str | None,
        typer.Argument(
            help="A source, source/table, source/table/format, or a path: of a partition, an "
            "output directory or a tree of exports. Everything published by default.",
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
    """Compare published files with their manifests; name every file that differs."""
    if options.url is not None and not options.source:
        msg = "--url: says where the source is, so it needs --source"
        raise UsageError(msg)
    from export_assets.cli.checked import check
    from export_assets.cli.figures import counted, size
    from export_assets.cli.project import settings_of

    root = settings_of(options.home).exports_dir
    partitions = files = bytes_ = 0
    findings: list[Finding] = []
    for checked in check(options.what, root, _comparer(deep=options.deep)):
        partitions, files, bytes_ = partitions + 1, files + checked.files, bytes_ + checked.bytes
        findings += checked.findings
        output.detail(f"{checked.path}: {counted(len(checked.findings), 'difference')}")
        for finding in checked.findings:
            output.problem(finding.message)
    compared: list[SourceFinding] = []
    wrong, code = len(findings), IntegrityError.exit_code if findings else 0
    if options.source:
        from export_assets.cli.against_source import compare, verdict
        from export_assets.engine.verification import WRONG

        compared = compare(output, options.what, home=options.home, url=options.url)
        wrong += sum(one.verdict in WRONG for one in compared)
        code = code or verdict(compared)
    seen = f"{counted(partitions, 'partition')}, {counted(files, 'file')}, {size(bytes_)}"
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
    if options.source:
        document["source"] = [asdict(one) for one in compared]
    output.document(document)
    return code


def _comparer(*, deep: bool) -> Any:  # noqa: ANN401 - a ValueComparer, which is not imported here
    if not deep:
        return None
    from export_assets.engine.bundles.checking import differing_content

    return differing_content
