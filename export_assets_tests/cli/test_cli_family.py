"""No process outlives the command that started it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from export_assets.cli.dagster_home import prepare
from export_assets.cli.family import run_family
from export_assets.cli.listening import host_names, need_free_port, need_loopback
from export_assets.errors import DestLocked, UsageError

# A leader with a child that ignores the polite signals, as a code server may.
STUBBORN = """
import os, signal, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import signal, time;"
    "signal.signal(signal.SIGINT, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"],
    stdout=subprocess.PIPE)
child.stdout.readline()
open(sys.argv[1] + ".new", "w").write(str(child.pid))
os.rename(sys.argv[1] + ".new", sys.argv[1])
time.sleep(600)
"""
OURS = """
import os, sys
from export_assets.cli.family import run_family
from export_assets.cli.signals import Terminated, termination_raises
try:
    with termination_raises():
        run_family([sys.executable, "-c", sys.argv[1], sys.argv[2]], environment=os.environ)
except KeyboardInterrupt as error:
    sys.exit(getattr(error, "exit_code", 130))
"""


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(") ")[2][0]
    except FileNotFoundError:
        return False
    return state != "Z"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_children_and_their_children(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    pid_file = tmp_path / "pid"
    program = OURS.replace(
        "try:\n",
        "import export_assets.cli.family as f\n"
        "f._PATIENCE = tuple((one, 0.5) for one, _ in f._PATIENCE)\ntry:\n",
    )

    with subprocess.Popen([sys.executable, "-c", program, STUBBORN, str(pid_file)]) as ours:
        deadline = time.monotonic() + 20
        while not pid_file.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        ours.send_signal(number)
        ours.wait(timeout=20)

    assert ours.returncode == code
    assert not is_alive(int(pid_file.read_text(encoding="utf-8")))


LISTENING = """
import os, sys, time
open(sys.argv[1] + ".new", "w").write(str(os.getpid()))
os.rename(sys.argv[1] + ".new", sys.argv[1])
time.sleep(600)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process of this")
def test_the_leader_is_told_when_the_command_is_killed(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"

    with subprocess.Popen([sys.executable, "-c", OURS, LISTENING, str(pid_file)]) as ours:
        deadline = time.monotonic() + 20
        while not pid_file.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        leader = int(pid_file.read_text(encoding="utf-8"))
        was_alive = is_alive(leader)
        ours.kill()
    deadline = time.monotonic() + 10
    while is_alive(leader) and time.monotonic() < deadline:
        time.sleep(0.01)

    assert was_alive
    assert not is_alive(leader)


def test_a_command_that_ends_by_itself_gives_its_own_exit_code() -> None:
    code = run_family([sys.executable, "-c", "raise SystemExit(7)"], environment=os.environ)

    assert code == 7


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org", ""])
def test_addresses_others_can_reach_are_refused(host: str) -> None:
    with pytest.raises(UsageError, match="the UI has no login"):
        need_loopback(host)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "[::1]", "localhost"])
def test_addresses_of_this_machine_are_accepted(host: str) -> None:
    need_loopback(host)


def test_a_port_in_use_is_refused() -> None:
    import socket

    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        port = listening.getsockname()[1]

        with pytest.raises(DestLocked, match=f"port {port}: another program"):
            need_free_port("127.0.0.1", port)

    need_free_port("127.0.0.1", port)


@pytest.mark.suite("security")
@pytest.mark.promise("no-secrets")
def test_the_dagster_home_is_for_its_owner_and_holds_the_project_settings(tmp_path: Path) -> None:
    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}\n", encoding="utf-8")
    before = tmp_path / ".dagster"
    before.mkdir(mode=0o755)
    (before / "dagster.yaml").write_text("left by another\n", encoding="utf-8")
    (before / "dagster.yaml").chmod(0o644)

    home = prepare(tmp_path)

    assert home.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in home.iterdir()} == {0o600}
    assert (home / "dagster.yaml").read_text(encoding="utf-8") == "telemetry: {enabled: false}\n"
    assert "export_assets.definitions" in (home / "workspace.yaml").read_text(encoding="utf-8")


def test_names_of_hosts_are_taken_once_and_others_refused() -> None:
    assert host_names(["B.example", "a.example:8443", "b.example"]) == [
        "a.example:8443",
        "b.example",
    ]

    with pytest.raises(UsageError, match="is no name of a host"):
        host_names(["https://a.example"])
