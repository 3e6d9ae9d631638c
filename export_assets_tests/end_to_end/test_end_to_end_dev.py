"""The Dagster UI as `export-assets dev` starts it, and ends it."""

import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

from export_assets_tests.end_to_end.world import World

PATIENCE = 120


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/server_info", timeout=5) as reply:
            return bool(reply.status == 200)
    except (urllib.error.URLError, OSError):
        return False


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


def test_the_ui_answers_on_this_machine_and_leaves_no_process_behind(daily: World) -> None:
    port = free_port()

    with subprocess.Popen(
        daily.command("dev", "--port", str(port)),
        cwd=daily.home,
        env=daily.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        deadline = time.monotonic() + PATIENCE
        while not answers(port) and time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.3)
        answered, running = answers(port), len(members(daily.home))
        os.kill(process.pid, signal.SIGINT)
        process.communicate(timeout=60)

    assert answered
    assert running >= 3
    assert process.returncode == 130
    assert members(daily.home) == []
