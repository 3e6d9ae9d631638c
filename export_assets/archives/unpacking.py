"""The bytes of one member of a zip, never more than it claims."""

import os
import zlib
from collections.abc import Iterator

from export_assets.archives.content import CHUNK
from export_assets.archives.zip_layout import DEFLATED, Stored
from export_assets.errors import IntegrityError, UnsafeArchive


def unpack(fd: int, member: Stored, *, subject: str) -> Iterator[bytes]:
    """Yield the bytes of *member*, never more than it claims, and check its CRC.

    Raises:
        IntegrityError: The bytes are damaged.
        UnsafeArchive: There are more than it claims.
    """
    crc, size = 0, 0
    for chunk in _inflated(fd, member, subject):
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
    at, end = member.start, member.start + member.packed
    while at < end and (chunk := os.pread(fd, min(CHUNK, end - at), at)):
        at += len(chunk)
        yield chunk


def _inflated(fd: int, member: Stored, subject: str) -> Iterator[bytes]:
    if member.method != DEFLATED:
        yield from _packed(fd, member)
        return
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        for chunk in _packed(fd, member):
            rest = chunk
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
