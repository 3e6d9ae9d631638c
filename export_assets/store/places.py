"""The directories of one export: made once for all partitions that a run publishes there."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Lock

from export_assets.errors import DestPermission
from export_assets.store.durable import make_directory, subdirectory
from export_assets.store.filesystem import DIRECTORY_FLAGS, Filesystem
from export_assets.store.layout import LOCKS, STAGING, ExportKey


class SharedSync:
    """Syncs one directory for several threads: one sync serves all who asked before it began."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._begun = 0
        self._done = 0
        self._failed = False

    def sync(self, dir_fd: int, filesystem: Filesystem) -> None:
        """Make what was done in the directory so far durable; *dir_fd* is the caller's own."""
        begun = self._begun
        with self._lock:
            # After an error nobody relies on anybody: each open directory is told of it once.
            if self._done > begun and not self._failed:
                return
            self._begun += 1
            try:
                filesystem.fsync(dir_fd)
            except BaseException:
                self._failed = True
                raise
            self._done = self._begun


class Places:
    """Where partitions of an export are published and staged, held open once they are used.

    Held open, they stay the directories that were made durable, whatever becomes of their names.
    """

    def __init__(self, root: Path, key: ExportKey, filesystem: Filesystem, held: ExitStack) -> None:
        """Prepare to open them; *held* closes them."""
        self.target_sync = SharedSync()
        self.staging_sync = SharedSync()
        self._root = root
        self._key = key
        self._filesystem = filesystem
        self._held = held
        self._open: tuple[int, int] | None = None

    @contextmanager
    def opened(self, subject: str) -> Iterator[tuple[int, int]]:
        """Hold open, for *subject* alone, the directory of partitions and that of staging.

        An error of syncing is told once to each that has the directory open: no two share it.

        Raises:
            DestPermission: They are on two file systems.
            OSError: They cannot be made, or a symbolic link leads there.
        """
        if self._open is None:
            self._open = self._made(subject)
        with ExitStack() as stack:
            fds = []
            for shared in self._open:
                fds.append(os.open(".", DIRECTORY_FLAGS, dir_fd=shared))
                stack.callback(os.close, fds[-1])
            yield fds[0], fds[1]

    def _made(self, subject: str) -> tuple[int, int]:
        """Open the directories, making those that are missing."""
        parts = self._key.parts
        with ExitStack() as stack:
            make_directory(self._root)
            fds = [
                stack.enter_context(
                    subdirectory(
                        self._root,
                        (*above, *parts),
                        filesystem=self._filesystem,
                        create=True,
                        lasting=not above,
                    )
                )
                for above in ((LOCKS,), (), (STAGING,))
            ]
            if os.fstat(fds[1]).st_dev != os.fstat(fds[2]).st_dev:
                msg = f"{subject}: its directory is on another file system than {self._root}"
                raise DestPermission(msg)
            self._held.push(stack.pop_all())
        return fds[1], fds[2]
