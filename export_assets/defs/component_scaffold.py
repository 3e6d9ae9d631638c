"""What `dg scaffold defs export_assets.ExportSource NAME` writes: a source's keys.

With `--url` the database is inspected, as `export-assets init` does; nothing but the file is
written, and a password in the address never is.
"""

import os
import re
from datetime import UTC, datetime
from pathlib import Path
from textwrap import indent

import click
import dagster as dg
from dagster.components.component_scaffolding import scaffold_component
from pydantic import BaseModel, Field

from export_assets.config.components import TYPE, component_files
from export_assets.config.rules import NAME_PATTERN
from export_assets.engine.address import read_address
from export_assets.engine.discovery import discover
from export_assets.engine.proposal import Proposal, propose_source
from export_assets.errors import ExportError, UsageError
from export_assets.systems.files import builtin_files
from export_assets.systems.registry import load_workspace
from export_assets.translate import translating

_EMPTY = """\
# Every key is explained in docs/reference/configuration.md.
source: {name}
url: ${{{variable}}}  # e.g. sqlite:///shop.db or postgresql://reader@host/shop
formats: [parquet, csv]
tables: all
"""
_SYSTEM = """\
# The built-in system; only what differs from it needs to be said.
source: {name}
"""


class SourceParams(BaseModel):
    """What may be said of the source to be."""

    url: str | None = Field(
        default=None,
        description="Path or URL of the database, or ${NAME} for the URL in a variable; it is "
        "looked at, and its tables, days and links are written down.",
    )
    name: str | None = Field(
        default=None, description="Name of the source; by default the last part of the path."
    )


class SourceScaffolder(dg.Scaffolder[SourceParams]):
    """Writes a `defs.yaml` that is complete enough to be loaded."""

    @classmethod
    def get_scaffold_params(cls) -> type[SourceParams]:
        """Return the options of the command."""
        return SourceParams

    def scaffold(self, request: dg.ScaffoldRequest[SourceParams]) -> None:
        """Write the file.

        Raises:
            click.ClickException: The database cannot be read, or the name is taken.
        """
        if request.scaffold_format == "python":
            scaffold_component(request, {})
            return
        root = request.project_root or Path.cwd()
        try:
            text = propose(request.target_path.stem, request.params, root)
        except ExportError as error:
            if not request.append and not any(request.target_path.iterdir()):
                request.target_path.rmdir()
            raise click.ClickException(str(error)) from error
        document = f"type: {TYPE}\n\nattributes:\n{indent(text, '  ')}"
        if request.append:
            with request.target_path.open("a", encoding="utf-8") as file:
                file.write(f"---\n{document}")
        else:
            (request.target_path / "defs.yaml").write_text(document, encoding="utf-8")


def propose(folder: str, params: SourceParams, root: Path) -> str:
    """Return the keys of the source that is to be described in *folder*.

    Raises:
        UsageError: There is a source of its name, or its address is none.
        SourceError: It cannot be read.
    """
    home = None if os.environ.get("EXPORT_ASSETS_HOME") else root
    workspace = load_workspace(home, environ=os.environ, components=list(component_files(root)))
    settings = workspace.project.settings
    name = params.name or folder.lower().replace("-", "_")
    if not re.match(NAME_PATTERN, name):
        msg = f"{name}: must be lower case letters, digits and underscores; give another --name"
        raise UsageError(msg)
    builtin = name in builtin_files()
    known = workspace.project.sources
    if name in known and known[name].path != builtin_files().get(name):
        msg = f"{name}: is already described by {known[name].path}; choose another name with --name"
        raise UsageError(msg)
    if params.url is None:
        variable = f"{name.upper()}_URL"
        return _SYSTEM.format(name=name) if builtin else _EMPTY.format(name=name, variable=variable)
    if builtin:
        msg = f"{name}: is a built-in system; choose another name with --name"
        raise UsageError(msg)
    name, address = read_address(
        params.url, name=name, home=settings.home, base=Path.cwd(), environ=os.environ
    )
    source = propose_source(name, address, temp_dir=settings.temp_dir)
    with translating(name, side="source"):
        found = discover(source, now=datetime.now(UTC))
    return Proposal(name=name, address=address, found=found).checked(os.environ)
