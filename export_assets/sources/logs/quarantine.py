"""Lines that are no records, kept with their place, their hash and the reason."""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from export_assets.sources.logs.framing import HEAD_BYTES, Unread
from export_assets.tables.schema import Column, LogicalType, TableSchema


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


QUARANTINE: Final = TableSchema(
    name="quarantine",
    description="Lines of log files that are no records, with the reason.",
    primary_key=("identity", "offset"),
    columns=(
        Column(name="file", logical=LogicalType.TEXT, nullable=False, description="Log file."),
        Column(
            name="identity",
            logical=LogicalType.TEXT,
            nullable=False,
            description="Identity of the file's content.",
        ),
        Column(
            name="offset",
            logical=LogicalType.INTEGER,
            nullable=False,
            description="Where the line begins, in bytes of the content.",
        ),
        Column(
            name="length",
            logical=LogicalType.INTEGER,
            nullable=False,
            description="Bytes of the line, terminator included.",
        ),
        Column(
            name="line",
            logical=LogicalType.INTEGER,
            nullable=False,
            description="Number of the line, from 1.",
        ),
        Column(
            name="sha256",
            logical=LogicalType.TEXT,
            description="Hash of those bytes; none for runs of NUL bytes and for damage.",
        ),
        Column(
            name="reason",
            logical=LogicalType.TEXT,
            nullable=False,
            description="Why it is no record.",
        ),
        Column(
            name="detail", logical=LogicalType.TEXT, nullable=False, description="The particulars."
        ),
        Column(
            name="content_base64",
            logical=LogicalType.TEXT,
            nullable=False,
            description="Its first 4 KB in base64.",
        ),
    ),
)


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


def quarantine_frame(records: Sequence[Quarantined]) -> pl.DataFrame:
    """Return *records* as rows of the table `QUARANTINE`."""
    return pl.DataFrame(
        {
            "file": [one.file for one in records],
            "identity": [one.identity for one in records],
            "offset": [one.offset for one in records],
            "length": [one.length for one in records],
            "line": [one.line for one in records],
            "sha256": [one.sha256 for one in records],
            "reason": [one.reason for one in records],
            "detail": [one.detail for one in records],
            "content_base64": [base64.b64encode(one.head).decode("ascii") for one in records],
        },
        schema=QUARANTINE.polars,
    )
