"""The Dagster UI as `export-assets dev` starts it, and ends it."""

import signal
import subprocess
import sys
import time

import pytest

from export_assets_tests.end_to_end.ui import answers, free_port, members
from export_assets_tests.end_to_end.world import World
from export_assets_tests.mortal import end_with_the_tests

PATIENCE = 120


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
