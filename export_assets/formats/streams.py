"""Bytes to and from text files, compressed or not, in fixed blocks.

What is written is cut into blocks of `BLOCK_BYTES` before it reaches the codec, so the file does
not depend on how the rows were cut into batches. A zstd file is a row of frames, one a block.
"""

import io
import os
import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, cast

import pyarrow as pa

from export_assets.errors import IntegrityError

BLOCK_BYTES = 4 << 20
READ_BYTES = 2 << 20
"""What is parsed at a time; half of it costs CPU time, twice as much only memory."""

ROWS_AT_ONCE = 16_384
"""Rows to turn into text at a time: enough for speed, few enough to hold their text."""

_ERRNO_IN_WORDS = re.compile(r"\(os error (\d+)\)")

_GZIP_WINDOW = 31
"""zlib's own number for a gzip header, which then holds no time and no name."""

Bytes = bytes | memoryview


class TextSink:
    """A new file that takes text as UTF-8 bytes and compresses it on the way."""

    def __init__(self, path: Path, *, codec: str, level: int | None) -> None:
        self._file = path.open("xb")
        self._pending = bytearray()
        self._gzip: Any = None
        self._zstd: Any = None
        if codec == "gzip":
            self._gzip = zlib.compressobj(level if level is not None else -1, wbits=_GZIP_WINDOW)
        elif codec == "zstd":
            self._zstd = pa.Codec("zstd", compression_level=level)
        self._plain = codec == "none"
        self._blocks = 0

    def write(self, data: Bytes) -> None:
        """Append *data*."""
        if self._plain:
            self._file.write(data)
            return
        self._pending += data
        if len(self._pending) >= BLOCK_BYTES:
            whole = len(self._pending) // BLOCK_BYTES * BLOCK_BYTES
            with memoryview(self._pending) as view:
                for start in range(0, whole, BLOCK_BYTES):
                    self._compress(view[start : start + BLOCK_BYTES])
            del self._pending[:whole]

    def write_with(self, write: Callable[[IO[bytes]], object]) -> None:
        """Append what *write* writes, straight into the file where nothing compresses it."""
        if not self._plain:
            buffer = io.BytesIO()
            write(buffer)
            self.write(buffer.getbuffer())
            return
        self._file.flush()
        try:
            write(cast("IO[bytes]", self._file.raw))
        except OSError as error:
            raise _numbered(error) from error

    def close(self) -> None:
        """Write what is pending and close the file."""
        if self._file.closed:
            return
        try:
            if not self._plain and (self._pending or not self._blocks):
                self._compress(memoryview(bytes(self._pending)))
            if self._gzip is not None:
                self._file.write(self._gzip.flush())
        except BaseException:
            self.abort()
            raise
        self._file.close()

    def abort(self) -> None:
        """Close the file without finishing it."""
        self._pending.clear()
        # A full disk is reported again when the buffer is flushed; the file is given up anyway.
        with suppress(OSError):
            self._file.close()

    def _compress(self, block: memoryview) -> None:
        self._blocks += 1
        if self._gzip is not None:
            self._file.write(self._gzip.compress(block))
        else:
            self._file.write(self._zstd.compress(block, asbytes=True))


def _numbered(error: OSError) -> OSError:
    """Return *error* with its errno, which Polars only puts in words."""
    found = _ERRNO_IN_WORDS.search(str(error))
    if error.errno is not None or found is None:
        return error
    code = int(found[1])
    return OSError(code, os.strerror(code))


def read_blocks(path: Path, *, codec: str) -> Iterator[bytes]:
    """Yield the decompressed content of *path* in blocks.

    Raises:
        IntegrityError: The compressed stream is damaged or cut.
    """
    if codec == "none":
        with path.open("rb") as file:
            while block := file.read(READ_BYTES):
                yield block
        return
    if path.stat().st_size == 0:
        msg = f"{path.name}: the {codec} stream is empty"
        raise IntegrityError(msg)
    with pa.OSFile(str(path)) as raw, pa.CompressedInputStream(raw, codec) as stream:
        while True:
            try:
                block = stream.read(READ_BYTES)
            except OSError as error:
                msg = f"{path.name}: the {codec} stream is damaged or cut"
                raise IntegrityError(msg) from error
            if not block:
                return
            yield block


def read_records(
    blocks: Iterator[bytes], *, end: Callable[[bytes], int], cut: str | None = None
) -> Iterator[bytes]:
    """Yield runs of whole records: *end* gives the length of the whole records at the front.

    The last run is what is left over, unless *cut* says what that means.

    Raises:
        IntegrityError: Something is left over; *cut* is the message.
    """
    rest = b""
    for block in blocks:
        buffer = rest + block
        whole = end(buffer)
        if whole:
            yield buffer[:whole]
        rest = buffer[whole:]
    if rest:
        if cut is not None:
            raise IntegrityError(cut)
        yield rest
