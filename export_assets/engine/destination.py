"""Where one run's files go: partitions of the store, or flat files of a directory."""

from abc import ABC, abstractmethod
from contextlib import ExitStack
from pathlib import Path
from threading import Lock
from typing import Literal

from export_assets.engine.tables import TablePlan
from export_assets.errors import IntegrityError
from export_assets.store.adhoc import DirectoryTarget
from export_assets.store.hashing import hash_file
from export_assets.store.layout import ExportKey
from export_assets.store.local import LocalStore
from export_assets.store.manifest import FileRecord, Manifest
from export_assets.store.staging import Staging

Committed = Literal["success", "unchanged", "skipped"]


class Slot(ABC):
    """Room for one partition of one table in one format."""

    previous: Manifest | None = None
    """The generation published now, where there is one."""
    path: Path | None = None
    """Where that generation lies."""

    @abstractmethod
    def part(self, index: int, suffix: str) -> Path:
        """Return where to write part number *index*, from 0; nothing is there yet."""

    @abstractmethod
    def commit(self, manifest: Manifest) -> tuple[Committed, Path, Manifest]:
        """Make the parts visible in one step.

        Raises:
            ExportError: The destination refused; what was published before still is.
        """

    def record(self, path: Path, rows: int) -> FileRecord:
        """Hash the closed part at *path*."""
        size, sha256 = hash_file(path)
        return FileRecord(path=path.name, bytes=size, rows=rows, sha256=sha256)


class Destination(ABC):
    """Opens slots. Several threads may open and fill them; one commits."""

    splits = True
    """Whether a partition may have several parts."""

    @abstractmethod
    def open(self, plan: TablePlan, fmt: str, suffix: str, key: str) -> Slot | None:
        """Take the slot of one partition, None where what is there may not be replaced.

        Raises:
            DestLocked: Another run holds it.
            DestPermission: It cannot be written.
        """


class StoreDestination(Destination):
    """The store: every slot is a locked staging directory until it is published."""

    def __init__(
        self, store: LocalStore, source: str, run_id: str, stack: ExitStack, timeout: float
    ) -> None:
        self._store = store
        self._source = source
        self._run_id = run_id
        self._stack = stack
        self._timeout = timeout
        self._lock = Lock()

    def open(self, plan: TablePlan, fmt: str, suffix: str, key: str) -> "StoreSlot":
        """Lock and stage the partition."""
        del suffix
        export = ExportKey(self._source, plan.name, fmt)
        staging = self._store.stage(
            export, plan.partitions.directory(key), self._run_id, timeout=self._timeout
        )
        opened = staging.__enter__()
        with self._lock:
            self._stack.push(staging.__exit__)
        return StoreSlot(opened)


class StoreSlot(Slot):
    """A staged partition of the store."""

    def __init__(self, staging: Staging) -> None:
        self._staging = staging
        self.previous = staging.previous
        self.path = staging.target

    def part(self, index: int, suffix: str) -> Path:
        """Return the path of a part in the staging directory."""
        return self._staging.path / f"part-{index:05d}{suffix}"

    def commit(self, manifest: Manifest) -> tuple[Committed, Path, Manifest]:
        """Publish the staged partition."""
        published = self._staging.publish(manifest)
        return "success", self._staging.target, published


class DirectoryDestination(Destination):
    """A directory of flat files, one per table, format and partition asked for."""

    splits = False

    def __init__(self, target: DirectoryTarget) -> None:
        self._target = target

    def open(self, plan: TablePlan, fmt: str, suffix: str, key: str) -> "FileSlot | None":
        """Name the file; None where it exists and may not be replaced."""
        directory = plan.partitions.directory(key)
        stem = plan.name if directory == key else f"{plan.name}_{directory.partition('=')[2]}"
        name = self._target.file_name(stem, suffix)
        if self._target.skips(name):
            return None
        self._target.discard(name)
        return FileSlot(self._target, name, fmt)


class FileSlot(Slot):
    """One file of an output directory."""

    def __init__(self, target: DirectoryTarget, name: str, fmt: str) -> None:
        self._target = target
        self._name = name
        self._format = fmt

    def part(self, index: int, suffix: str) -> Path:
        """Return the staged path of the one file."""
        del suffix
        if index:
            msg = f"{self._name}: its rows arrived out of order"
            raise IntegrityError(msg)
        return self._target.staged(self._name)

    def commit(self, manifest: Manifest) -> tuple[Committed, Path, Manifest]:
        """Put the file in place under its final name."""
        outcome = self._target.publish(
            self._name,
            rows=manifest.rows,
            source=manifest.source,
            table=manifest.table,
            fmt=self._format,
        )
        status: Committed = "skipped" if outcome.status == "skipped" else "success"
        return status, outcome.path, manifest
