"""Quarantined lines as rows of the table `quarantine`."""

import base64
from collections.abc import Sequence
from typing import Final

import polars as pl

from export_assets.sources.logs.quarantine import Quarantined
from export_assets.tables.schema import Column, LogicalType, TableSchema

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
