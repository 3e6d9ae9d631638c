"""A project whose logs are offloaded, and what must hold of every line whatever happened."""

import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import polars as pl

from export_assets.archives.offload.ledger import read_ledger
from export_assets.archives.offload.recovery import verify_entry
from export_assets.archives.offload.request import TRASH, Skipped
from export_assets.archives.zip_reader import open_archive, true_path
from export_assets.engine.archiving.offloading import Offloader, OffloadOrder, OffloadOutcome
from export_assets.engine.request import Run
from export_assets.errors import ExportError
from export_assets.store.filesystem import REAL, Filesystem
from export_assets_tests.engine.logs.log_world import WEB, LogWorld

OLD = ("a.jsonl", "bay/a.jsonl", "bay/b.ndjson", "c.log")
YOUNG = "today.jsonl"

_runs = count(1)


def later(days: float = 3) -> datetime:
    """A moment by which nothing was written to any log for long."""
    return datetime.now(UTC) + timedelta(days=days)


@dataclass
class ArchivingWorld(LogWorld):
    """Logs of January and of today; every line has a number of its own."""

    yaml: str = WEB
    now: datetime = field(default_factory=later)
    written: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.permit("true")

    @property
    def archives(self) -> Path:
        return self.home / "exports" / "archives"

    def permit(self, text: str) -> None:
        (self.home / "export_assets.yaml").write_text(f"allow_delete: {text}\n", encoding="utf-8")

    def make(self, *, lines: int = 4) -> "ArchivingWorld":
        for name in OLD:
            self.write(name, lines)
        self.write(YOUNG, lines, day=self.now)
        return self

    def write(self, name: str, lines: int = 1, *, day: datetime | None = None) -> None:
        """Append *lines* lines, each with the next number."""
        moment = day or datetime(2026, 1, 15, 12, tzinfo=UTC)
        for _ in range(lines):
            number = len(self.written)
            token = hashlib.sha256(str(number).encode()).hexdigest()[:12]
            line = json.dumps({"ts": moment.isoformat(), "n": number, "token": token})
            self.written.append(line.encode() + b"\n")
            self.log(name, line)

    def offloader(
        self,
        *,
        filesystem: Filesystem = REAL,
        url: str | None = None,
        **order: Any,
    ) -> Offloader:
        workspace = self.workspace()
        return Offloader(
            workspace=workspace,
            source=workspace.source(self.name, url=url),
            run=Run(id=f"offload-{os.getpid()}-{next(_runs)}", now=self.now),
            order=OffloadOrder(**{"days_old": 7, "delete": True} | order),
            filesystem=filesystem,
        )

    def offload(self, **order: Any) -> OffloadOutcome:
        return self.offloader(**order).offload()

    def in_place(self) -> list[str]:
        """The logs that are there, those in the trash aside."""
        return sorted(name for name in self.files() if not name.startswith(f"{TRASH}/"))

    def in_trash(self) -> list[str]:
        return sorted(name for name in self.files() if name.startswith(f"{TRASH}/"))

    def files(self) -> dict[str, bytes]:
        return {
            path.relative_to(self.logs).as_posix(): path.read_bytes()
            for path in self.logs.rglob("*")
            if path.is_file()
        }

    def archived(self) -> dict[tuple[str, str], bytes]:
        """Content in every archive that is entered and sound, by zip and path."""
        found = {}
        for entry in read_ledger(self.archives, filesystem=REAL).archived():
            try:
                verify_entry(self.archives, entry)
            except ExportError:
                continue
            with open_archive(self.archives / entry.archive) as archive:
                for member in archive.metadata.members:
                    content = b"".join(archive.read(member))
                    found[entry.archive, true_path(member)] = content
        return found

    def lost(self) -> list[bytes]:
        """Lines that are neither in a file nor in an archive that can be trusted."""
        there = [*self.files().values(), *(self.archived().values() if self.archives_are() else ())]
        kept = {line for content in there for line in content.splitlines(keepends=True)}
        return [line for line in self.written if line not in kept]

    def archives_are(self) -> bool:
        return self.archives.is_dir()

    def numbers(self) -> Counter[int]:
        """How often each line is in what is published of the logs."""
        found: Counter[int] = Counter()
        for part in self.published.glob("_segments/parquet/*/part-*.parquet"):
            raw = pl.read_parquet(part, columns=["raw"])["raw"]
            found.update(json.loads(line)["n"] for line in raw)
        return found

    def archived_twice(self) -> list[str]:
        pairs = Counter(
            (path, hashlib.sha256(content).digest())
            for (_, path), content in self.archived().items()
        )
        return [path for (path, _), number in pairs.items() if number > 1]


def reasons(skipped: list[Skipped]) -> dict[str, str]:
    return {one.path: one.reason for one in skipped}


class Hooked(Filesystem):
    """Calls a function at each point of an archive's way."""

    def __init__(self, hook: Callable[[str], None]) -> None:
        super().__init__()
        self._hook = hook

    def at(self, point: str) -> None:
        super().at(point)
        self._hook(point)


@contextmanager
def held_open(path: Path) -> Iterator[None]:
    """Have another process hold the file at *path* open for appending."""
    import subprocess
    import sys

    program = "import sys; f = open(sys.argv[1], 'ab'); print(flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", program, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield
        finally:
            process.communicate()
