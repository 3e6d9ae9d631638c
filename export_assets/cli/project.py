"""The project a command works on, loaded as far as the command needs it."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from export_assets.cli.limits import keep_imported

if TYPE_CHECKING:
    from export_assets.config.settings import Settings
    from export_assets.engine.request import Run
    from export_assets.engine.workspace import Workspace


def settings_of(home: Path | None) -> "Settings":
    """Return the project's settings, whatever is wrong with its sources.

    Raises:
        ConfigError: They are wrong.
    """
    from contextlib import suppress

    from export_assets.config.settings import load_settings
    from export_assets.errors import ConfigError
    from export_assets.systems.files import are_as_they_come

    loaded = load_settings(home, environ=os.environ)
    settings = loaded.settings
    alone = are_as_they_come(settings.home, settings.sources_dir, environ=os.environ)
    if loaded.origins["exports_dir"] == "default" and not alone:
        # A system's own configuration may say where exports go.
        from export_assets.systems.settled import load_settled

        with suppress(ConfigError):
            settings = load_settled(home, environ=os.environ).settings
    keep_imported()
    return settings


def workspace_of(home: Path | None) -> "Workspace":
    """Return the whole project with its systems.

    Raises:
        ConfigError: Something in it is wrong; one line for each thing that is.
    """
    from export_assets.systems.registry import load_workspace

    workspace = load_workspace(home, environ=os.environ)
    keep_imported()
    return workspace


def new_run() -> "Run":
    """Return the identity and the one clock reading of a run that starts now."""
    from export_assets.engine.request import Run

    now = datetime.now(UTC)
    return Run(id=run_identity(now), now=now)


def run_identity(now: datetime) -> str:
    """Return a name no other run has."""
    import secrets

    return f"cli-{now:%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"
