"""`export-assets dev`: the Dagster UI of the project, for this machine only."""

import os
from dataclasses import dataclass
from typing import Annotated

import typer

from export_assets.cli.options import CommonOptions, command
from export_assets.cli.output import Output

PORT = 3000


@dataclass(frozen=True, kw_only=True)
class DevOptions(CommonOptions):
    """Where the UI listens."""

    port: Annotated[int, typer.Option(help="Port of the UI.", min=1, max=65_535)] = PORT
    host: Annotated[str, typer.Option(help="Address to listen on; only this machine's own.")] = (
        "127.0.0.1"
    )
    viewer: Annotated[
        bool,
        typer.Option(
            "--viewer", help="Refuse whatever would change something; start no sensor or schedule."
        ),
    ] = False
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            help="Name by which a proxy passes requests on; may be repeated. Those of "
            "`allow_hosts` in the settings hold too.",
            show_default=False,
        ),
    ] = None


def register(app: typer.Typer) -> None:
    """Add the command to *app*."""
    command(app, "dev", DevOptions)(dev)


def dev(output: Output, options: DevOptions) -> int:
    """Open the Dagster UI of the project on this machine, until Ctrl-C.

    Dagster keeps its runs and events in `.dagster` of the project, for you alone. The UI has no
    login, so it is never offered to other machines: put a proxy with a login in front of it for
    that. Requests that pages of other sites have a browser send are refused.
    """
    import sys

    from export_assets.cli.dagster_home import prepare
    from export_assets.cli.family import run_family
    from export_assets.cli.listening import host_names, need_free_port, need_loopback
    from export_assets.cli.project import settings_of
    from export_assets.cli.signals import answer

    need_loopback(options.host)
    settings = settings_of(options.home)
    names = host_names((*settings.allow_hosts, *(options.allow_host or ())))
    need_free_port(options.host, options.port)
    environment = os.environ | {
        "DAGSTER_HOME": str(prepare(settings.home)),
        "EXPORT_ASSETS_HOME": str(settings.home.resolve()),
        # What `dagster dev` sets: code that does not load is told once, without our frames.
        "DAGSTER_IS_DEV_CLI": "1",
    }
    shown = f"[{options.host}]" if ":" in options.host else options.host
    output.line(f"http://{shown}:{options.port}  (Ctrl-C ends it)")
    sys.stdout.flush()
    arguments = [sys.executable, "-m", "export_assets.defs.serving"]
    arguments += ["--host", options.host, "--port", str(options.port)]
    arguments += [f"--allow-host={name}" for name in names]
    arguments += ["--viewer"] if options.viewer else []
    try:
        code = run_family(arguments, environment=environment)
    except KeyboardInterrupt:
        # The way this command ends: nothing went wrong.
        code = answer()
        output.line("stopped")
    output.document({"exit_code": code})
    return code
