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
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes: the header of a member is written again when its size is known."""
        return True

    def write(self, data: "bytes | memoryview", /) -> int:  # type: ignore[override]  # any buffer is one of the two here
        """Write some of *data* and return how many bytes."""
        return self._filesystem.write(self._fd, data)

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Go to *offset* and return where that is."""
        return os.lseek(self._fd, offset, whence)
