"""What zipfile writes to: our own system calls, so that tests can make each of them fail."""

import io
import os

from export_assets.store.filesystem import Filesystem


class Sink(io.RawIOBase):
    """A file open for writing, as zipfile wants it."""

    def __init__(self, fd: int, filesystem: Filesystem) -> None:
        self._fd = fd
        self._filesystem = filesystem

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def write(self, data: "bytes | memoryview", /) -> int:  # type: ignore[override]  # any buffer is one of the two here
        return self._filesystem.write(self._fd, data)

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        return os.lseek(self._fd, offset, whence)
