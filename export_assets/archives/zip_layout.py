"""The structure of a zip, read strictly: every byte belongs to exactly one thing.

Only what `zip_writer` writes is accepted: no comments, no data descriptors, no encryption, no
gaps, no overlaps, and two headers of each member that say the same.
"""

import os
import stat
import struct
from dataclasses import dataclass
from typing import NamedTuple

from export_assets.errors import IntegrityError, UnsafeArchive

STORED, DEFLATED = 0, 8
MEMBER_MODE = (stat.S_IFREG | 0o640) << 16
MOST_MEMBERS = 2_000_000
_UTF8 = 0x800
_UNIX = 3
_VERSIONS = (20, 45)
"""Of the format, without and with zip64: what members of this program need."""
_END = struct.Struct("<4s4H2LH")
_END64_LOCATOR = struct.Struct("<4sLQL")
_END64 = struct.Struct("<4sQ2H2L4Q")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_MAX16, _MAX32 = 0xFFFF, 0xFFFFFFFF
_ZIP64_EXTRA = 1


@dataclass(frozen=True, slots=True)
class Stored:
    """Where one member stands in the file."""

    name: str
    method: int
    crc: int
    packed: int
    size: int
    begin: int
    """Where its header begins."""
    start: int
    """Where its packed bytes begin; they end at `start + packed`."""
    plain: bool
    """Whether versions, modes and the like, which no unpacking looks at, are as always written."""


class _End(NamedTuple):
    """Where the central directory is."""

    members: int
    size: int
    offset: int
    plain: bool


class _Header(NamedTuple):
    """What both headers of a member say."""

    raw: bytes
    flags: int
    method: int
    time: int
    day: int
    crc: int
    packed: int
    size: int


def read_layout(fd: int, *, subject: str) -> list[Stored]:
    """Return the members of the zip open at *fd*, in the order of their bytes.

    Raises:
        IntegrityError: It is no complete zip.
        UnsafeArchive: Its parts overlap, leave gaps, contradict each other, or are of a kind
            that must not be unpacked.
    """
    end = _end(fd, subject)
    count, size, offset = end.members, end.size, end.offset
    if count > MOST_MEMBERS or size > 256 * 1024 * 1024 or size < count * _CENTRAL.size:
        msg = f"{subject}: {count:,} members in a directory of {size:,} bytes"
        raise UnsafeArchive(msg)
    central = memoryview(os.pread(fd, size, offset))
    members, at, here = [], 0, 0
    for _ in range(count):
        header, begins, following = _central_entry(central, at, subject)
        if begins != here:
            msg = f"{subject}: member {header.raw!r} overlaps another or leaves a gap"
            raise UnsafeArchive(msg)
        plain = end.plain and _is_plain(central, at)
        member = _check_local(fd, header, here, offset, subject, plain=plain)
        at, here = following, member.start + member.packed
        members.append(member)
    if at != size or here != offset:
        msg = f"{subject}: bytes between its members belong to none"
        raise UnsafeArchive(msg)
    return members


def _end(fd: int, subject: str) -> _End:
    """Return number of members, size and offset of the central directory."""
    plain = True
    length = os.fstat(fd).st_size
    tail = length - _END.size
    fields = _unpack(_END, fd, tail, b"PK\x05\x06", subject)
    disk, first_disk, here, count, size, offset, comment = fields
    if comment or disk or first_disk or here != count:
        msg = f"{subject}: has a comment or several volumes"
        raise UnsafeArchive(msg)
    locator = tail - _END64_LOCATOR.size
    # Exactly 65,535 members need no second record.
    if _MAX32 in (size, offset) or (
        count == _MAX16 and locator >= 0 and os.pread(fd, 4, locator) == b"PK\x06\x07"
    ):
        found = _unpack(_END64_LOCATOR, fd, locator, b"PK\x06\x07", subject)
        tail = locator - _END64.size
        if found[1] != tail:
            msg = f"{subject}: its end records contradict each other"
            raise UnsafeArchive(msg)
        wide = _unpack(_END64, fd, tail, b"PK\x06\x06", subject)
        count, size, offset = wide[6], wide[7], wide[8]
        plain = (found[0], found[2], *wide[:6]) == (0, 1, _END64.size - 12, 45, 45, 0, 0, count)
    if offset + size != tail:
        msg = f"{subject}: its directory does not end where its end record begins"
        raise UnsafeArchive(msg)
    return _End(count, size, offset, plain)


