"""Which source of event logs a command means."""

from pathlib import Path
from typing import TYPE_CHECKING

from export_assets.errors import UsageError

if TYPE_CHECKING:
    from export_assets.engine.workspace import ConfiguredSource, Workspace

_KIND = "event_log"
_DEFAULT = "leadville"


def log_source(
    workspace: "Workspace", name: str | None, directory: Path | None = None
) -> "ConfiguredSource":
    """Return the source called *name*, or the one there is, read from *directory* where given.

    Raises:
        UsageError: There is no such source, it is none of event logs, or several could be meant.
    """
    from export_assets.cli.requests import source_named

    url = None if directory is None else str(Path.cwd() / directory.expanduser())
    source = source_named(workspace, name if name is not None else _only(workspace), url)
    if source.config.kind != _KIND:
        msg = f"{source.name}: is no source of event logs"
        raise UsageError(msg)
    return source


def _only(workspace: "Workspace") -> str:
    """Return the one source of event logs with a file of its own; leadville where there is none."""
    project = workspace.project
    own = [
        name
        for name, loaded in project.sources.items()
        if loaded.config.kind == _KIND and loaded.path.is_relative_to(project.settings.sources_dir)
    ]
    if len(own) > 1 and _DEFAULT not in own:
        msg = f"SOURCE: there are several of event logs; name one of {', '.join(own)}"
        raise UsageError(msg)
    return own[0] if len(own) == 1 else _DEFAULT
