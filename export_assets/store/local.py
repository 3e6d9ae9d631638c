"""Published partitions on a local disk: look up, stage, publish, remove.

    store = LocalStore(root)
    with store.stage(key, directory, run_id) as staging:
        ...                                     write parts into staging.path
        staging.publish(manifest)               one step: visible, whole, durable

The order of steps is specified in docs/on-disk-format.md.
"""

from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from export_assets.errors import DestConflict, DestLocked, DestPermission, IntegrityError
from export_assets.store.durable import directory as directory_fd
from export_assets.store.durable import refuse_links
from export_assets.store.filesystem import REAL, Filesystem
from export_assets.store.layout import (
    STAGING,
    ExportKey,
    Leftover,
    lock_path,
    partition_dir,
    staging_dir,
    staging_name,
)
from export_assets.store.lock import HeldLock, partition_lock
from export_assets.store.manifest import MANIFEST_NAME, Manifest, parse_manifest
from export_assets.store.places import Places
from export_assets.store.recovery import is_there, leftovers, recover
from export_assets.store.space import check_space
from export_assets.store.staging import PRIVATE, SHARED, Modes, Staging
from export_assets.store.tree import has_no_manifest, scan_exports, scan_partitions
from export_assets.translate import translating


class Unchecked(Enum):
    """The state of a partition that nobody planned for."""

    ANY = "any"


ANY = Unchecked.ANY


