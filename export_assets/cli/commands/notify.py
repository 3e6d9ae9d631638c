"""`export-assets notify`: try who is told, without anything having failed."""

from dataclasses import dataclass

import typer

from export_assets.cli.options import CommonOptions, command
from export_assets.cli.output import Output

SOURCE = "export_assets"
"""What a test notice calls its source."""


@dataclass(frozen=True, kw_only=True)
class NotifyOptions(CommonOptions):
    """Nothing besides what every command has."""


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    command(app, "notify", NotifyOptions)(notify)


def notify(output: Output, options: NotifyOptions) -> int:
    """Send everybody under `notify` in export_assets.yaml a test, and say who could not be told.

    Those whose address the environment leaves empty are told nothing, as ever.
    """
    import os
    from datetime import UTC, datetime
    from typing import get_args

    from export_assets.config.notify import Occasion
    from export_assets.config.settings import load_settings
    from export_assets.engine.notifying.notice import Notice
    from export_assets.engine.notifying.notifier import Notifier, name_of
    from export_assets.errors import EXIT_PARTIAL, ConfigError, RemoteTransient

    targets = load_settings(options.home, environ=os.environ).settings.notify
    if not targets:
        msg = "notify: nobody is to be told; see docs/how-to/notifications.md"
        raise ConfigError(msg)
    now = datetime.now(UTC)
    notices = [Notice(occasion=one, source=SOURCE, at=now, test=True) for one in get_args(Occasion)]
    found = Notifier(targets=targets).reach(*notices)
    undelivered = {one.target: one.reason for one in found}
    told: list[dict[str, str]] = []
    for at, target in enumerate(targets):
        name = name_of(at, target)
        reason = undelivered.get(name, "")
        status = "not told" if reason else "told" if target.is_active else "no address"
        if reason:
            output.problem(f"{name}: not told: {reason}")
        else:
            output.line(f"{name}: {status}")
        told.append({"target": name, "status": status, "reason": reason})
    code = 0
    if undelivered:
        any_told = any(one["status"] == "told" for one in told)
        code = EXIT_PARTIAL if any_told else RemoteTransient.exit_code
    output.document({"exit_code": code, "targets": told})
    return code
