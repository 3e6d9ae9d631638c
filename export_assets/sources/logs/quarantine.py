"""Lines that are no records, kept with their place, their hash and the reason."""

import hashlib
from dataclasses import dataclass

from export_assets.sources.logs.framing import HEAD_BYTES, Unread


@dataclass(frozen=True, kw_only=True, slots=True)
class Quarantined:
    """One record that was not accepted: the bytes `[offset, offset + length)` of a file."""

    file: str
    identity: str
    """Of the file's content, whatever it is called; empty where the caller knows none."""
    offset: int
    length: int
    line: int
    """Number of the line in the file, from 1."""
    sha256: str | None
    """Of all its bytes, terminator included; None for runs of NUL bytes and for damage."""
    reason: str
    detail: str
    head: bytes
    """Its first 4 KB."""


def quarantine_line(
    content: bytes, *, file: str, identity: str, offset: int, line: int, reason: str, detail: str
) -> Quarantined:
    """Return the record for a line whose bytes are *content*, terminator included."""
    return Quarantined(
        file=file,
        identity=identity,
        offset=offset,
        length=len(content),
        line=line,
        sha256=hashlib.sha256(content).hexdigest(),
        reason=reason,
        detail=detail,
        head=content[:HEAD_BYTES],
    )


def quarantine_unread(record: Unread, *, file: str, identity: str, line: int) -> Quarantined:
    """Return the record for what was passed without being held in memory."""
    what = "NUL bytes" if record.reason == "nul_run" else "bytes in one line"
    return Quarantined(
        file=file,
        identity=identity,
        offset=record.offset,
        length=record.length,
        line=line,
        sha256=record.sha256,
        reason=record.reason,
        detail=f"{record.length} {what}",
        head=record.head,
    )
