"""The Dagster UI as `export-assets dev` starts it, and ends it."""

import ctypes
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

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


def end_with_the_tests() -> None:
    """Have Linux end the command when the process that runs this test is killed."""
    if sys.platform == "linux":
        set_parent_death_signal = 1
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGTERM, 0, 0, 0)


@pytest.mark.parametrize(
    ("number", "code", "seconds"),
    [
        pytest.param(signal.SIGINT, 130, 0, id="interrupted"),
        # Only Linux tells the others of it, and they end on their own time.
        pytest.param(
            signal.SIGKILL,
            -signal.SIGKILL,
            60,
            id="killed",
            marks=pytest.mark.skipif(sys.platform != "linux", reason="needs Linux"),
        ),
    ],
)
def test_the_ui_answers_on_this_machine_and_leaves_no_process_behind(
    daily: World, number: int, code: int, seconds: float
) -> None:
    port = free_port()

    with subprocess.Popen(
        daily.command("dev", "--port", str(port)),
        cwd=daily.home,
        env=daily.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        preexec_fn=end_with_the_tests,  # noqa: PLW1509 - calls a loaded library only
    ) as process:
        try:
            deadline = time.monotonic() + PATIENCE
            while not answers(port) and time.monotonic() < deadline and process.poll() is None:
                time.sleep(0.3)
            answered, running = answers(port), len(members(daily.home))
        finally:
            process.send_signal(number)
            process.communicate(timeout=60)
    deadline = time.monotonic() + seconds
    while members(daily.home) and time.monotonic() < deadline:
        time.sleep(0.1)

    assert answered
    assert running >= 3
    assert process.returncode == code
    assert members(daily.home) == []
