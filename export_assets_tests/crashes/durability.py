"""What a power cut leaves of files: a model, in memory, of what was made durable and what was not.

What was synced is durable: the content of a file by a sync of that file, its name by a sync of its
directory. Of the rest, a crash leaves what the model says:

    kill            all of it; the process died, the machine goes on
    strict          none of it
    metadata-first  every name, but no content; new files are as long as they were, and zero
    random          any part of it: some names and not others, content old, cut, zero or new

One rename is one transaction, as in the journal of ext4, XFS or btrfs: both of its names become
durable together. Which transactions become durable, and in which order, is chance.
"""

import os
import random
from copy import copy
from dataclasses import dataclass, field
from pathlib import Path

Names = dict[str, int]
"""What a directory holds: the number of a file or directory, by its name."""

ROOT = 0
MODELS = ("kill", "strict", "metadata-first")
"""Those without chance; `random` is the fourth."""


@dataclass(frozen=True)
class File:
    """A file as it was looked at."""

    content: bytes
    mode: int
    mtime_ns: int


@dataclass(frozen=True)
class Change:
    """Names that change together: what each leads to afterwards, None for nothing."""

    names: dict[tuple[int, str], int | None]

    def apply(self, directories: dict[int, Names]) -> None:
        """Change the names in *directories*."""
        for (number, name), after in self.names.items():
            entries = directories.setdefault(number, {})
            if after is None:
                entries.pop(name, None)
            else:
                entries[name] = after


@dataclass(frozen=True)
class Tree:
    """What is on a disk: every file, and the mode of every directory, by path."""

    files: dict[str, File] = field(default_factory=dict)
    directories: dict[str, int] = field(default_factory=dict)

    @property
    def key(self) -> tuple[object, ...]:
        """Equal for trees that hold the same."""
        files = tuple(sorted((path, file.content) for path, file in self.files.items()))
        return files, tuple(sorted(self.directories))

    def write(self, root: Path) -> None:
        """Make *root*, which must not exist, hold this."""
        root.mkdir()
        for path in sorted(self.directories):
            (root / path).mkdir()
        for path, file in self.files.items():
            target = root / path
            target.write_bytes(file.content)
            target.chmod(file.mode)
            os.utime(target, ns=(file.mtime_ns, file.mtime_ns))
        for path, mode in self.directories.items():
            (root / path).chmod(mode)


@dataclass
class Memory:
    """Files and directories by number: as they are, and as much of them as is durable.

    Attributes:
        files: Every file that ever was, as it was last.
        pending: Changes of names that are not durable, in order.
    """

    directories: dict[int, Names] = field(default_factory=dict)
    files: dict[int, File] = field(default_factory=dict)
    modes: dict[int, int] = field(default_factory=dict)
    durable_directories: dict[int, Names] = field(default_factory=dict)
    durable_files: dict[int, File] = field(default_factory=dict)
    pending: list[Change] = field(default_factory=list)

    def settle(self) -> None:
        """Make all of it durable."""
        self.durable_directories = {n: dict(names) for n, names in self.directories.items()}
        self.durable_files = dict(self.files)
        self.pending = []

    def sync(self, number: int) -> None:
        """Make one file or directory durable."""
        if number not in self.directories:
            self.durable_files[number] = self.files[number]
            return
        wanted = {key for change in self.pending for key in change.names if key[0] == number}
        # What a transaction builds on was written to the journal before it.
        for change in reversed(self.pending):
            if not wanted.isdisjoint(change.names):
                wanted |= change.names.keys()
        left = []
        for change in self.pending:
            if wanted.isdisjoint(change.names):
                left.append(change)
            else:
                change.apply(self.durable_directories)
        self.pending = left
        self.durable_directories.setdefault(number, {})

    def crash(self, model: str, chance: random.Random) -> Tree:
        """Return what a crash leaves now."""
        names = {number: dict(entries) for number, entries in self.durable_directories.items()}
        for change in self.pending:
            if model in ("kill", "metadata-first") or (model == "random" and chance.random() < 0.5):
                change.apply(names)
        files = {
            number: _left_of(file, self.durable_files.get(number), model, chance)
            for number, file in self.files.items()
        }
        tree = Tree()
        self._place(ROOT, "", names, files, tree)
        return tree

    def _place(
        self, number: int, path: str, names: dict[int, Names], files: dict[int, File], tree: Tree
    ) -> None:
        for name, inner in names.get(number, {}).items():
            below = f"{path}/{name}" if path else name
            if inner in files:
                tree.files[below] = files[inner]
            else:
                tree.directories[below] = self.modes[inner]
                self._place(inner, below, names, files, tree)

    def copy(self) -> "Memory":
        """Return a copy that goes its own way."""
        other = copy(self)
        other.directories = {n: dict(names) for n, names in self.directories.items()}
        other.durable_directories = {n: dict(e) for n, e in self.durable_directories.items()}
        other.files, other.modes = dict(self.files), dict(self.modes)
        other.durable_files, other.pending = dict(self.durable_files), list(self.pending)
        return other


def _left_of(file: File, durable: File | None, model: str, chance: random.Random) -> File:
    """Return what a crash leaves of a file that holds *file*, of which *durable* is safe."""
    safe = durable.content if durable is not None else b""
    if model == "kill" or file.content == safe:
        return file
    zeros = safe[: len(file.content)].ljust(len(file.content), b"\0")
    left = {"strict": safe, "metadata-first": zeros}.get(model)
    if left is None:
        cut = file.content[: chance.randint(_same(safe, file.content), len(file.content))]
        left = chance.choice((safe, zeros, cut, file.content))
    return File(left, file.mode, file.mtime_ns)


def _same(one: bytes, other: bytes) -> int:
    """Return how many bytes two files begin alike with: what is durable is not lost again."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))
