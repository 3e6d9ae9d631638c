r"""A stream of bytes cut into records: lines that end with `\n`, and what is too large to hold.

Only `\n` parts lines. One `\r` before it belongs to the terminator; a byte order mark counts as
such at offset 0 alone. A record's bytes are `[offset, offset + length)` with its terminator, so
that the lengths of all records add up to the bytes consumed.
"""

import hashlib
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from export_assets.sources.logs.blocks import LineBlock, Places, cut_lines
from export_assets.sources.logs.streams import Stream

BOM: Final = b"\xef\xbb\xbf"
MAX_LINE_BYTES: Final = 16 << 20
BLOCK_BYTES: Final = 4 << 20
HEAD_BYTES: Final = 4096


@dataclass(frozen=True, kw_only=True, slots=True)
class Lines:
    """A stretch of whole lines."""

    offset: int
    data: bytes
    """The lines as they are in the file; the last one may lack its terminator if it was sealed."""

    def cut(self) -> tuple[LineBlock, Places]:
        """Return each line's content, and its bytes with terminator and byte order mark.

        The latter add up to the bytes of `data`.
        """
        return cut_lines(self.data, BOM if self.offset == 0 else b"")

    def split(self) -> tuple[list[bytes], list[int]]:
        """Return the same as plain lists."""
        lines, lengths = self.cut()
        return list(lines), lengths.tolist()

    def offsets(self, lengths: Places) -> Places:
        """Return where each line begins, by the *lengths* that `cut` returns."""
        return self.offset + np.cumsum(lengths) - lengths


@dataclass(frozen=True, kw_only=True, slots=True)
class Unread:
    """A record known by its place alone: a line too long to hold, or a run of NUL bytes."""

    offset: int
    length: int
    reason: Literal["too_long", "nul_run"]
    sha256: str | None
    """Of all its bytes; None for NULs, which are known without."""
    head: bytes
    """Its first 4 KB; empty for NULs."""


class Framer:
    r"""Cuts *stream* into records; what is left over at the end is `pending`.

    Args:
        stream: The bytes.
        offset: Where in the file the stream begins.
        max_line_bytes: Longer lines are passed by reference, in bounded memory.
        block_bytes: How much is read at once.
        sealed: Nothing will be appended any more: the last line counts without its `\n`.
    """

    def __init__(
        self,
        stream: Stream,
        *,
        offset: int = 0,
        max_line_bytes: int = MAX_LINE_BYTES,
        block_bytes: int = BLOCK_BYTES,
        sealed: bool = False,
    ) -> None:
        self.offset = offset
        """The end of the last record given out: how far the file is consumed."""
        self.pending = 0
        """Bytes after `offset` that are no whole record yet; known at the end."""
        self._stream = stream
        self._longest = max_line_bytes
        self._block = block_bytes
        self._sealed = sealed

    def __iter__(self) -> Iterator[Lines | Unread]:
        """Give out the records in order of offset."""
        carry = b""
        while chunk := self._stream.read(self._block):
            carry = yield from self._take(carry, chunk)
        while b"\n" in carry or carry.startswith(b"\0") or len(carry) > self._longest:
            carry = yield from self._take(b"", carry)
        if not carry:
            return
        if self._sealed:
            yield self._lines(carry)
        else:
            self.pending += len(carry)

    def _take(self, carry: bytes, chunk: bytes) -> Generator[Lines | Unread, None, bytes]:
        """Give out the whole records in *carry* and *chunk*; return the rest, part of a line."""
        data, cut = chunk, chunk.rfind(b"\n") + 1
        if not cut:
            data = carry + chunk
            carry, cut = b"", data.rfind(b"\n") + 1
        if cut:
            # Copied once, megabytes that they are.
            whole, data = b"".join((carry, memoryview(data)[:cut])), data[cut:]
            if len(whole) > self._longest or b"\0" in whole:
                yield from self._one_by_one(whole)
            else:
                yield self._lines(whole)
        if data.startswith(b"\0"):
            data = yield from self._pass_nuls(data)
        elif len(data) > self._longest:
            data = yield from self._pass_line(data)
        return data

    def _one_by_one(self, whole: bytes) -> Iterator[Lines | Unread]:
        begin = at = 0
        while at < len(whole):
            end = whole.index(b"\n", at) + 1
            body = whole[at:end].lstrip(b"\0")
            nuls = end - at - len(body)
            if nuls or len(body) > self._longest:
                if begin < at:
                    yield self._lines(whole[begin:at])
                if nuls:
                    yield self._nuls(nuls)
                begin = at + nuls
            if len(body) > self._longest:
                yield self._too_long(len(body), hashlib.sha256(body), body)
                begin = end
            at = end
        if begin < len(whole):
            yield self._lines(whole[begin:])

    def _pass_nuls(self, data: bytes) -> Generator[Lines | Unread, None, bytes]:
        rest = data.lstrip(b"\0")
        count = len(data) - len(rest)
        if not rest:
            count += self._stream.skip_nuls()
            rest = self._stream.read(self._block)
        if rest or self._sealed:
            yield self._nuls(count)
        else:
            self.pending = count
        return rest

    def _pass_line(self, data: bytes) -> Generator[Lines | Unread, None, bytes]:
        digest, head, length = hashlib.sha256(data), data, len(data)
        while chunk := self._stream.read(self._block):
            end = chunk.find(b"\n") + 1
            digest.update(chunk[:end] if end else chunk)
            length += end or len(chunk)
            if end:
                yield self._too_long(length, digest, head)
                return chunk[end:]
        if self._sealed:
            yield self._too_long(length, digest, head)
        else:
            self.pending = length
        return b""

    def _lines(self, data: bytes) -> Lines:
        lines = Lines(offset=self.offset, data=data)
        self.offset += len(data)
        return lines

    def _nuls(self, count: int) -> Unread:
        at, self.offset = self.offset, self.offset + count
        return Unread(offset=at, length=count, reason="nul_run", sha256=None, head=b"")

    def _too_long(self, length: int, digest: "hashlib._Hash", head: bytes) -> Unread:
        at, self.offset = self.offset, self.offset + length
        return Unread(
            offset=at,
            length=length,
            reason="too_long",
            sha256=digest.hexdigest(),
            head=head[:HEAD_BYTES],
        )


def lines_of(framer: Framer) -> Iterator[tuple[int, int, bytes | Unread]]:
    """Give out offset, length and content of each record of *framer*."""
    for record in framer:
        if isinstance(record, Unread):
            yield record.offset, record.length, record
        else:
            lines, lengths = record.cut()
            offsets = record.offsets(lengths).tolist()
            yield from zip(offsets, lengths.tolist(), lines, strict=True)
