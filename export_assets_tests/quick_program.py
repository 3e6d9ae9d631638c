"""The program `export-assets` as a process of its own that has everything imported already.

Tests run some hundreds of commands. Each takes a second to import what a server, which forks, has
imported once; what a command does, prints and returns is the same. How the program really starts
has tests of its own (`cli/test_cli_start.py`, `test_readme.py`).
"""

import atexit
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from functools import cache
from pathlib import Path

from export_assets_tests.mortal import end_with_the_tests

_CLIENT = """\
#!{python} -ISE
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.connect({address!r})
    asked = {{"argv": sys.argv[1:], "cwd": os.getcwd(), "env": dict(os.environ)}}
    socket.send_fds(server, [json.dumps(asked).encode() + b"\\n"], [0, 1, 2])
    code = int(server.makefile().readline())
    if code < 0:
        os.kill(os.getpid(), -code)
    os._exit(code)
"""


@cache
def quick_program() -> Path:
    """Return the program of this test process, which ends with it."""
    directory = Path(tempfile.mkdtemp(prefix="quick"))
    address = directory / "server"
    shim = directory / "bin" / "export-assets"
    shim.parent.mkdir()
    shim.write_text(_CLIENT.format(python=sys.executable, address=str(address)), encoding="utf-8")
    shim.chmod(0o755)
    server = subprocess.Popen(
        [sys.executable, "-m", __name__, str(address)],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[1],
        preexec_fn=end_with_the_tests,  # noqa: PLW1509 - calls a loaded library only
    )
    assert server.stdout is not None
    assert server.stdout.readline() == b"ready\n"
    atexit.register(_end, server, directory)
    return shim


def _end(server: "subprocess.Popen[bytes]", directory: Path) -> None:
    server.terminate()
    server.communicate()
    shutil.rmtree(directory, ignore_errors=True)


def _serve(address: str) -> None:
    _import_everything()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(address)
        listening.listen(16)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while True:
            connection, _ = listening.accept()
            if not os.fork():
                listening.close()
                _answer(connection)
            connection.close()
            _reap()


def _import_everything() -> None:
    """Import what commands do when they need it, but Dagster, which no command may."""
    import export_assets.cli.requests
    import export_assets.cli.results
    import export_assets.engine.catalog.building
    import export_assets.engine.run
    import export_assets.sources.duckdb
    import export_assets.sources.sqlite
    import export_assets.systems.registry
    import export_assets.tables.contract  # noqa: F401
    from export_assets.cli.app import program
    from export_assets.formats.joiners import JOINERS
    from export_assets.formats.registry import FORMATS

    # Asked for or looked up, they are imported.
    program()
    for on_demand in (FORMATS, JOINERS):
        list(on_demand.values())


def _answer(connection: socket.socket) -> None:
    """Run one command in a process of its own, and tell how it ended."""
    message, descriptors, _, _ = socket.recv_fds(connection, 1 << 20, 3)
    while not message.endswith(b"\n"):
        message += connection.recv(1 << 20)
    asked = json.loads(message)
    command = os.fork()
    if not command:
        for number, descriptor in enumerate(descriptors):
            os.dup2(descriptor, number)
        _become(asked)
    for descriptor in descriptors:
        os.close(descriptor)
    _, status = os.waitpid(command, 0)
    connection.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def _become(asked: dict[str, object]) -> None:
    """Run the command as the process it stands for; does not return."""
    from export_assets.cli.app import main

    os.chdir(str(asked["cwd"]))
    os.environ.clear()
    environment = asked["env"]
    assert isinstance(environment, dict)
    os.environ.update(environment)
    time.tzset()
    arguments = asked["argv"]
    assert isinstance(arguments, list)
    sys.argv = ["export-assets", *arguments]
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")  # noqa: SIM115
    code = 70
    try:
        code = main()
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code)


def _reap() -> None:
    """Let go of those who answered."""
    while True:
        try:
            ended, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not ended:
            return


if __name__ == "__main__":
    _serve(sys.argv[1])
