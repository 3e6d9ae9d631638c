"""What no contender can be faster than, measured in the same rounds: the bytes themselves."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.contenders import HERE, Contender
from benchmarks.data import TABLE

READ, SCAN, FETCH, WRITE = "read the file", "read every row", "fetch every row", "write and sync"


def read_file() -> Contender:
    """Every byte of the source's file, out of the page cache."""
    return _limit(READ, lambda source, _: ["read", str(source)])


def scan_table() -> Contender:
    """Every value of the table, looked at by SQLite in one thread."""
    return _limit(SCAN, lambda source, _: ["scan", str(source), TABLE])


def fetch_table(url: str) -> Contender:
    """Every row of the table, as PostgreSQL's binary COPY sends it."""
    return _limit(FETCH, lambda _, __: ["fetch", url, TABLE])


def write_bytes() -> Contender:
    """As many bytes as the first contender's output has, written and synced by one thread."""
    return _limit(WRITE, lambda _, output: ["write", str(output / "bytes")])


def _limit(name: str, words: Callable[[Path, Path], list[str]]) -> Contender:
    def command(source: Path, output: Path, formats: Sequence[str]) -> list[str]:  # noqa: ARG001
        return [sys.executable, str(HERE / "raw.py"), *words(source, output)]

    return Contender(name=name, command=command, role="limit")
