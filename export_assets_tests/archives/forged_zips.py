"""Zips that lie, byte by byte."""

import hashlib
import stat
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from export_assets.archives.metadata import (
    OFFLOAD_METADATA,
    ArchivedMember,
    OffloadMetadata,
    encode_metadata,
)

NOW = datetime(2026, 2, 8, tzinfo=UTC)


@dataclass(kw_only=True)
class Forged:
    """One member; what is None is what an honest zip would say."""

    name: bytes
    data: bytes = b"content"
    mode: int = stat.S_IFREG | 0o640
    size: int | None = None
    local_name: bytes | None = None
    local_size: int | None = None
    flags: int = 0x800
    shares_previous: bool = False
    """Whether the directory points it at the member before."""


def forge(
    path: Path,
    members: Sequence[Forged],
    *,
    listed: Sequence[ArchivedMember] | None = None,
    gap: bytes = b"",
    comment: bytes = b"",
    metadata: bytes | None = None,
) -> Path:
    """Write a zip of *members* and a list of what it holds with a valid checksum."""
    said = listed if listed is not None else [listing(one) for one in members]
    document = OffloadMetadata(created_at=NOW, source_dir="logs", cutoff=NOW, members=tuple(said))
    content = encode_metadata(document) if metadata is None else metadata
    everything = [*members, Forged(name=OFFLOAD_METADATA.encode(), data=content)]
    body, central, offset = b"", b"", 0
    for one in everything:
        packed, crc = deflated(one.data), zlib.crc32(one.data)
        size = len(one.data) if one.size is None else one.size
        if not one.shares_previous:
            offset = len(body)
            name = one.name if one.local_name is None else one.local_name
            local_size = size if one.local_size is None else one.local_size
            body += struct.pack(
                "<4s5H3L2H", b"PK\x03\x04", 20, one.flags, 8, 0, 33, crc, len(packed), local_size,
                len(name), 0,
            )  # fmt: skip  # as the format is drawn
            body += name + packed + gap
        central += struct.pack(
            "<4s6H3L5H2L", b"PK\x01\x02", 3 << 8 | 20, 20, one.flags, 8, 0, 33, crc, len(packed),
            size, len(one.name), 0, 0, 0, 0, one.mode << 16, offset,
        )  # fmt: skip  # as the format is drawn
        central += one.name
    end = struct.pack(
        "<4s4H2LH", b"PK\x05\x06", 0, 0, len(everything), len(everything), len(central), len(body),
        len(comment),
    )  # fmt: skip  # as the format is drawn
    path.write_bytes(body + central + end + comment)
    return path


def listing(one: Forged) -> ArchivedMember:
    return ArchivedMember(
        name=one.name.decode("utf-8", "replace"),
        bytes=len(one.data) if one.size is None else one.size,
        sha256=hashlib.sha256(one.data).hexdigest(),
        mtime_ns=0,
    )


def deflated(data: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()
