"""Moving one proven file to the trash, so that what anybody appends meanwhile is not lost."""

import errno
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from export_assets.archives.content import open_below
from export_assets.archives.fingerprint import hash_descriptor
from export_assets.archives.offload.lease import Lease, lease
from export_assets.archives.offload.ledger import LedgerMember
from export_assets.archives.offload.request import TRASH, SkipReason
from export_assets.store.durable import subdirectory
from export_assets.store.filesystem import Filesystem


@dataclass(kw_only=True)
class Remover:
    """Moves files of one archive away from one source directory."""

    root: Path
    archive: str
    ingested: Callable[[str, int], bool]
    filesystem: Filesystem
    touched: set[tuple[str, ...]] = field(default_factory=set)
    """Directories below the root with changes that are not durable yet."""

    def remove(self, path: str, member: LedgerMember) -> SkipReason | None:
        """Move the file at *path* away if it is *member* still; return why not, or None.

        Raises:
            OSError: It cannot be moved for a reason that will concern the others, too.
        """
        try:
            fd = open_below(self.root, path)
        except FileNotFoundError:
            return "missing"
        except OSError:
            return "changed"
        try:
            with lease(fd) as held:
                return "in_use" if held is None else self._remove(fd, path, member, held)
        finally:
            os.close(fd)

    def sync(self) -> None:
        """Make everything moved so far durable."""
        for parts in sorted(self.touched):
            with subdirectory(self.root, parts, filesystem=self.filesystem, create=False) as fd:
                self.filesystem.fsync(fd)
        self.touched.clear()

    def _remove(self, fd: int, path: str, member: LedgerMember, held: Lease) -> SkipReason | None:
        reason = still_the_same(fd, member, held)
        if reason is None and not self.ingested(path, member.bytes):
            reason = "not_ingested"
        if reason is not None:
            return reason
        *parents, name = path.split("/")
        here, trash = tuple(parents), (TRASH, self.archive, *parents)
        with (
            subdirectory(self.root, here, filesystem=self.filesystem, create=False) as dir_fd,
            subdirectory(self.root, trash, filesystem=self.filesystem, create=True) as trash_fd,
        ):
            if not is_named(fd, name, dir_fd=dir_fd):
                return "changed"
            reason = self._move(name, held, dir_fd=dir_fd, trash_fd=trash_fd)
        self.touched |= {here, trash}
        return reason

    def _move(self, name: str, held: Lease, *, dir_fd: int, trash_fd: int) -> SkipReason | None:
        try:
            self.filesystem.rename_new(name, name, dir_fd=trash_fd, from_fd=dir_fd)
        except FileExistsError:
            return "in_trash"
        except OSError as error:
            if error.errno == errno.EXDEV:
                return "other_device"
            raise
        self.filesystem.at("trashed")
        # Whoever opened it by its name did so before the rename, and is waiting for our lease.
        if not held.is_ours_alone():
            self.filesystem.rename_new(name, name, dir_fd=dir_fd, from_fd=trash_fd)
            return "in_use"
        return None


def still_the_same(fd: int, member: LedgerMember, held: Lease) -> SkipReason | None:
    """Return why the file open at *fd* is not *member*, or may not be; None where it is."""
    if os.fstat(fd).st_size != member.bytes:
        return "changed"
    found = hash_descriptor(fd, go_on=held.is_ours_alone if held.leased else lambda: True)
    if not held.is_ours_alone():
        return "in_use"
    return None if found == (member.bytes, member.sha256) else "changed"


def is_named(fd: int, name: str, *, dir_fd: int) -> bool:
    """Whether *name* in *dir_fd* leads to the file open at *fd*."""
    try:
        there = os.stat(name, dir_fd=dir_fd, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return os.path.samestat(there, os.fstat(fd))
