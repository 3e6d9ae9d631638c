"""Who takes part: the project's own command line and its peers, each as a command to run."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from benchmarks.data import TABLE
from benchmarks.environments import Unavailable

HERE = Path(__file__).parent
EVERY_FORMAT = frozenset(("parquet", "csv", "ndjson", "json"))

Role = Literal["ours", "peer", "limit"]
"""A limit makes no output; it is what no contender can be faster than."""
Command = Callable[[Path, Path, Sequence[str]], list[str]]
"""Database, output directory and formats to the command."""


@dataclass(frozen=True, kw_only=True)
class Contender:
    """A way to turn a table into files."""

    name: str
    command: Command
    environment: Mapping[str, str] = field(default_factory=dict)
    role: Role = "peer"
    version: str = ""
    """Of what is measured, with its names."""
    formats: frozenset[str] = EVERY_FORMAT
    """Those it can write."""
    writes: tuple[str, ...] = ()
    """The formats of its output, where they are others than the job's."""
    near: frozenset[str] = frozenset()
    """Figures that its output holds nearly: compared to within one part in a thousand million."""

    def can(self, job: Sequence[str]) -> bool:
        """Whether it writes every format of *job*."""
        return self.formats.issuperset(job)


def published() -> Contender:
    """The project, publishing into its store: staged, verified, exchanged, with manifests."""
    return exported("export-assets", str)


def exported(name: str, address: Callable[[Path], str]) -> Contender:
    """The project, publishing what lies at an *address* into its store.

    Raises:
        Unavailable: It is not installed beside this Python.
    """
    executable = program()

    def command(database: Path, output: Path, formats: Sequence[str]) -> list[str]:  # noqa: ARG001
        return [executable, "export", address(database), *_flags(formats), "--quiet"]

    # The store is `exports` below the working directory, which is the output directory.
    return Contender(name=name, command=command, role="ours", version=own_version())


def to_directory() -> Contender:
    """The project, writing loose files with --output-dir."""
    executable = program()

    def command(database: Path, output: Path, formats: Sequence[str]) -> list[str]:
        where = ["--output-dir", str(output), "--overwrite", "--quiet"]
        return [executable, "export", str(database), *_flags(formats), *where]

    name = "export-assets --output-dir"
    return Contender(name=name, command=command, role="ours", version=own_version())


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


def own_version() -> str:
    """Return what is measured as the project."""
    return f"export-assets {version('export-assets')}"


def script_command(python: str, script: str, address: Callable[[Path], str]) -> Command:
    """Return the command of a script of `peers`: address, table, directory, formats."""
    path = str(HERE / "peers" / script)

    def command(database: Path, output: Path, formats: Sequence[str]) -> list[str]:
        return [python, path, address(database), TABLE, str(output), *formats]

    return command


def _flags(formats: Sequence[str]) -> list[str]:
    return [part for fmt in formats for part in ("--format", fmt)]