class LocalStore:
    """Partitions below one root directory.

    Raises:
        DestPermission: *root* exists and is no directory.
    """

    def __init__(
        self,
        root: Path,
        *,
        filesystem: Filesystem = REAL,
        private: Collection[str] = frozenset(),
    ) -> None:
        """Publish below *root*; what is of the sources *private*, for its owner's eyes only."""
        # Resolved once: the root may be a symbolic link, nothing below it may.
        self.root = root.resolve()
        self._filesystem = filesystem
        self._private = frozenset(private)
        if self.root.exists() and not self.root.is_dir():
            msg = f"{root}: is a file, not a directory"
            raise DestPermission(msg)

    def is_private(self, source: str) -> bool:
        """Whether files and directories of *source* are for their owner alone."""
        return source in self._private

    def _modes_of(self, key: ExportKey) -> Modes:
        """Return the permissions of a partition; let nobody else into what is private."""
        if not self.is_private(key.source):
            return SHARED
        (self.root / key.parts[0]).chmod(PRIVATE.directory)
        return PRIVATE

    def partition_path(self, key: ExportKey, directory: str) -> Path:
        """Return where a partition is, or would be.

        Raises:
            UsageError: *directory* is not a safe name.
        """
        return partition_dir(self.root, key, directory)

    def manifest(self, key: ExportKey, directory: str) -> Manifest | None:
        """Return the manifest of a published partition, or None where there is none.

        Raises:
            IntegrityError: There is one, and it is damaged.
            DestPermission: It may not be read, or the path leads through a symbolic link.
        """
        path = self.partition_path(key, directory)
        with translating(f"{key}/{directory}"):
            refuse_links(self.root, path / MANIFEST_NAME)
            return read_if_there(path)

    def manifests(
        self, source: str | None = None, table: str | None = None, fmt: str | None = None
    ) -> Iterator[tuple[Path, Manifest]]:
        """Yield (partition directory, manifest) of everything published, in order of path.

        Raises:
            IntegrityError: A manifest is damaged.
        """
        for path in scan_partitions(self.root, source=source, table=table, fmt=fmt):
            with translating(str(path)):
                manifest = read_if_there(path)
            if manifest is not None:
                yield path, manifest

    @contextmanager
    def places(self, key: ExportKey) -> Iterator[Places]:
        """Give the directories of an export, for staging many partitions one after the other."""
        with ExitStack() as held:
            yield Places(self.root, key, self._filesystem, held)

    @contextmanager
    def stage(
        self,
        key: ExportKey,
        directory: str,
        run_id: str,
        *,
        expected_run_id: str | Unchecked | None = ANY,
        estimated_bytes: int = 0,
        timeout: float = 0.0,
        replace_damaged: bool = False,
        replace_unproven: bool = False,
        places: Places | None = None,
    ) -> Iterator[Staging]:
        """Lock a partition, put it right after a crash, and give a directory to write it in.

        What was not published when the block ends is removed.

        Args:
            key: The export.
            directory: The partition's directory name.
            run_id: The run that writes.
            expected_run_id: The run whose generation must be current, None for none; `ANY`: any.
            estimated_bytes: Room the parts will need; 0 where nobody knows.
            timeout: Seconds to wait for the lock.
            replace_damaged: Replace a generation whose manifest is damaged, starting again at
                generation 1.
            replace_unproven: Replace files without a manifest as well.
            places: The directories of the export, where they are made for several partitions.

        Raises:
            DestLocked: Another run holds the partition.
            DestConflict: The current generation is not the expected one, or files without a
                manifest are in the way.
            NoSpace: The disk has no room for the estimate.
            DestPermission: The directory cannot be written.
            IntegrityError: The manifest of the current generation is damaged.
        """
        path = self.partition_path(key, directory)
        subject = f"{key}/{directory}"
        with self._hold(key, directory, run_id, timeout=timeout, places=places) as held:
            with translating(subject):
                check_space(held.dir_fd, subject=subject, estimated_bytes=estimated_bytes)
                previous = None
                new = not is_there(directory, dir_fd=held.dir_fd)
                if not (new or (replace_unproven and has_no_manifest(path))):
                    previous = self._previous(path, subject, replace_damaged=replace_damaged)
                _check_expected(previous, expected_run_id, subject)
                staging = self._staging(key, directory, run_id, held=held, previous=previous)
            try:
                yield staging
            finally:
                staging.discard()

    def _staging(
        self,
        key: ExportKey,
        directory: str,
        run_id: str,
        *,
        held: "_Held",
        previous: Manifest | None,
    ) -> Staging:
        return Staging(
            modes=self._modes_of(key),
            key=key,
            directory=directory,
            target=self.partition_path(key, directory),
            dir_fd=held.dir_fd,
            staging=staging_dir(self.root, key),
            staging_fd=held.staging_fd,
            target_sync=held.places.target_sync,
            staging_sync=held.places.staging_sync,
            run_id=run_id,
            previous=previous,
            filesystem=self._filesystem,
        )

    def remove(
        self,
        key: ExportKey,
        directory: str,
        run_id: str,
        *,
        expected_run_id: str | Unchecked | None = ANY,
        timeout: float = 0.0,
    ) -> bool:
        """Unpublish a partition in one step and delete it; False where there was none.

        Raises:
            DestLocked: Another run holds the partition.
            DestConflict: The current generation is not the expected one.
            DestPermission: The directory cannot be written.
        """
        path = self.partition_path(key, directory)
        subject = f"{key}/{directory}"
        fs = self._filesystem
        if not path.parent.is_dir():
            return False
        with self._hold(key, directory, run_id, timeout=timeout) as held:
            with translating(subject):
                if not path.exists():
                    held.lock.retire()
                    return False
                if expected_run_id is not ANY:
                    previous = self._previous(path, subject, replace_damaged=False)
                    _check_expected(previous, expected_run_id, subject)
                doomed = staging_name(directory, run_id)
                fs.rename_new(directory, doomed, dir_fd=held.staging_fd, from_fd=held.dir_fd)
                fs.at("unpublished")
                fs.fsync(held.dir_fd)
                fs.fsync(held.staging_fd)
                fs.remove_tree(doomed, dir_fd=held.staging_fd)
                fs.fsync(held.staging_fd)
            held.lock.retire()
        return True

    def sweep(
        self, source: str | None = None, table: str | None = None, fmt: str | None = None
    ) -> list[Path]:
        """Put right what dead runs left below the root; live runs are left alone.

        Args:
            source: Only what they left of this source, by its true name.
            table: Only of this table.
            fmt: Only of this format.

        Returns:
            The paths of what was moved back or removed.
        """
        swept: list[Path] = []
        found = scan_exports(self.root / STAGING, source=source, table=table, fmt=fmt)
        for staging in found:
            with translating(str(staging)), directory_fd(staging) as staging_fd:
                partitions = {item.partition for item in leftovers(staging_fd)}
            key = ExportKey(*staging.parts[-3:])
            for partition in sorted(partitions):
                with suppress(DestLocked):
                    swept += self._sweep_one(key, partition, staging)
        return swept

    def _sweep_one(self, key: ExportKey, partition: str, staging: Path) -> list[Path]:
        with self._hold(key, partition, "sweep", timeout=0.0) as held:
            return [staging / leftover.name for leftover in held.recovered]

    @contextmanager
    def _hold(
        self,
        key: ExportKey,
        directory: str,
        run_id: str,
        *,
        timeout: float,
        places: Places | None = None,
    ) -> Iterator["_Held"]:
        """Hold the lock of a partition and its parent directory, recovered from any crash."""
        subject = f"{key}/{directory}"
        lock = lock_path(self.root, key, directory)
        fs = self._filesystem
        with ExitStack() as stack:
            if places is None:
                places = stack.enter_context(self.places(key))
            with translating(subject):
                dir_fd, staging_fd = stack.enter_context(places.opened(subject))
                held_lock = stack.enter_context(
                    partition_lock(lock, timeout=timeout, holder=run_id, subject=subject)
                )
                recovered = recover(directory, dir_fd=dir_fd, staging_fd=staging_fd, filesystem=fs)
            yield _Held(
                places=places,
                dir_fd=dir_fd,
                staging_fd=staging_fd,
                lock=held_lock,
                recovered=recovered,
            )

    def _previous(self, path: Path, subject: str, *, replace_damaged: bool) -> Manifest | None:
        """Return the current generation's manifest, refusing to replace what is not ours."""
        refuse_links(self.root, path / MANIFEST_NAME)
        try:
            previous = read_if_there(path)
        except IntegrityError:
            if replace_damaged:
                return None
            raise
        if previous is None and has_no_manifest(path):
            msg = f"{subject}: {path} holds files but no manifest; move it away first"
            raise DestConflict(msg)
        return previous


@dataclass(frozen=True, kw_only=True)
class _Held:
    """A partition in hand: its lock, its parent directory, what recovery dealt with."""

    places: Places
    dir_fd: int
    staging_fd: int
    lock: HeldLock
    recovered: list[Leftover]


def read_if_there(partition: Path) -> Manifest | None:
    """Return the manifest of the partition at *partition*, or None where there is none.

    Raises:
        IntegrityError: There is one, and it is damaged.
    """
    path = partition / MANIFEST_NAME
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    return parse_manifest(data, path)


def _check_expected(
    previous: Manifest | None, expected: str | Unchecked | None, subject: str
) -> None:
    if isinstance(expected, Unchecked):
        return
    current = previous.run_id if previous else None
    if current != expected:
        is_now = f"is now by run {current}" if current else "is gone"
        was = f"the one of run {expected}" if expected else "no generation"
        msg = f"{subject}: planned on {was}, but the published one {is_now}"
        raise DestConflict(msg)
