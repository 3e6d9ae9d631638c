"""Where one run's files go: partitions of the store, or flat files of a directory."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path
from threading import Lock
from typing import Literal

from export_assets.engine.published import has_its_files
from export_assets.engine.tables import TablePlan
from export_assets.errors import DestConflict, IntegrityError
from export_assets.store.adhoc import DirectoryTarget
from export_assets.store.hashing import hash_file
from export_assets.store.layout import ExportKey, hashed_name, safe_names
from export_assets.store.local import LocalStore
from export_assets.store.manifest import MANIFEST_NAME, FileRecord, Manifest
from export_assets.store.places import Places
from export_assets.store.staging import Staging

Committed = Literal["success", "unchanged", "skipped"]


class Kept(DestConflict):
    """What is there stays, for replacing it was not asked for."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} exists; use --overwrite")
        self.path = path


class Slot(ABC):
    """Room for one partition of one table in one format."""

    previous: Manifest | None = None
    """The generation published now, where there is one."""
    path: Path | None = None
    """Where that generation lies."""
    damage: str | None = None
    """What is wrong with that generation, where something is: it is replaced in any case."""

    @abstractmethod
    def part(self, index: int, suffix: str, *, directory: str = "") -> Path:
        """Return where to write part number *index*, from 0; nothing is there yet.

        With *directory* it lies in one of that name, and parts are counted by directory.
        """

    @abstractmethod
    def commit(self, manifest: Manifest) -> tuple[Committed, Path, Manifest]:
        """Make the parts visible in one step.

        Raises:
            ExportError: The destination refused; what was published before still is.
        """

    def beside(self, name: str) -> Path | None:
        """Return where to write the file *name* that is no part; None where it has no place."""
        del name
        return None

    def record(self, path: Path, rows: int) -> FileRecord:
        """Hash the closed part at *path*."""
        size, sha256 = hash_file(path)
        return FileRecord(path=path.name, bytes=size, rows=rows, sha256=sha256)


class Destination(ABC):
    """Opens slots in one thread; others fill and commit them."""

    splits = True
    """Whether a partition may have several parts."""
    holds_files = True
    """Whether an open slot holds some of the process's open files."""

    @abstractmethod
    def open(self, plan: TablePlan, fmt: str, suffix: str, key: str) -> Slot:
        """Take the slot of one partition.

        Raises:
            Kept: What is there may not be replaced.
            DestLocked: Another run holds it.
            DestPermission: It cannot be written.
        """

    def open_tree(self, plan: TablePlan, fmt: str, suffix: str, key: str) -> Slot:
        """Take the slot of one partition whose parts lie in directories; see `open`."""
        return self.open(plan, fmt, suffix, key)


Opener = Callable[[ExitStack], Destination]
"""Gives a table its destination; what that holds is let go with the stack."""


class StoreDestination(Destination):
    """The store: every slot is a locked staging directory until it is published."""

    replaces_unproven = False
    """Whether files without a manifest are replaced."""

    def __init__(
        self, store: LocalStore, source: str, run_id: str, stack: ExitStack, timeout: float
    ) -> None:
        self._store = store
        self._source = source
        self._run_id = run_id
        self._stack = stack
        self._timeout = timeout
        self._places: dict[ExportKey, Places] = {}

    def open(self, plan: TablePlan, fmt: str, suffix: str, key: str) -> "StoreSlot":
        """Lock and stage the partition."""
        del suffix
        export = ExportKey(self._source, plan.name, fmt)
        if export not in self._places:
            self._places[export] = self._stack.enter_context(self._store.places(export))
        opened = self._stack.enter_context(
            self._store.stage(
                export,
                plan.partitions.directory(key),
                self._run_id,
                timeout=self._timeout,
                replace_damaged=True,
                replace_unproven=self.replaces_unproven,
                places=self._places[export],
            )
        )
        previous = opened.previous
        if previous is not None and previous.table != plan.name:
            # Where the file system ignores case, `Orders` lies where `orders` is looked for.
            msg = f"{opened.subject}: holds the table {previous.table!r}, which stays"
            raise DestConflict(msg)
        return StoreSlot(opened)


class StoreSlot(Slot):
    """A staged partition of the store."""

    def __init__(self, staging: Staging) -> None:
        self._staging = staging
        self.previous = staging.previous
        self.path = staging.target
        if self.previous is None and (self.path / MANIFEST_NAME).exists():
            self.damage = "its manifest was damaged"
        elif self.previous is not None and not has_its_files(self.path, self.previous):
            self.damage = "its files were missing or cut"

    def part(self, index: int, suffix: str, *, directory: str = "") -> Path:
        """Return the path of a part in the staging directory."""
        return _part_below(self._staging.path, index, suffix, directory)

    def record(self, path: Path, rows: int) -> FileRecord:
        """Hash the closed part at *path*."""
        return _record_below(self._staging.path, path, rows)

    def beside(self, name: str) -> Path:
        """Return the path of a file in the staging directory."""
        return self._staging.path / name

    def commit(self, manifest: Manifest) -> tuple[Committed, Path, Manifest]:
        """Publish the staged partition."""
        published = self._staging.publish(manifest)
        return "success", self._staging.target, published


