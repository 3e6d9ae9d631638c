"""The bytes of one member of a zip, never more than it claims."""

import os
import zlib
from collections.abc import Iterator

from export_assets.archives.content import CHUNK
from export_assets.archives.zip_layout import DEFLATED, Stored
from export_assets.errors import IntegrityError, UnsafeArchive


def unpack(fd: int, member: Stored, *, subject: str, exact: bool = False) -> Iterator[bytes]:
    """Yield the bytes of *member*, never more than it claims, and check its CRC.

    Args:
        fd: The zip.
        member: Where they are.
        subject: Of messages.
        exact: Whether bits behind the end of what is packed, which fill its last byte, count.

    Raises:
        IntegrityError: The bytes are damaged.
        UnsafeArchive: There are more than it claims.
    """
    crc, size = 0, 0
    for chunk in _inflated(fd, member, subject, exact=exact):
        crc = zlib.crc32(chunk, crc)
        size += len(chunk)
        if size > member.size:
            msg = f"{subject}: member {member.name!r} unpacks to more than it claims"
            raise UnsafeArchive(msg)
        yield chunk
    if (crc, size) != (member.crc, member.size):
        msg = f"{subject}: member {member.name!r} is damaged"
        raise IntegrityError(msg)


def _packed(fd: int, member: Stored) -> Iterator[bytes]:
    """Yield the packed bytes, the last one alone."""
    at, end = member.start, member.start + member.packed
    while at < end and (chunk := os.pread(fd, min(CHUNK, max(end - at - 1, 1)), at)):
        at += len(chunk)
        yield chunk


def _inflated(fd: int, member: Stored, subject: str, *, exact: bool) -> Iterator[bytes]:
    if member.method != DEFLATED:
        yield from _packed(fd, member)
        return
    stream = before = zlib.decompressobj(-zlib.MAX_WBITS)
    chunk = b""
    try:
        for chunk in _packed(fd, member):
            rest = chunk
            before = stream.copy() if exact else stream
            while rest:
                yield stream.decompress(rest, CHUNK)
                rest = stream.unconsumed_tail
        yield stream.flush(CHUNK)
    except zlib.error as error:
        msg = f"{subject}: member {member.name!r} is damaged"
        raise IntegrityError(msg) from error
    if not stream.eof or stream.unused_data:
        msg = f"{subject}: member {member.name!r} does not end where it should"
        raise IntegrityError(msg)
    if exact and _is_filled(before, chunk[0]):
        msg = f"{subject}: member {member.name!r} is not packed as it was"
        raise IntegrityError(msg)


def _is_filled(before: "zlib._Decompress", last: int) -> bool:
    """Whether one of the spare bits of the *last* byte is set; they are written as zeros.

    They are the highest bits, those that can be flipped without any effect: the next one ends the
    code that ends everything, and flipped it is the code of something else.
    """
    wanted = _rest(before, last)
    for bit in range(7, -1, -1):
        if _rest(before, last ^ 1 << bit) != wanted:
            break
        if last & 1 << bit:
            return True
    return False


def _rest(before: "zlib._Decompress", last: int) -> tuple[bytes, bool] | None:
    """Return what follows if the packed bytes end with *last*, and whether that is the end."""
    stream = before.copy()
    try:
        return stream.decompress(bytes([last])) + stream.flush(), stream.eof
    except zlib.error:
        return None
