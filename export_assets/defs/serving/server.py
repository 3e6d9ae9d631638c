"""Dagster's web server behind the guard, with the daemon and the code server it works with.

As `dagster dev` does it, but in this process: no port leads past the guard. The code server listens
on a socket of the file system that only its owner may write to.
"""

import os
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import uvicorn
import yaml
from dagster._cli.proxy_server_manager import ProxyServerManager
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster_webserver.webserver import DagsterWebserver

from export_assets.defs.serving.guard import LONGEST_MESSAGE, Application, Guard
from export_assets.defs.serving.rules import Rules
from export_assets.errors import DestLocked

_LOG_LEVEL = "warning"
_POLL_MILLISECONDS = 2000
"""How often a page asks for what is new, as with `dagster dev`."""
_PATIENCE = 10
"""Seconds requests, and then the daemon, are given to end."""
_BY_ITSELF = 2
"""Seconds in which the daemon ends where the signal that ended us reached it too."""


@dataclass(frozen=True, kw_only=True)
class Serving:
    """Where the UI listens, and to whom."""

    host: str
    port: int
    workspace: Path
    """The file that says what code is loaded."""
    rules: Rules


def serve(serving: Serving) -> None:
    """Serve the UI until a signal asks for the end, or the daemon ends.

    Who only views starts no daemon: nothing is launched by schedules and sensors either.

    Raises:
        DestLocked: Another program listens on the port.
        KeyboardInterrupt: A signal asked for the end.
    """
    with ExitStack() as stack:
        listening = stack.enter_context(_listen(serving.host, serving.port))
        instance = stack.enter_context(dg.DagsterInstance.get())
        workspace = stack.enter_context(_code_servers(instance, serving.workspace))
        context = stack.enter_context(
            WorkspaceProcessContext(
                instance,
                WorkspaceFileTarget(paths=[str(workspace)]),
                version=dg.__version__,
                read_only=serving.rules.viewer,
                code_server_log_level=_LOG_LEVEL,
            )
        )
        webserver: DagsterWebserver[Any, Any] = DagsterWebserver(
            context, live_data_poll_rate=_POLL_MILLISECONDS
        )
        server = uvicorn.Server(_config(webserver.create_asgi_app(), serving.rules))
        if not serving.rules.viewer:
            stack.enter_context(_daemon(workspace, server))
        server.run(sockets=[listening])


def _listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens; what connects before the code is loaded waits for it."""
    address = host.strip("[]")
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        return socket.create_server((address, port), family=family)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        msg = f"port {port}: {reason}; choose another with --port"
        raise DestLocked(msg) from error


@contextmanager
def _code_servers(instance: dg.DagsterInstance, workspace: Path) -> Iterator[Path]:
    """Start what loads the code, once for all; give the workspace that names its socket."""
    target = WorkspaceFileTarget(paths=[str(workspace)])
    with (
        ProxyServerManager(instance, target, code_server_log_level=_LOG_LEVEL) as servers,
        tempfile.TemporaryDirectory() as directory,
    ):
        specs: Sequence[Mapping[str, Any]] = servers.get_code_server_specs()
        started = Path(directory) / "workspace.yaml"
        started.write_text(yaml.safe_dump({"load_from": list(specs)}), encoding="utf-8")
        yield started


@contextmanager
def _daemon(workspace: Path, server: uvicorn.Server) -> Iterator[None]:
    """Run the daemon beside the server, which ends when the daemon does."""
    daemon = subprocess.Popen(  # noqa: S603 - the command is ours
        [sys.executable, "-m", "export_assets.defs.serving.daemon", "run", "-w", str(workspace)],
    )

    def watch() -> None:
        daemon.wait()
        server.should_exit = True

    watching = threading.Thread(target=watch, daemon=True)
    watching.start()
    try:
        yield
    finally:
        watching.join(_BY_ITSELF)
        daemon.terminate()
        watching.join(_PATIENCE)
        daemon.kill()
        watching.join()


def _config(app: Application, rules: Rules) -> uvicorn.Config:
    return uvicorn.Config(
        Guard(app=app, rules=rules),
        log_level=_LOG_LEVEL,
        ws_max_size=LONGEST_MESSAGE,
        # Nothing depends on the client's address, so no header has to be believed.
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=_PATIENCE,
    )
