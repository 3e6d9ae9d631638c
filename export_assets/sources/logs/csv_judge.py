"""The one strict CSV parser for log lines: as many fields as the header has, or a reason.

A record is one line; a field in quotes may hold commas and doubled quotes, not a line feed.
"""

import csv
from collections.abc import Callable, Sequence

from export_assets.sources.logs.judge import Judged, Rejected

_BLANKS = b" \t\r"

# The module's own limit, of all of the process, is less than a line may have.
csv.field_size_limit(1 << 30)


def judge_csv_lines(lines: Sequence[bytes], columns: int, *, delimiter: str = ",") -> Judged:
    """Judge *lines*, the content of each without its terminator.

    The records of what is returned are lists of *columns* texts.
    """
    kept, records = list[int](), list[list[str]]()
    judged = Judged(kept=kept, records=records)
    for index, line in enumerate(lines):
        if not line.strip(_BLANKS):
            judged.blank.append(index)
            continue
        fields = _fields(line, delimiter)
        if isinstance(fields, list) and len(fields) == columns:
            kept.append(index)
            records.append(fields)
            continue
        reason, detail = (
            ("columns", f"{len(fields)} fields, not {columns}")
            if isinstance(fields, list)
            else fields
        )
        judged.rejected.append(Rejected(index=index, reason=reason, detail=detail))
    return judged


def csv_judge(
    header: Sequence[str], *, delimiter: str = ","
) -> Callable[[Sequence[bytes]], Judged]:
    """Return the judge of CSV lines under *header*; lines that repeat it count as blank."""
    wanted = list(header)

    def judge(lines: Sequence[bytes]) -> Judged:
        judged = judge_csv_lines(lines, len(wanted), delimiter=delimiter)
        if wanted not in judged.records:
            return judged
        pairs = list(zip(judged.kept, judged.records, strict=True))
        judged.kept = [index for index, fields in pairs if fields != wanted]
        judged.records = [fields for _, fields in pairs if fields != wanted]
        judged.blank += [index for index, fields in pairs if fields == wanted]
        return judged

    return judge


def csv_fields(line: bytes, *, delimiter: str = ",") -> list[str] | None:
    """Return the fields of one line, None where it is no CSV."""
    fields = _fields(line, delimiter)
    return fields if isinstance(fields, list) else None


def _fields(line: bytes, delimiter: str) -> list[str] | tuple[str, str]:
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        return "bad_utf8", f"byte {error.start}: {error.reason}"
    if "\0" in text:
        return "nul", f"byte {line.index(0)} is NUL"
    if '"' not in text:
        return text.split(delimiter)
    if "\r" in text:
        return "malformed", "a carriage return within a line of quoted fields"
    try:
        return next(csv.reader([text], delimiter=delimiter, strict=True))
    except csv.Error as error:
        return "malformed", str(error)
