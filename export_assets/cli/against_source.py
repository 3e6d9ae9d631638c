"""The part of `verify` that reads the source again and compares it with what is published."""

from dataclasses import asdict
from pathlib import Path

from export_assets.cli.checked import names_of
from export_assets.cli.output import Output
from export_assets.cli.progress import progress_bar
from export_assets.cli.project import new_run, workspace_of
from export_assets.engine.request import ExportRequest
from export_assets.engine.run import Exporter
from export_assets.engine.verification import verify_source
from export_assets.engine.workspace import ConfiguredSource, Workspace
from export_assets.errors import UsageError
from export_assets.store.catalogue import Published, list_published


def compare(
    output: Output, what: str | None, *, home: Path | None, url: str | None
) -> list[dict[str, str]]:
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
    source = _source(workspace, names["source"], url)
    published = {
        (one.table, one.format)
        for one in list_published(workspace.store.root, **names)
        if isinstance(one, Published)
    }
    request = ExportRequest(
        tables=(names["table"],) if "table" in names else (),
        formats=tuple(sorted({fmt for _, fmt in published})),
    )
    with progress_bar(output) as progress:
        found = verify_source(
            Exporter(
                workspace=workspace,
                source=source,
                request=request,
                run=new_run(),
                progress=progress.advance,
            )
        )
    # What was never exported is no export that differs.
    compared = [one for one in found if (one.table, one.format) in published]
    for one in compared:
        text = f"{source.name}/{one.table}/{one.format}/{one.partition}: {one.fact}"
        if one.verdict in {"different", "missing"}:
            output.problem(text)
        elif one.fact:
            output.note(text)
    return [asdict(one) for one in compared]


def _source(workspace: Workspace, name: str, url: str | None) -> ConfiguredSource:
    if url is None or name in workspace.project.sources:
        return workspace.source(name, url=url, base=Path.cwd())
    source = workspace.source(url, base=Path.cwd())
    if source.name != name:
        msg = f"--url {source.url}: is published as {source.name}, not as {name}"
        raise UsageError(msg)
    return source
