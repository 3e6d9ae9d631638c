"""A UI that `export-assets dev` serves, and requests of any shape to it."""

import json
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from export_assets_tests.end_to_end.world import World
from export_assets_tests.mortal import end_with_the_tests

PATIENCE = 120


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case; the last of a name."""
    body: bytes

    @property
    def document(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True, kw_only=True)
class Ui:
    """A UI that is being served."""

    port: int
    home: Path

    def send(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Reply:
        """Send exactly these headers; Host is that of a browser where none is given."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
            given = {"Host": f"127.0.0.1:{self.port}"} | dict(headers or {})
            if body is not None:
                given["Content-Length"] = str(len(body))
            for name, value in given.items():
                connection.putheader(name, value)
            connection.endheaders(body)
            reply = connection.getresponse()
            named = {name.lower(): value for name, value in reply.getheaders()}
            return Reply(status=reply.status, headers=named, body=reply.read())
        finally:
            connection.close()

    def ask(self, query: str, headers: Mapping[str, str] | None = None, **more: object) -> Reply:
        """Send GraphQL as the page itself does."""
        given = {"Content-Type": "application/json"} | dict(headers or {})
        body = json.dumps({"query": query} | more).encode()
        return self.send("POST", "/graphql", given, body)


@contextmanager
def serving(world: World, *arguments: str) -> Iterator[Ui]:
    """Serve the project of *world* while the block runs."""
    port = free_port()
    with (
        (world.home / "dev.log").open("wb") as log,
        subprocess.Popen(
            world.command("dev", "--port", str(port), *arguments),
            cwd=world.home,
            env=world.environment(),
            stdout=log,
            stderr=log,
            preexec_fn=end_with_the_tests,  # noqa: PLW1509 - calls a loaded library only
        ) as process,
    ):
        try:
            deadline = time.monotonic() + PATIENCE
            while not answers(port) and time.monotonic() < deadline and process.poll() is None:
                time.sleep(0.3)
            yield Ui(port=port, home=world.home)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=60)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/server_info")
        return connection.getresponse().status == 200
    except (HTTPException, OSError):
        return False
    finally:
        connection.close()


def members(home: Path) -> list[int]:
    """Processes that work for the Dagster home of *home*."""
    wanted = f"DAGSTER_HOME={home / '.dagster'}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                environment = (entry / "environ").read_bytes().split(b"\0")
            except OSError:
                continue
            if wanted in environment:
                found.append(int(entry.name))
    return found
