"""Where restored files wait until all are proven: a directory in the target."""

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from export_assets.errors import DestLocked
from export_assets.store.durable import current_umask, directory, subdirectory
from export_assets.store.filesystem import Filesystem
from export_assets.store.layout import run_name

_PREFIX = ".export_assets_restore."
_SUFFIX = ".tmp"
_MODE = 0o640


@dataclass(kw_only=True)
class Staging:
    """An empty private directory in the target, on the same file system as the places."""

    target: Path
    name: str
    filesystem: Filesystem
    _touched: set[tuple[str, ...]] = field(default_factory=set)

    def write(self, number: int, content: Iterable[bytes], *, mtime_ns: int) -> None:
        """Write the file *number* durably, with its modification time."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        with self._open() as dir_fd:
            fd = self.filesystem.open(str(number), flags, dir_fd=dir_fd)
            try:
                for chunk in content:
                    left = memoryview(chunk)
                    while left:
                        left = left[self.filesystem.write(fd, left) :]
                self.filesystem.chmod(fd, _MODE & ~current_umask())
                os.utime(fd, ns=(mtime_ns, mtime_ns))
                self.filesystem.fsync(fd)
            finally:
                os.close(fd)

    def sync(self) -> None:
        """Make the names of the staged files durable."""
        with self._open() as dir_fd:
            self.filesystem.fsync(dir_fd)
        self.filesystem.at("staged")

    def put(self, number: int, path: str, *, replace: bool) -> str | None:
        """Put the file *number* at *path*; return what the one there before is called now.

        Raises:
            FileExistsError: Something came there meanwhile, or *replace* is off.
        """
        *parents, name = path.split("/")
        kept = None
        with (
            subdirectory(
                self.target, tuple(parents), filesystem=self.filesystem, create=True
            ) as dir_fd,
            self._open() as staging_fd,
        ):
            if replace:
                kept = self._set_aside(name, dir_fd=dir_fd)
            self.filesystem.rename_new(str(number), name, dir_fd=dir_fd, from_fd=staging_fd)
        self.filesystem.at("restored")
        self._touched.add(tuple(parents))
        return "/".join((*parents, kept)) if kept else None

    def sync_targets(self) -> None:
        """Make the names of the restored files durable."""
        for parts in sorted(self._touched):
            with subdirectory(
                self.target, parts, filesystem=self.filesystem, create=False
            ) as dir_fd:
                self.filesystem.fsync(dir_fd)

    def _set_aside(self, name: str, *, dir_fd: int) -> str:
        """Rename *name* to the first free `.bak`, `.bak2`, …; a crash here loses no content."""
        number = 1
        while True:
            kept = f"{name}.bak{number if number > 1 else ''}"
            try:
                self.filesystem.rename_new(name, kept, dir_fd=dir_fd)
            except FileExistsError:
                number += 1
            else:
                # The new name must be durable before the old one leads to another file.
                self.filesystem.fsync(dir_fd)
                self.filesystem.at("set_aside")
                return kept

    @contextmanager
    def _open(self) -> Iterator[int]:
        with subdirectory(
            self.target, (self.name,), filesystem=self.filesystem, create=False
        ) as dir_fd:
            yield dir_fd


@contextmanager
def staging_of(target: Path, *, run_id: str, filesystem: Filesystem) -> Iterator[Staging]:
    """Hold the target for this restore alone, and give a staging directory that goes away after.

    What a killed restore left is removed first.

    Raises:
        DestLocked: Another restore into *target* is running.
    """
    name = f"{_PREFIX}{run_name(run_id)}{_SUFFIX}"
    with directory(target) as dir_fd:
        try:
            fcntl.flock(dir_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            msg = f"{target}: another restore is running"
            raise DestLocked(msg) from error
        _sweep(target, dir_fd, filesystem)
        filesystem.mkdir(name, dir_fd=dir_fd, mode=0o700)
        try:
            yield Staging(target=target, name=name, filesystem=filesystem)
        finally:
            _sweep(target, dir_fd, filesystem)
            filesystem.fsync(dir_fd)


def _sweep(target: Path, dir_fd: int, filesystem: Filesystem) -> None:
    for path in sorted(target.glob(f"{_PREFIX}*{_SUFFIX}")):
        if path.is_dir() and not path.is_symlink():
            filesystem.remove_tree(path.name, dir_fd=dir_fd)