class DirectoryDestination(Destination):
    """A directory of flat files, one per table, format and partition asked for."""

    splits = False
    holds_files = False

    def __init__(self, target: DirectoryTarget, tables: Iterable[str]) -> None:
        """Name the files of *tables* so that no two are the same, even where case is ignored."""
        self._target = target
        self._stems = safe_names(tables)
        self._taken: dict[str, tuple[str, str, str]] = {}
        self._lock = Lock()

    def open(self, plan: TablePlan, fmt: str, suffix: str, key: str) -> "FileSlot":
        """Name the file.

        Raises:
            Kept: It exists and may not be replaced.
        """
        directory = plan.partitions.directory(key)
        stem = self._stems[plan.name]
        if directory != key:
            stem = f"{stem}_{directory.partition('=')[2]}"
        with self._lock:
            name = self._target.file_name(stem, suffix)
            owner = (plan.name, fmt, key)
            if self._taken.setdefault(name.casefold(), owner) != owner:
                # `orders` of a day, and a table of that very name.
                name = self._target.file_name(hashed_name(f"{plan.name}={key}"), suffix)
            if self._target.skips(name):
                raise Kept(self._target.directory / name)
            self._target.discard(name)
        return FileSlot(self._target, name, fmt, self._lock)

    def open_tree(self, plan: TablePlan, fmt: str, suffix: str, key: str) -> "TreeSlot":
        """Name the directory, which is called as the table.

        Raises:
            Kept: It exists and may not be replaced.
        """
        del suffix
        directory = plan.partitions.directory(key)
        name = self._stems[plan.name]
        if directory != key:
            name = f"{name}_{directory.partition('=')[2]}"
        with self._lock:
            if self._taken.setdefault(name.casefold(), (plan.name, fmt, key)) != (
                plan.name, fmt, key,
            ):  # fmt: skip
                name = hashed_name(f"{plan.name}={key}.{fmt}")
            if self._target.skips(name):
                raise Kept(self._target.directory / name)
            self._target.discard(name)
        return TreeSlot(self._target, name, fmt, self._lock)


class _NamedSlot(Slot):
    """One name in an output directory, whose record is rewritten by one thread at a time."""

    def __init__(self, target: DirectoryTarget, name: str, fmt: str, lock: Lock) -> None:
        self._target = target
        self._name = name
        self._format = fmt
        self._lock = lock
        self.path = target.directory / name


class TreeSlot(_NamedSlot):
    """One directory of an output directory, with the parts of one table below it."""

    def part(self, index: int, suffix: str, *, directory: str = "") -> Path:
        """Return the path of a part in the staged directory."""
        return _part_below(self._target.staged(self._name), index, suffix, directory)

    def record(self, path: Path, rows: int) -> FileRecord:
        """Hash the closed part at *path*."""
        return _record_below(self._target.staged(self._name), path, rows)

    def commit(self, manifest: Manifest) -> tuple[Committed, Path, Manifest]:
        """Put the directory in place under its final name."""
        with self._lock:
            outcome = self._target.publish_tree(
                self._name,
                manifest.files,
                source=manifest.source,
                table=manifest.table,
                fmt=self._format,
            )
        status: Committed = "skipped" if outcome.status == "skipped" else "success"
        return status, outcome.path, manifest


def _part_below(root: Path, index: int, suffix: str, directory: str) -> Path:
    below = root / directory if directory else root
    below.mkdir(parents=True, exist_ok=True)
    return below / f"part-{index:05d}{suffix}"


def _record_below(root: Path, path: Path, rows: int) -> FileRecord:
    size, sha256 = hash_file(path)
    return FileRecord(path=path.relative_to(root).as_posix(), bytes=size, rows=rows, sha256=sha256)


class FileSlot(_NamedSlot):
    """One file of an output directory."""

    def part(self, index: int, suffix: str, *, directory: str = "") -> Path:
        """Return the staged path of the one file."""
        del suffix, directory
        if index:
            msg = f"{self._name}: its rows arrived out of order"
            raise IntegrityError(msg)
        return self._target.staged(self._name)

    def commit(self, manifest: Manifest) -> tuple[Committed, Path, Manifest]:
        """Put the file in place under its final name."""
        with self._lock:
            outcome = self._target.publish(
                self._name,
                rows=manifest.rows,
                source=manifest.source,
                table=manifest.table,
                fmt=self._format,
            )
        status: Committed = "skipped" if outcome.status == "skipped" else "success"
        return status, outcome.path, manifest
