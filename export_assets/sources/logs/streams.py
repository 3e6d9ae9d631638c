"""The bytes of a log file up to a fixed end: plain, or what a gzip file holds."""

import errno
import os
import zlib
from dataclasses import dataclass
from typing import Final, Protocol

from export_assets.errors import SourceChanged

CHUNK: Final = 1 << 20
GZIP_MAGIC: Final = b"\x1f\x8b"

_GZIP_WINDOW = 31  # zlib: the largest window, with a gzip header


@dataclass(frozen=True, kw_only=True)
class Damage:
    """Why a stream ended before its end."""

    reason: str
    """`gzip_truncated` or `gzip_corrupt`."""
    detail: str


class Stream(Protocol):
    """Bytes read once, from front to back."""

    damage: Damage | None
    """Set when `read` came to a place past which nothing can be read."""

    def read(self, size: int) -> bytes:
        """Return 1 to *size* bytes, none at the end."""

    def skip_nuls(self) -> int:
        """Pass the NUL bytes that come next and return how many there were."""


class FileStream:
    """The bytes `[start, end)` of an open file, whose own position stays where it is."""

    def __init__(self, descriptor: int, *, start: int = 0, end: int, name: str = "log") -> None:
        self.damage: Damage | None = None
        self._descriptor = descriptor
        self._at = start
        self._end = end
        self._name = name

    def read(self, size: int) -> bytes:
        """Return 1 to *size* bytes, none at the end.

        Raises:
            SourceChanged: The file was cut shorter than *end* while it was read.
        """
        wanted = min(size, self._end - self._at)
        if wanted <= 0:
            return b""
        data = os.pread(self._descriptor, wanted, self._at)
        if not data:
            msg = f"{self._name}: cut to {self._at} bytes while it was read up to {self._end}"
            raise SourceChanged(msg)
        self._at += len(data)
        return data

    def skip_nuls(self) -> int:
        """Pass the NUL bytes that come next, holes of sparse files without reading them."""
        begin = self._at
        while self._at < self._end:
            self._skip_hole()
            data = self.read(CHUNK)
            rest = len(data.lstrip(b"\0"))
            self._at -= rest
            if rest:
                break
        return self._at - begin

    def _skip_hole(self) -> None:
        if not hasattr(os, "SEEK_DATA"):  # some platforms cannot tell holes
            return
        try:
            data_at = os.lseek(self._descriptor, self._at, os.SEEK_DATA)
        except OSError as error:
            # ENXIO: nothing but a hole up to the end; anything else: holes cannot be told here.
            data_at = self._end if error.errno == errno.ENXIO else self._at
        self._at = max(self._at, min(data_at, self._end))


class GzipStream:
    """What the gzip members in *inner* hold, up to the first damage, from byte *start* on."""

    def __init__(self, inner: Stream, *, start: int = 0) -> None:
        self.damage: Damage | None = None
        self._inner = inner
        self._left = b""
        self._held = b""
        self._member = zlib.decompressobj(_GZIP_WINDOW)
        self._members = 0
        self._in_member = False
        self._pass(start)

    def read(self, size: int) -> bytes:
        """Return 1 to *size* bytes, none at the end or where the damage is."""
        if self._held:
            data, self._held = self._held[:size], self._held[size:]
            return data
        while self.damage is None:
            if not self._left:
                self._left = self._inner.read(CHUNK)
            ended = not self._left
            data = self._expand(size) if self._in_member or not ended else b""
            if data:
                return data
            if ended:
                if self._in_member and self.damage is None:
                    self._spoil("gzip_truncated", "the file ends within a gzip member")
                break
        return b""

    def skip_nuls(self) -> int:
        """Pass the NUL bytes that come next and return how many there were."""
        count = 0
        while data := self.read(CHUNK):
            self._held = data.lstrip(b"\0") + self._held
            count += len(data) - len(data.lstrip(b"\0"))
            if data.lstrip(b"\0"):
                break
        return count

    def _expand(self, size: int) -> bytes:
        if not self._in_member:
            # Tapes and some writers pad the end with zeros.
            self._left = self._left.lstrip(b"\0") if self._members else self._left
            if not self._left:
                return b""
            self._member = zlib.decompressobj(_GZIP_WINDOW)
            self._in_member = True
        try:
            data = self._member.decompress(self._left, size)
        except zlib.error as error:
            self._spoil("gzip_corrupt", f"member {self._members + 1}: {error}")
            return b""
        self._left = self._member.unconsumed_tail
        if self._member.eof:
            self._left = self._member.unused_data
            self._in_member = False
            self._members += 1
        return data

    def _spoil(self, reason: str, detail: str) -> None:
        self.damage = Damage(reason=reason, detail=detail)

    def _pass(self, count: int) -> None:
        while count and (data := self.read(min(count, CHUNK))):
            count -= len(data)


def open_stream(descriptor: int, *, start: int = 0, end: int, name: str = "log") -> Stream:
    """Return the content of an open log file, gzip told by its first bytes and not by its name.

    Args:
        descriptor: The file, open for reading.
        start: Where to begin, counted in the content (in what a gzip file holds).
        end: Size of the file on disk that is looked at, fixed once by the caller.
        name: The file's name, for messages.
    """
    if os.pread(descriptor, len(GZIP_MAGIC), 0) == GZIP_MAGIC and end >= len(GZIP_MAGIC):
        return GzipStream(FileStream(descriptor, end=end, name=name), start=start)
    return FileStream(descriptor, start=start, end=end, name=name)
