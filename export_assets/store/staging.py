"""One partition being written: parts into a hidden directory, then visible in one step."""

import errno
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from export_assets.errors import DestConflict, IntegrityError
from export_assets.store.durable import create, put_in_place, sync
from export_assets.store.filesystem import Filesystem
from export_assets.store.hashing import hash_file
from export_assets.store.layout import ExportKey, aside_name, staging_name
from export_assets.store.manifest import (
    MANIFEST_NAME,
    FileRecord,
    Manifest,
    encode_manifest,
    seal_manifest,
)
from export_assets.store.places import SharedSync
from export_assets.store.recovery import is_there
from export_assets.translate import translating


@dataclass(frozen=True, kw_only=True)
class Modes:
    """Permissions of what is published, before the umask takes some away."""

    file: int
    directory: int


SHARED = Modes(file=0o640, directory=0o750)
PRIVATE = Modes(file=0o600, directory=0o700)
"""Of what is for its owner's eyes only."""


class Staging:
    """A partition being written by the run that holds its lock.

    Attributes:
        path: The directory to write parts into; mode 0700 until published.
        previous: The manifest of the published generation, None where there is none.
        run_id: The run that writes.
    """

    def __init__(
        self,
        *,
        key: ExportKey,
        directory: str,
        target: Path,
        dir_fd: int,
        staging: Path,
        staging_fd: int,
        run_id: str,
        previous: Manifest | None,
        filesystem: Filesystem,
        modes: Modes = SHARED,
        target_sync: SharedSync | None = None,
        staging_sync: SharedSync | None = None,
    ) -> None:
        """Make the directory; syncs are shared by those that publish in the same places."""
        self.key = key
        self.directory = directory
        self.previous = previous
        self.run_id = run_id
        self.path = staging / staging_name(directory, run_id)
        self.target = target
        self._dir_fd = dir_fd
        self._staging_fd = staging_fd
        self._target_sync = target_sync or SharedSync()
        self._staging_sync = staging_sync or SharedSync()
        self._filesystem = filesystem
        self._modes = modes
        self._staged = True
        filesystem.mkdir(self.path.name, dir_fd=staging_fd, mode=0o700)
        filesystem.at("staged")

    @property
    def subject(self) -> str:
        """How messages call the partition."""
        return f"{self.key}/{self.directory}"

    def record(self, name: str, *, rows: int) -> FileRecord:
        """Hash the staged part *name* and return its entry for the manifest."""
        size, sha256 = hash_file(self.path / name)
        return FileRecord(path=name, bytes=size, rows=rows, sha256=sha256)

    def publish(self, manifest: Manifest) -> Manifest:
        """Make the staged parts the partition and return the manifest as it was published.

        `generation`, `previous_run_id` and `run_id` are filled in here.

        Raises:
            IntegrityError: The staged files are not those the manifest lists.
            DestConflict: The staging directory is no longer where it was made.
            ExportError: The disk refused; the partition is as it was, unless the message says
                that only syncing its directory failed.
        """
        with translating(self.subject):
            self._check_place()
            self._check_files(manifest)
            final = self._numbered(manifest)
            self._make_durable(final)
            self._commit()
        self._remove_old()
        return final

    def discard(self) -> None:
        """Remove what was staged. Does nothing after `publish`, or the second time."""
        if self._staged:
            self._staged = False
            # What cannot be removed now is swept by the next run; the error that brought us
            # here matters more.
            self._remove_tree()

    def _check_place(self) -> None:
        """Refuse when somebody swapped a directory of the path for another one."""
        staged = os.stat(self.path.name, dir_fd=self._staging_fd, follow_symlinks=False)
        for path, opened in (self.path, staged), (self.target.parent, os.fstat(self._dir_fd)):
            try:
                there = path.stat(follow_symlinks=False)
            except OSError as error:
                msg = f"{self.subject}: {path} was moved while it was written"
                raise DestConflict(msg) from error
            if not os.path.samestat(opened, there):
                msg = f"{self.subject}: {path} was replaced while it was written"
                raise DestConflict(msg)

    def _check_files(self, manifest: Manifest) -> None:
        staged = dict(walk(self.path))
        listed = {record.path: record.bytes for record in manifest.listed}
        if len(listed) != len(manifest.listed):
            msg = f"{self.subject}: its manifest lists a file twice"
            raise IntegrityError(msg)
        if staged.keys() != listed.keys():
            names = ", ".join(sorted(staged.keys() ^ listed.keys()))
            msg = f"{self.subject}: staged files and manifest differ: {names}"
            raise IntegrityError(msg)
        for name, size in listed.items():
            if staged[name] != size:
                msg = f"{self.subject}: {name} has {staged[name]} bytes, its manifest says {size}"
                raise IntegrityError(msg)

    def _numbered(self, manifest: Manifest) -> Manifest:
        before = self.previous
        numbered = msgspec.structs.replace(
            manifest,
            generation=before.generation + 1 if before else 1,
            previous_run_id=before.run_id if before else None,
            run_id=self.run_id,
        )
        return seal_manifest(numbered)

    def _make_durable(self, manifest: Manifest) -> None:
        fs = self._filesystem
        staged_fd = fs.open(
            self.path.name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=self._staging_fd
        )
        try:
            for name, _ in walk(self.path):
                sync(name, dir_fd=staged_fd, mode=self._modes.file, filesystem=fs)
            for name in sorted(_directories(self.path), reverse=True):
                sync(name, dir_fd=staged_fd, mode=self._modes.directory, filesystem=fs)
            fs.at("parts_synced")
            data = encode_manifest(manifest)
            create(MANIFEST_NAME, data, dir_fd=staged_fd, mode=self._modes.file, filesystem=fs)
            fs.at("manifest_synced")
        finally:
            os.close(staged_fd)
        sync(self.path.name, dir_fd=self._staging_fd, mode=self._modes.directory, filesystem=fs)
        fs.at("staging_synced")

    def _commit(self) -> None:
        fs = self._filesystem
        name = self.path.name
        if is_there(self.directory, dir_fd=self._dir_fd):
            aside = aside_name(self.directory, self.run_id)
            put_in_place(
                name,
                self.directory,
                aside,
                dir_fd=self._dir_fd,
                staging_fd=self._staging_fd,
                filesystem=fs,
            )
        else:
            fs.rename_new(name, self.directory, dir_fd=self._dir_fd, from_fd=self._staging_fd)
        self._staged = False
        fs.at("published")
        self._target_sync.sync(self._dir_fd, fs)
        self._staging_sync.sync(self._staging_fd, fs)
        fs.at("parent_synced")

    def _remove_old(self) -> None:
        # Published is published: an old generation that cannot be removed is swept later.
        self._remove_tree()
        self._filesystem.at("old_removed")

    def _remove_tree(self) -> None:
        # Once more after an error that passes, such as of too many open files: the next run may
        # find nothing changed, and not come here.
        for _ in range(2):
            with suppress(OSError):
                self._filesystem.remove_tree(self.path.name, dir_fd=self._staging_fd)
                return


def walk(path: Path, prefix: str = "") -> Iterator[tuple[str, int]]:
    """Yield (relative name, bytes) of every file below *path*, in order of name.

    Raises:
        OSError: Something there is neither a file nor a directory.
    """
    with os.scandir(path) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    for entry in found:
        if entry.is_dir(follow_symlinks=False):
            yield from walk(path / entry.name, f"{prefix}{entry.name}/")
        elif entry.is_file(follow_symlinks=False):
            yield f"{prefix}{entry.name}", entry.stat(follow_symlinks=False).st_size
        else:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), entry.path)


def _directories(path: Path, prefix: str = "") -> Iterator[str]:
    with os.scandir(path) as entries:
        names = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    for name in names:
        yield f"{prefix}{name}"
        yield from _directories(path / name, f"{prefix}{name}/")