def _central_entry(central: memoryview, at: int, subject: str) -> tuple[_Header, int, int]:
    """Return what one entry says, where its member begins, and where the next entry begins."""
    if at + _CENTRAL.size > len(central):
        msg = f"{subject}: its directory ends within an entry"
        raise UnsafeArchive(msg)
    fields = _CENTRAL.unpack_from(central, at)
    signature, made, _, flags, method, time, day, crc, packed, size = fields[:10]
    name_length, extra_length, comment, disk, _, mode, offset = fields[10:]
    start = at + _CENTRAL.size
    end = start + name_length + extra_length
    if signature != b"PK\x01\x02" or comment or disk or end > len(central):
        msg = f"{subject}: its directory is damaged"
        raise IntegrityError(msg)
    raw = bytes(central[start : start + name_length])
    _refuse_kind(raw, mode >> 16 if made >> 8 == _UNIX else 0, flags, method, subject)
    extra = bytes(central[start + name_length : end])
    narrow = (size, packed, offset)
    size, packed, offset = _widen(narrow, extra, raw, subject)
    return _Header(raw, flags, method, time, day, crc, packed, size), offset, end


def _is_plain(central: memoryview, at: int) -> bool:
    """Whether the entry at *at* says of itself what this program always says of its members."""
    fields = _CENTRAL.unpack_from(central, at)
    made, needed, inner, mode = fields[1], fields[2], fields[14], fields[15]
    written = [_UNIX << 8 | version for version in _VERSIONS]
    return made in written and needed in _VERSIONS and (inner, mode) == (0, MEMBER_MODE)


def _check_local(
    fd: int, header: _Header, here: int, limit: int, subject: str, *, plain: bool
) -> Stored:
    """Return the member whose local header is at *here*, if that says the same as *header*."""
    fields = _unpack(_LOCAL, fd, here, b"PK\x03\x04", subject)
    name_length, extra_length = fields[-2:]
    start = here + _LOCAL.size
    rest = os.pread(fd, name_length + extra_length, start)
    raw, extra = rest[:name_length], rest[name_length:]
    size, packed, _ = _widen((fields[7], fields[6], 0), extra, header.raw, subject)
    needed, flags, method, time, day, crc = fields[:6]
    if _Header(raw, flags, method, time, day, crc, packed, size) != header:
        msg = f"{subject}: the two headers of member {header.raw!r} contradict each other"
        raise UnsafeArchive(msg)
    start += name_length + extra_length
    if start + packed > limit or (header.method == STORED and packed != size):
        msg = f"{subject}: member {header.raw!r} claims more bytes than there are"
        raise UnsafeArchive(msg)
    name = _name(raw, header.flags, subject)
    plain = plain and needed in _VERSIONS
    return Stored(name, header.method, header.crc, packed, size, here, start, plain)


def _name(raw: bytes, flags: int, subject: str) -> str:
    try:
        return raw.decode("utf-8" if flags & _UTF8 else "ascii")
    except UnicodeDecodeError as error:
        msg = f"{subject}: a member's name {raw!r} is not UTF-8"
        raise UnsafeArchive(msg) from error


def _refuse_kind(raw: bytes, mode: int, flags: int, method: int, subject: str) -> None:
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG) or raw.endswith(b"/"):
        msg = f"{subject}: member {raw!r} is no regular file"
        raise UnsafeArchive(msg)
    if flags & ~_UTF8 or method not in (STORED, DEFLATED):
        msg = f"{subject}: member {raw!r} is packed in a way this program never uses"
        raise UnsafeArchive(msg)


def _widen(
    values: tuple[int, int, int], extra: bytes, raw: bytes, subject: str
) -> tuple[int, int, int]:
    """Replace what did not fit by the zip64 field, the only extra field there may be."""
    content = extra[4:]
    wanted = [value == _MAX32 for value in values]
    field = struct.pack("<2H", _ZIP64_EXTRA, len(content)) if extra else b""
    if extra[:4] != field or len(content) != 8 * sum(wanted):
        msg = f"{subject}: member {raw!r} has extra fields this program never writes"
        raise UnsafeArchive(msg)
    wide = iter(struct.unpack(f"<{sum(wanted)}Q", content))
    size, packed, offset = (
        next(wide) if take else value for value, take in zip(values, wanted, strict=True)
    )
    return size, packed, offset


def _unpack(
    kind: struct.Struct, fd: int, offset: int, signature: bytes, subject: str
) -> tuple[int, ...]:
    data = os.pread(fd, kind.size, offset) if offset >= 0 else b""
    if len(data) != kind.size or not data.startswith(signature):
        msg = f"{subject}: not a complete archive"
        raise IntegrityError(msg)
    return tuple(kind.unpack(data)[1:])
