"""A directory of logs to offload, and what must hold of it whatever happened."""

import hashlib
import io
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from export_assets.archives.content import Content
from export_assets.archives.encryption.keyring import NO_KEYS, Keyring
from export_assets.archives.encryption.record import is_sealed, record_path
from export_assets.archives.offload import plan
from export_assets.archives.offload.ledger import Ledger, LedgerEntry, read_ledger
from export_assets.archives.offload.purge import PurgeRequest, purge
from export_assets.archives.offload.recovery import verify_entry
from export_assets.archives.offload.request import TRASH, Candidate, OffloadReport, OffloadRequest
from export_assets.archives.offload.run import offload
from export_assets.archives.zip_reader import open_archive, true_path
from export_assets.errors import ExportError
from export_assets.store.filesystem import Filesystem

CUTOFF = datetime(2026, 2, 1, tzinfo=UTC)
OLD = datetime(2026, 1, 15, 12, tzinfo=UTC)
YOUNG = datetime(2026, 2, 3, tzinfo=UTC)
NOW = datetime(2026, 2, 8, 10, 30, tzinfo=UTC)
OLD_FILES = ("a.jsonl", "bay/a.jsonl", "bay/b.csv", "c.log")


class Hooked(Filesystem):
    """Calls a function at each point, with how often that point was passed."""

    def __init__(self, hook: Callable[[str, int], None]) -> None:
        super().__init__()
        self._hook = hook
        self._seen: Counter[str] = Counter()

    def at(self, point: str) -> None:
        super().at(point)
        self._seen[point] += 1
        self._hook(point, self._seen[point])


@dataclass(frozen=True)
class World:
    """A log directory, an archive directory, and every line ever written."""

    root: Path
    files: tuple[str, ...] = OLD_FILES
    keyring: Keyring = NO_KEYS

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def archives(self) -> Path:
        return self.root / "archives"

    def line(self, path: str, number: int) -> str:
        token = hashlib.sha256(f"{path}/{number}".encode()).hexdigest()[:12]
        return f'{{"file":"{path}","n":{number},"token":"{token}"}}\n'

    def make(self, *, lines: int = 8) -> "World":
        for path in (*self.files, "today.jsonl"):
            file = self.logs / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("".join(self.line(path, n) for n in range(lines)), encoding="utf-8")
        return self

    def append(self, path: str, number: int) -> None:
        with (self.logs / path).open("a", encoding="utf-8") as file:
            file.write(self.line(path, number))

    def request(
        self,
        *,
        allow_delete: bool = True,
        grace: bool = True,
        filesystem: Filesystem | None = None,
        ingested: Callable[[str, int], bool] = lambda _path, _size: True,
        name: str | None = None,
        run_id: str = "run",
    ) -> OffloadRequest:
        candidates = tuple(
            Candidate(
                path=path,
                content_end=YOUNG if path.name == "today.jsonl" else OLD,
                content_start=OLD,
                idle=timedelta(days=3),
            )
            for path in sorted(self.logs.rglob("*"))
            if path.is_file() and TRASH not in path.parts
        )
        return OffloadRequest(
            source_dir=self.logs,
            archives=self.archives,
            candidates=candidates,
            cutoff=CUTOFF,
            ingested=ingested,
            allow_delete=allow_delete,
            grace=grace,
            name=name,
            keyring=self.keyring,
            run_id=run_id,
            now=lambda: NOW,
            filesystem=filesystem or Filesystem(),
        )

    def offload(
        self,
        *,
        allow_delete: bool = True,
        grace: bool = True,
        filesystem: Filesystem | None = None,
        run_id: str = "run",
    ) -> OffloadReport:
        return offload(
            self.request(
                allow_delete=allow_delete, grace=grace, filesystem=filesystem, run_id=run_id
            )
        )

    def purge(self, *, filesystem: Filesystem | None = None) -> OffloadReport:
        """Empty the trash of what is a day in it."""
        return purge(
            PurgeRequest(
                source_dir=self.logs,
                archives=self.archives,
                allow_delete=True,
                grace=timedelta(days=1),
                keyring=self.keyring,
                run_id="purge",
                now=NOW + timedelta(days=2),
                filesystem=filesystem or Filesystem(),
            )
        )

    def in_place(self) -> dict[str, bytes]:
        """Content of every file that is in the directory or in its trash."""
        return contents_below(self.logs)

    def archived(self) -> dict[tuple[str, str], bytes]:
        """Content in every archive that is entered and sound, by zip and path."""
        if not self.archives.is_dir():
            return {}
        found = {}
        for entry in read_ledger(self.archives, filesystem=Filesystem()).archived():
            try:
                verify_entry(self.archives, entry, self.keyring)
            except ExportError:
                continue
            with open_archive(self.archives / entry.archive, self.keyring) as archive:
                for member in archive.metadata.members:
                    content = b"".join(archive.read(member))
                    found[entry.archive, true_path(member)] = content
        return found

    def lost(self, written: set[bytes]) -> set[bytes]:
        """Lines of *written* that are neither in place nor in an archive that can be trusted."""
        there = [*self.in_place().values(), *self.archived().values()]
        return written - {line for content in there for line in content.splitlines(keepends=True)}

    def lines(self) -> set[bytes]:
        return {line for one in self.in_place().values() for line in one.splitlines(keepends=True)}

    def torn(self) -> list[str]:
        """Archives under a final name that cannot be read whole."""
        return [path.name for path in self._zips() if not _is_whole(path, self.keyring)]

    def archived_twice(self) -> list[str]:
        pairs = Counter(
            (path, hashlib.sha256(content).digest())
            for (_, path), content in self.archived().items()
        )
        return [path for (path, _), count in pairs.items() if count > 1]

    def stray(self) -> list[str]:
        """What does not belong into the directory of archives."""
        known = {".offload.lock", ".offload_ledger.jsonl"}
        known |= {path.name for path in self._zips()}
        known |= {record_path(path).name for path in self._zips() if is_sealed(path)}
        return [path.name for path in self.archives.iterdir() if path.name not in known]

    def _zips(self) -> list[Path]:
        return [*self.archives.glob("*.zip"), *self.archives.glob("*.zip.age")]

    def left_behind(self) -> list[str]:
        """Files of the directory, trash aside."""
        return sorted(path for path in self.in_place() if not path.startswith(f"{TRASH}/"))


