"""Looks at real files while real code works on them, and remembers what of them is durable."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from export_assets_tests.crashes.calls import Step
from export_assets_tests.crashes.durability import ROOT, Change, File, Memory, Names

SYNCS = frozenset({"fsync", "fdatasync"})
CONTENT = frozenset({*SYNCS, "write", "ftruncate", "truncate", "fchmod", "chmod", "utime"})
"""Steps that change no name."""


class Disk:
    """The files below a directory, looked at after each step. A watcher of `calls.watching`.

    Attributes:
        memory: What is there, and how much of it is durable.
        steps: Every step that changed something or made it durable.
    """

    def __init__(self, root: Path, memory: Memory | None = None) -> None:
        """Take all of *root* for durable; or go on from the *memory* of a machine that is up.

        What *root* holds is then what `Memory.crash("kill")` gave.
        """
        self.root = os.fspath(root.resolve())
        self.steps: list[str] = []
        self._numbers: dict[int, int] = {}
        self._stamps: dict[int, tuple[int, int]] = {}
        self._written: set[int] = set()  # opened for that: a stamp may stay while content changes
        if memory is None:
            self.memory = Memory()
            self._next = ROOT
            self._look()
            self.memory.settle()
        else:
            self.memory = memory.copy()
            self._next = 1 + max(memory.directories.keys() | memory.files.keys())
            self._numbers = dict(_numbers(self.root, ROOT, memory.directories))
            self._look()

    def before(self, step: Step) -> None:
        """Do nothing: a step that fails changes nothing."""

    def after(self, step: Step) -> None:
        """Take in what *step* did."""
        changed = self._look_at(step.path) if step.name in CONTENT else self._look()
        number = self._number_at(step.path)
        if step.writes and number is not None:
            self._written.add(number)
        if step.name in SYNCS:
            if number is not None:
                self.memory.sync(number)
        elif not changed:
            return
        self.steps.append(f"{step.name} {os.path.relpath(step.path, self.root)}")

    def _number_at(self, path: str) -> int | None:
        """Return the number of a file; None where no name leads to it any more."""
        try:
            return self._numbers.get(os.lstat(path).st_ino)
        except OSError:
            return None

    def _look(self) -> bool:
        """Read the tree; return whether it changed."""
        before, files = self.memory.directories, dict(self.memory.files)
        self.memory.directories, seen = {}, set[int]()
        self._walk(self.root, seen)
        # An inode that was gone for a while is another file.
        self._numbers = {inode: n for inode, n in self._numbers.items() if inode in seen}
        change = _difference(before, self.memory.directories)
        if change.names:
            self.memory.pending.append(change)
        return bool(change.names) or files != self.memory.files

    def _look_at(self, path: str) -> bool:
        """Read one file; return whether it changed."""
        number = self._number_at(path)
        if number not in self.memory.files:
            return self._look()
        before = self.memory.files[number]
        self.memory.files[number] = self._read(path, number, os.lstat(path))
        return before != self.memory.files[number]

    def _walk(self, path: str, seen: set[int]) -> int:
        status = os.lstat(path)
        seen.add(status.st_ino)
        if status.st_ino not in self._numbers:
            self._numbers[status.st_ino] = self._next
            self._next += 1
        number = self._numbers[status.st_ino]
        if stat.S_ISDIR(status.st_mode):
            with os.scandir(path) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
            names = {entry.name: self._walk(entry.path, seen) for entry in found}
            self.memory.directories[number] = names
            self.memory.modes[number] = stat.S_IMODE(status.st_mode)
        else:
            self.memory.files[number] = self._read(path, number, status)
        return number

    def _read(self, path: str, number: int, status: os.stat_result) -> File:
        """Read a file that may have changed since it was looked at."""
        stamp = (status.st_size, status.st_mtime_ns)
        if number not in self._written and self._stamps.get(number) == stamp:
            return self.memory.files[number]  # opening a file breaks a lease on it
        self._stamps[number] = stamp
        content = Path(path).read_bytes()
        return File(content, stat.S_IMODE(status.st_mode), status.st_mtime_ns)


def _numbers(path: str, number: int, directories: dict[int, Names]) -> Iterator[tuple[int, int]]:
    """Yield the inode and the number of everything at *path* and below."""
    yield os.lstat(path).st_ino, number
    for name, inner in directories.get(number, {}).items():
        yield from _numbers(f"{path}/{name}", inner, directories)


def _difference(before: dict[int, Names], after: dict[int, Names]) -> Change:
    names = {}
    for number in before.keys() | after.keys():
        old, new = before.get(number, {}), after.get(number, {})
        for name in old.keys() | new.keys():
            if old.get(name) != new.get(name):
                names[number, name] = new.get(name)
    return Change(names)
