"""Who takes part: the project's own command line and its peers, each as a command to run."""

import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.data import TABLE

HERE = Path(__file__).parent
DUCKDB_WHEELS = ("duckdb==1.5.5", "duckdb-extension-sqlite-scanner==1.5.5")
"""The newest versions with a wheel of the scanner; INSTALL would download it at run time."""


@dataclass(frozen=True, kw_only=True)
class Contender:
    """A way to turn a SQLite table into files."""

    name: str
    command: Callable[[Path, Path, Sequence[str]], list[str]]
    """Database, output directory and formats to the command."""
    environment: Mapping[str, str] = field(default_factory=dict)


class Unavailable(Exception):
    """A contender cannot take part; the message says why."""


def published() -> Contender:
    """The project, publishing into its store: staged, verified, exchanged, with manifests."""
    executable = program()

    def command(database: Path, output: Path, formats: Sequence[str]) -> list[str]:  # noqa: ARG001
        return [executable, "export", str(database), *_flags(formats), "--quiet"]

    # The store is `exports` below the working directory, which is the output directory.
    return Contender(name="export-assets", command=command)


def to_directory() -> Contender:
    """The project, writing loose files with --output-dir."""
    executable = program()

    def command(database: Path, output: Path, formats: Sequence[str]) -> list[str]:
        where = ["--output-dir", str(output), "--overwrite", "--quiet"]
        return [executable, "export", str(database), *_flags(formats), *where]

    return Contender(name="export-assets --output-dir", command=command)


def stdlib() -> Contender:
    """sqlite3 of the standard library and PyArrow, in the project's own environment."""
    return _script("sqlite3 + pyarrow", sys.executable, HERE / "peers" / "stdlib_pyarrow.py")


def duckdb(work: Path) -> Contender:
    """DuckDB with its SQLite scanner, in an environment of its own below *work*.

    Raises:
        Unavailable: The wheels cannot be installed here.
    """
    environment = work / "peers" / "duckdb"
    python = environment / "bin" / "python"
    complete = environment / ".complete"
    if not complete.exists():
        make = [sys.executable, "-m", "venv", "--clear", str(environment)]
        install = [str(python), "-m", "pip", "install", "--quiet", "--only-binary", ":all:"]
        for step in (make, [*install, *DUCKDB_WHEELS]):
            made = subprocess.run(step, capture_output=True, text=True, check=False)
            if made.returncode != 0:
                lines = (made.stderr or made.stdout).strip().splitlines() or ["no reason given"]
                msg = f"duckdb: {lines[-1]}"
                raise Unavailable(msg)
        complete.touch()
    return _script("duckdb", str(python), HERE / "peers" / "duckdb_copy.py")


def program() -> str:
    """Return the command line beside this Python.

    Raises:
        Unavailable: It is not installed there.
    """
    path = Path(sys.executable).with_name("export-assets")
    if not path.exists():
        msg = "export-assets: not installed beside this Python"
        raise Unavailable(msg)
    return str(path)


def _flags(formats: Sequence[str]) -> list[str]:
    return [part for fmt in formats for part in ("--format", fmt)]


def _script(name: str, python: str, script: Path) -> Contender:
    def command(database: Path, output: Path, formats: Sequence[str]) -> list[str]:
        return [python, str(script), str(database), TABLE, str(output), *formats]

    return Contender(name=name, command=command)
