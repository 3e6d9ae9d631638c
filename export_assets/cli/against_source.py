"""The part of `verify` that reads the source again and compares it with what is published."""

from collections.abc import Sequence
from pathlib import Path

from export_assets.cli.checked import names_of
from export_assets.cli.output import Output
from export_assets.cli.progress import progress_bar
from export_assets.cli.project import new_run, workspace_of
from export_assets.engine.bundles.checking import verify_bundles
from export_assets.engine.request import ExportRequest
from export_assets.engine.run import Exporter
from export_assets.engine.sets.checking import verify_sets
from export_assets.engine.verification import WRONG, SourceFinding, verify_published
from export_assets.engine.workspace import ConfiguredSource, Workspace
from export_assets.errors import EXIT_WARNINGS, IntegrityError, UsageError, code_of_failures
from export_assets.store.catalogue import Published, list_published
from export_assets.store.manifest import BUNDLE, SET


def compare(
    output: Output, what: str | None, *, home: Path | None, url: str | None
) -> list[SourceFinding]:
    """Compare every export published of *what* with the source; tell where they differ.

    Raises:
        UsageError: *what* is not a source, source/table or source/table/format.
        SourceError: The source cannot be read.
    """
    names = names_of(what) if what else {}
    if not names:
        msg = "--source: name the source, source/table or source/table/format to compare"
        raise UsageError(msg)
    workspace = workspace_of(home)
    source = source_at(workspace, names["source"], url)
    listed = [
        one for one in list_published(workspace.store.root, **names) if isinstance(one, Published)
    ]
    bundles = [one for one in listed if one.format == BUNDLE]
    sets = [one for one in listed if one.format == SET]
    request = ExportRequest(
        tables=(names["table"],) if "table" in names else (),
        formats=(names["format"],) if names.get("format", SET) not in {BUNDLE, SET} else (),
    )
    with progress_bar(output) as progress:
        exporter = Exporter(
            workspace=workspace,
            source=source,
            request=request,
            run=new_run(),
            progress=progress.advance,
        )
        # Where only bundles or sets are published, nothing else needs the source.
        others = [*bundles, *sets]
        alone = bool(others) and len(others) == len(listed)
        compared = [] if alone else list(verify_published(exporter))
        compared += verify_sets(exporter, table=names.get("table")) if sets else []
        compared += verify_bundles(exporter, table=names.get("table")) if bundles else []
    for one in compared:
        text = f"{source.name}/{one.table}/{one.format}/{one.partition}: {one.fact}"
        if one.verdict in WRONG or one.verdict == "unreadable":
            output.problem(one.fact if one.verdict == "unreadable" else text)
        elif one.fact:
            output.note(text)
    return compared


def verdict(compared: Sequence[SourceFinding]) -> int:
    """Return the exit code of *compared*.

    24 for a difference, 4 where part could not be read and its own code where nothing could, 3
    where something cannot be compared.
    """
    codes = {one.exit_code for one in compared if one.verdict == "unreadable"}
    if any(one.verdict in WRONG for one in compared):
        return IntegrityError.exit_code
    if codes:
        alone = all(one.verdict == "unreadable" for one in compared)
        return code_of_failures(codes, alone=alone)
    return EXIT_WARNINGS if any(one.verdict == "unknown" for one in compared) else 0


def source_at(workspace: Workspace, name: str, url: str | None) -> ConfiguredSource:
    """Return the source that was published as *name*, read from *url* where one is given.

    Raises:
        UsageError: It is not configured, or *url* would be published under another name.
    """
    if url is None or name in workspace.project.sources:
        return workspace.source(name, url=url, base=Path.cwd())
    source = workspace.source(url, base=Path.cwd())
    if source.name != name:
        msg = f"--url {source.url}: is published as {source.name}, not as {name}"
        raise UsageError(msg)
    return source
