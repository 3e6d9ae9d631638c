"""An environment of its own for a peer, so that what it needs meets nothing of the project's."""

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

COMPLETE = ".complete"
"""Written last, with what was installed: an environment without it was never finished."""
INSTALL_SECONDS = 900


class Unavailable(Exception):
    """A contender cannot take part; the message says why."""


def environment(name: str, wheels: Sequence[str], *, work: Path) -> Path:
    """Return the directory of programs of an environment below *work* that holds *wheels*.

    It is made at the first call, and again where other wheels are asked for. Only wheels are
    installed: nothing is compiled, and what has none for this machine is left out.

    Raises:
        Unavailable: The wheels cannot be installed here.
    """
    # A directory of this name is none that a type checker looks into.
    directory = work.resolve() / "peers" / name / ".venv"
    programs, complete, wanted = directory / "bin", directory / COMPLETE, "\n".join(wheels)
    if complete.exists() and complete.read_text(encoding="utf-8") == wanted:
        return programs
    complete.unlink(missing_ok=True)
    install = [str(programs / "python"), "-m", "pip", "install", "--quiet"]
    for step in (
        [sys.executable, "-m", "venv", "--clear", str(directory)],
        [*install, "--only-binary", ":all:", *wheels],
    ):
        _run(name, step)
    complete.write_text(wanted, encoding="utf-8")
    return programs


def installed(program: str, *, name: str) -> str:
    """Return the path of a *program* of this machine that the peer *name* needs.

    Raises:
        Unavailable: It is not on PATH.
    """
    path = shutil.which(program)
    if path is None:
        msg = f"{name}: no program {program} on PATH"
        raise Unavailable(msg)
    return path


def _run(name: str, step: Sequence[str]) -> None:
    try:
        made = subprocess.run(
            step, capture_output=True, text=True, check=False, timeout=INSTALL_SECONDS
        )
    except subprocess.TimeoutExpired as expired:
        msg = f"{name}: not installed within {INSTALL_SECONDS} s"
        raise Unavailable(msg) from expired
    if made.returncode != 0:
        errors = [line for line in made.stderr.splitlines() if line.startswith("ERROR:")]
        lines = errors or (made.stderr or made.stdout).strip().splitlines() or ["no reason given"]
        msg = f"{name}: {lines[-1]}"
        raise Unavailable(msg)