def contents_below(directory: Path) -> dict[str, bytes]:
    """Content of every file below *directory*, by relative path."""
    return {
        path.relative_to(directory).as_posix(): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file()
    }


def _is_whole(path: Path, keyring: Keyring) -> bool:
    try:
        with open_archive(path, keyring) as archive:
            archive.verify()
    except ExportError:
        return False
    return True


def flip(path: Path, position: int) -> None:
    """Flip one bit of the file at *path*, in place."""
    fd = os.open(path, os.O_RDWR)
    try:
        at = position % os.fstat(fd).st_size
        old = os.pread(fd, 1, at)[0]
        os.pwrite(fd, bytes([old ^ (1 << position % 8)]), at)
    finally:
        os.close(fd)


def delete_while_archiving() -> None:
    """A fault for the harness to find: each file is deleted as soon as it was read."""
    opened = Content.open

    @contextmanager
    def faulty(self: Content) -> Iterator[tuple[io.BufferedIOBase, int]]:
        with opened(self) as pair:
            yield pair
        if isinstance(self.data, Path):
            self.data.unlink()

    Content.open = faulty  # type: ignore[method-assign]  # in a process of its own


def enter_after_removing() -> None:
    """A fault for the harness to find: the archive is entered when its files are gone."""
    append = Ledger.append
    waiting: dict[Path, list[LedgerEntry]] = defaultdict(list)

    def faulty(self: Ledger, entry: LedgerEntry) -> None:
        waiting[self.path].append(entry)
        if entry.event == "PURGED":
            for held_back in waiting.pop(self.path):
                append(self, held_back)

    Ledger.append = faulty  # type: ignore[method-assign]  # in a process of its own


def archive_what_is_known() -> None:
    """A fault for the harness to find: what an earlier archive holds is archived again."""
    plan._archived_in = lambda *_: None


FAULTS: dict[str, Callable[[], None]] = {
    "delete while archiving": delete_while_archiving,
    "enter after removing": enter_after_removing,
    "archive what is known": archive_what_is_known,
}
