"""A random life of some logs: grown, cut within lines, rotated, truncated, removed, read, crashed.

Every line holds a number of its own, so that what was published can be held against what was
written, less what was removed before anybody could have read it.
"""

import random
import shutil
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from export_assets.engine.ingest.policy import Policy
from export_assets.store.filesystem import Filesystem
from export_assets_tests.engine.ingest.ingest_world import World, line

HEADER = line(-1)
"""What every log of some lives begins with; a line that is refused."""


class CrashError(KeyboardInterrupt):
    """The end of a process, as far as one process can play it."""


class Mortal(Filesystem):
    """Does nothing any more after so many operations, and syncs nothing, which takes time."""

    def __init__(self) -> None:
        super().__init__()
        self.left: int | None = None

    def at(self, point: str) -> None:  # noqa: ARG002 - any operation may be the last one
        if self.left is not None:
            self.left -= 1
            if self.left <= 0:
                raise CrashError

    def fsync(self, fd: int) -> None:  # noqa: ARG002 - see above
        self.at("fsync")


@dataclass
class Life:
    """One sequence of steps."""

    base: Path
    seed: int
    truncating: bool
    filesystem: Mortal = field(default_factory=Mortal)
    written: set[int] = field(default_factory=set)
    lost: set[int] = field(default_factory=set)
    crashes: int = 0
    truncations: int = 0
    rotated: int = 0
    _torn: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    _rows: dict[tuple[str, bytes], list[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        # Some lives grow short segments, some start another with every pass.
        policy = Policy(grow_bytes=(0, 200, 4 << 20)[self.seed // 4 % 3])
        self.world = World(self.base, filesystem=self.filesystem, policy=policy)

    def live(self, steps: int = 12) -> None:
        doings = [self.grow, self.grow, self.grow, self.read, self.read, self.crash]
        doings += [self.rotate, self.remove]
        if self.truncating:
            doings += [self.truncate, self.copy_and_truncate]
        for _ in range(steps):
            self.random.choice(doings)()
        for name in list(self._torn):
            self.finish(name)
        self.read()
        self.filesystem.left = None
        self.world.tick(late=True)

    def grow(self) -> None:
        name = self.random.choice(("a.log", "b.log"))
        self.finish(name)
        log = self.world.logs / name
        if self.seed % 3 == 0 and not (log.exists() and log.stat().st_size):
            self.world.append(name, HEADER)
        for _ in range(self.random.randint(0, 3)):
            self.world.append(name, line(self.number()))
        if self.random.random() < 0.4:
            number = self.number()
            content = line(number)
            # A line that lacks its line feed alone is a whole one to whoever seals it.
            cut = self.random.randint(1, len(content) - 2)
            self.world.append(name, content[:cut])
            self._torn[name] = number, content[cut:]

    def finish(self, name: str) -> None:
        torn = self._torn.pop(name, None)
        if torn is not None:
            self.world.append(name, torn[1])

    def number(self) -> int:
        number = len(self.written)
        self.written.add(number)
        return number

    def read(self) -> None:
        self.filesystem.left = None
        self.truncations += len(self.world.tick().truncations)

    def crash(self) -> None:
        self.filesystem.left = self.random.randint(1, 70)
        try:
            self.world.tick()
        except CrashError:
            self.crashes += 1
        self.filesystem.left = None

    def rotate(self) -> None:
        live = self.some(".log")
        if live is not None:
            # The writer finishes its line in the file it has open.
            self.finish(live.name)
            live.rename(live.with_name(self.next_name(live)))

    def remove(self) -> None:
        old = self.some(".old")
        if old is not None:
            content = old.read_bytes()
            old.unlink()
            self.lose(content)

    def truncate(self) -> None:
        live = self.some(".log")
        if live is not None:
            content = live.read_bytes()
            live.write_bytes(b"")
            self.lose(content)
            self.tear(live.name)

    def copy_and_truncate(self) -> None:
        live = self.some(".log")
        if live is not None:
            shutil.copyfile(live, live.with_name(self.next_name(live)))
            live.write_bytes(b"")
            self.tear(live.name)

    def next_name(self, live: Path) -> str:
        self.rotated += 1
        return f"{live.stem}.{self.rotated}.old"

    def some(self, suffix: str) -> Path | None:
        found = sorted(path for path in self.world.logs.iterdir() if path.suffix == suffix)
        return self.random.choice(found) if found else None

    def lose(self, content: bytes) -> None:
        """Take note of the lines of removed *content* that nobody can read any more."""
        elsewhere = b"".join(path.read_bytes() for path in self.world.logs.iterdir())
        there = set(elsewhere.splitlines())
        read = set(self.published)
        for number in self.written - read - self.lost:
            whole = line(number).rstrip()
            if whole in content.splitlines() and whole not in there:
                self.lost.add(number)

    def tear(self, name: str) -> None:
        """Take note of a line whose two halves are in different contents."""
        torn = self._torn.get(name)
        if torn is not None:
            self.lost.add(torn[0])

    @property
    def published(self) -> Counter[int]:
        there = {
            (path.name, (path / "_manifest.json").read_bytes()): path for path in self.world.paths
        }
        for name, path in there.items():
            if name not in self._rows:
                part = path / "part-00000.parquet"
                rows = pl.read_parquet(part)["n"].to_list() if part.exists() else []
                self._rows[name] = rows
        return Counter(number for name in there for number in self._rows[name])
