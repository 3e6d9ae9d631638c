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

    source = source_named(workspace, name if name is not None else _only(workspace), None)
    if source.config.kind != _KIND:
        msg = f"{source.name}: is no source of event logs"
        raise UsageError(msg)
    if directory is None:
        return source
    there = Path.cwd() / directory.expanduser()
    if source.url.path is not None and source.url.path.resolve() == there.resolve():
        # By another name it would be taken for another directory.
        return source
    return workspace.source(source.name, url=str(there))


def _only(workspace: "Workspace") -> str:
    """Return the one source of event logs with a file of its own; leadville where there is none."""
    builtin = {system.yaml for system in workspace.systems.values()}
    own = [
        name
        for name, loaded in workspace.project.sources.items()
        if loaded.config.kind == _KIND and loaded.path not in builtin
    ]
    if len(own) > 1 and _DEFAULT not in own:
        msg = f"SOURCE: there are several of event logs; name one of {', '.join(own)}"
        raise UsageError(msg)
    return own[0] if len(own) == 1 else _DEFAULT
