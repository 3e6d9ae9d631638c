"""Lines of CSV files with their numbers and their text, none of which stops the reading."""

import base64
import csv
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from export_assets.sources.states.kind import Row
from export_assets.sources.states.listing import text_of
from export_assets.sources.states.quarantine import HEAD_BYTES
from export_assets.translate import translating


@dataclass(frozen=True, kw_only=True)
class Line:
    """One record."""

    number: int
    """Where it ends, from 1."""
    fields: Sequence[str]
    problem: str = ""
    """Why it cannot be read."""


def lines_of(file: Path) -> Iterator[Line]:
    """Yield the records of *file*; blank ones are left out.

    Raises:
        SourceError: The file cannot be read.
    """
    with (
        translating(str(file), side="source"),
        file.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as text,
    ):
        reader = csv.reader(text, strict=True)
        while True:
            try:
                fields = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield Line(number=reader.line_num, fields=(), problem=f"no CSV: {error}")
                continue
            if any(not field.isascii() and not _is_text(field) for field in fields):
                yield Line(number=reader.line_num, fields=fields, problem="no UTF-8")
            elif fields:
                yield Line(number=reader.line_num, fields=fields)


def name_of(file: Path) -> str:
    """Return the name of *file* as text; what is no UTF-8 is percent-encoded."""
    return text_of(os.fsencode(file.name))


def refused(file: Path, line: Line, reason: str, detail: str, user_id: str = "") -> Row:
    """Return the row of `quarantine` for a *line* of *file*."""
    content = ",".join(line.fields).encode("utf-8", "surrogateescape")
    return (
        user_id,
        name_of(file),
        reason,
        f"line {line.number:,}: {detail}",
        len(content),
        None,
        base64.b64encode(content[:HEAD_BYTES]).decode("ascii"),
    )


def _is_text(field: str) -> bool:
    try:
        field.encode()
    except UnicodeEncodeError:
        return False
    return True
