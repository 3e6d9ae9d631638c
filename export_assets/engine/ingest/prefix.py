"""Fingerprints of the beginning of a log's content: what tells which content a file holds."""

import hashlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from export_assets.errors import SourceChanged
from export_assets.sources.logs.streams import (
    CHUNK,
    GZIP_MAGIC,
    Damage,
    FileStream,
    GzipStream,
    Stream,
)

FULL: Final = "full:"
"""How a fingerprint of all bytes begins; their SHA-256 follows."""
WHOLE_BYTES: Final = 256 << 20
HEAD_BYTES: Final = 1 << 20
TAIL_BYTES: Final = 64 << 10


@dataclass(frozen=True, kw_only=True)
class Survey:
    """What is known of a file's content after it was passed once."""

    length: int
    """Bytes of the content; of a gzip file, up to the first damage."""
    line_end: int
    """Where the last whole line ends."""
    prints: Mapping[int, str]
    """Fingerprints of the bytes before the ends asked for, `line_end` and `length`."""
    gzip: bool
    damage: Damage | None = None
    hashed: Mapping[int, "hashlib._Hash"] = field(default_factory=dict)
    """By end asked for, the SHA-256 of all bytes before it, to be gone on with on a copy.

    None of ends beyond which a fingerprint is not of all bytes.
    """

    def going_on(self, start: int) -> "hashlib._Hash | None":
        """Return a hash of the bytes before *start*, to be fed with those behind it."""
        if start == 0:
            return hashlib.sha256()
        return self.hashed[start].copy() if start in self.hashed else None


def survey(
    descriptor: int, size: int, ends: Iterable[int], *, name: str, whole: int = WHOLE_BYTES
) -> Survey:
    """Pass the content of an open file of *size* bytes on disk.

    Args:
        descriptor: The file, open for reading.
        size: How much of it is looked at.
        ends: Where fingerprints are wanted; those beyond the content get none.
        name: The file's name, for messages.
        whole: Up to here a fingerprint is of all bytes.

    Raises:
        SourceChanged: The file was cut shorter than *size* meanwhile.
    """
    wanted = sorted(set(ends))
    packed = size >= len(GZIP_MAGIC) and os.pread(descriptor, len(GZIP_MAGIC), 0) == GZIP_MAGIC
    plain = FileStream(descriptor, end=size, name=name)
    if packed or size <= whole:
        stream: Stream = GzipStream(plain) if packed else plain
        return _pass(stream, wanted, whole=whole, gzip=packed)
    line_end = _last_line_end(descriptor, size, name)
    prints: dict[int, str] = {}
    inside = [end for end in {*wanted, line_end, size} if 0 < end <= size]
    near = sorted(end for end in inside if end <= whole)
    hashed: Mapping[int, hashlib._Hash] = {}
    if near:
        begin = _pass(FileStream(descriptor, end=near[-1], name=name), near, whole=whole)
        prints.update(begin.prints)
        hashed = begin.hashed
    head = _exactly(descriptor, 0, min(HEAD_BYTES, size), name)
    for end in inside:
        if end > whole:
            tail = _exactly(descriptor, max(0, end - TAIL_BYTES), end, name)
            prints[end] = _of_ends(head[:end], tail, end)
    return Survey(length=size, line_end=line_end, prints=prints, gzip=False, hashed=hashed)


class _Rolling:
    """The fingerprint of everything fed so far."""

    def __init__(self, whole: int) -> None:
        self.at = 0
        self._whole = whole
        self._digest = hashlib.sha256()
        self._head = b""
        self._tail = b""

    def feed(self, data: bytes) -> None:
        if self.at <= self._whole:
            self._digest.update(data)
        if len(self._head) < HEAD_BYTES:
            self._head += data[: HEAD_BYTES - len(self._head)]
        self._tail = (self._tail + data[-TAIL_BYTES:])[-TAIL_BYTES:]
        self.at += len(data)

    def hashed(self) -> "hashlib._Hash | None":
        return self._digest.copy() if self.at <= self._whole else None

    def text(self) -> str:
        if self.at <= self._whole:
            return f"{FULL}{self._digest.hexdigest()}"
        return _of_ends(self._head, self._tail, self.at)


def _pass(stream: Stream, ends: list[int], *, whole: int, gzip: bool = False) -> Survey:
    rolling, prints = _Rolling(whole), dict[int, str]()
    hashed: dict[int, hashlib._Hash] = {}
    line_end, line_print = 0, ""
    wanted = set(ends)
    waiting = [end for end in reversed(ends) if end > 0]
    while chunk := stream.read(CHUNK):
        base, fed = rolling.at, 0
        cuts = {chunk.rfind(b"\n") + 1, len(chunk)} - {0}
        while waiting and waiting[-1] <= base + len(chunk):
            cuts.add(waiting.pop() - base)
        for cut in sorted(cuts):
            rolling.feed(chunk[fed:cut])
            fed = cut
            prints[rolling.at] = rolling.text()
            if rolling.at in wanted and (state := rolling.hashed()):
                hashed[rolling.at] = state
        newline = chunk.rfind(b"\n") + 1
        if newline:
            line_end, line_print = base + newline, prints[base + newline]
    kept = {end: prints[end] for end in (*ends, rolling.at) if end in prints}
    if line_end:
        kept[line_end] = line_print
    return Survey(
        length=rolling.at,
        line_end=line_end,
        prints=kept,
        gzip=gzip,
        damage=stream.damage,
        hashed=hashed,
    )


def _of_ends(head: bytes, tail: bytes, length: int) -> str:
    digest = hashlib.sha256(head)
    digest.update(tail)
    digest.update(str(length).encode("ascii"))
    return f"ends:{digest.hexdigest()}"


def _last_line_end(descriptor: int, size: int, name: str) -> int:
    end = size
    while end:
        begin = max(0, end - CHUNK)
        found = _exactly(descriptor, begin, end, name).rfind(b"\n")
        if found >= 0:
            return begin + found + 1
        end = begin
    return 0


def _exactly(descriptor: int, begin: int, end: int, name: str) -> bytes:
    parts: list[bytes] = []
    while begin < end:
        data = os.pread(descriptor, end - begin, begin)
        if not data:
            msg = f"{name}: cut to {begin} bytes while it was read up to {end}"
            raise SourceChanged(msg)
        parts.append(data)
        begin += len(data)
    return b"".join(parts)
