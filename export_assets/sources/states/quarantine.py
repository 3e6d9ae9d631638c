"""State files that cannot be read, as rows of the table `quarantine`."""

import base64
import hashlib
from typing import Final

from export_assets.sources.states.kind import Row, Unreadable
from export_assets.sources.states.listing import SUFFIX, text_of
from export_assets.tables.schema import Column, LogicalType, TableSchema

HEAD_BYTES = 4_096

_TEXT, _INTEGER = LogicalType.TEXT, LogicalType.INTEGER
QUARANTINE: Final = TableSchema(
    name="quarantine",
    description="State files that cannot be read, and lines of files beside them, with the reason.",
    columns=(
        Column(
            name="user_id",
            logical=_TEXT,
            nullable=False,
            description="Whose state it is: the file's stem; of a line, empty where it tells not.",
        ),
        Column(name="file", logical=_TEXT, nullable=False, description="The file."),
        Column(name="reason", logical=_TEXT, nullable=False, description="Why, in one word."),
        Column(name="detail", logical=_TEXT, nullable=False, description="The particulars."),
        Column(name="length", logical=_INTEGER, nullable=False, description="Bytes of the file."),
        Column(name="sha256", logical=_TEXT, description="Their hash, where all were read."),
        Column(
            name="content_base64",
            logical=_TEXT,
            nullable=False,
            description="The first 4 KB in base64.",
        ),
    ),
)


def quarantined(name: bytes, why: Unreadable, *, length: int, head: bytes, whole: bool) -> Row:
    """Return the row of the file *name*, without its suffix, of which *head* was read."""
    return (
        text_of(name),
        text_of(name + SUFFIX),
        why.reason,
        why.detail,
        length,
        hashlib.sha256(head).hexdigest() if whole else None,
        base64.b64encode(head[:HEAD_BYTES]).decode("ascii"),
    )
