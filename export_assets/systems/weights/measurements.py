"""The measurements as the processor gets them: CSV files in all their variants.

    user_id,effectiveDateTime,source_type,weight,unit          with a header, or without
    id,user_id,timestamp,effectiveDateTime,source_type,weight,unit
    user_id,timestamp,weight,source,unit

Nothing is dropped: what a row has that cannot be, a year 25 or a unit of area, is a row all the
same, and the checks tell of it. A line that is no row goes to quarantine.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from export_assets.errors import SourceMissing
from export_assets.sources.states.kind import Row, Unreadable
from export_assets.sources.states.quarantine import QUARANTINE
from export_assets.systems.weights.csv_lines import Line, lines_of, name_of, refused
from export_assets.systems.weights.tables import WEIGHTS_RAW
from export_assets.systems.weights.values import moment
from export_assets.translate import translating

_USER = "user_id"
_SHORT = (_USER, "effectivedatetime", "source_type", "weight", "unit")
_LONG = ("id", _USER, "timestamp", *_SHORT[1:])
_OTHER = (_USER, "timestamp", "weight", "source", "unit")
_NAMES: Final = frozenset({*_LONG, *_OTHER})
_NULLS = frozenset({"", "NULL"})


def measurement_files(place: Path | None) -> list[Path]:
    """Return the CSV files at *place*: itself, or those in it by name.

    Raises:
        SourceMissing: There is nothing.
    """
    if place is None:
        return []
    with translating(str(place), side="source"):
        if place.is_dir():
            files = [one for one in place.iterdir() if one.suffix.lower() == ".csv"]
            return sorted(one for one in files if one.is_file())
        if not place.is_file():
            msg = f"{place}: no such file or directory of measurements"
            raise SourceMissing(msg)
    return [place]


def read_measurements(file: Path, zone: ZoneInfo) -> Iterator[tuple[str, Row]]:
    """Yield the rows of *file*, and what is in quarantine of it.

    Raises:
        SourceError: It cannot be read.
    """
    names: Sequence[str] | None = None
    for line in lines_of(file):
        if line.problem:
            yield QUARANTINE.name, refused(file, line, "line", line.problem)
            continue
        if names is None:
            header = [field.strip().lower() for field in line.fields]
            if _USER in header and _NAMES.issuperset(header):
                names = header
                continue
            names = _unnamed(line.fields)
        yield _read(file, line, names, zone)


def _read(file: Path, line: Line, names: Sequence[str], zone: ZoneInfo) -> tuple[str, Row]:
    if len(line.fields) != len(names):
        detail = f"{len(line.fields)} fields, where {len(names)} belong"
        return QUARANTINE.name, refused(file, line, "line", detail)
    values = {
        name: None if field.strip() in _NULLS else field.strip()
        for name, field in zip(names, line.fields, strict=True)
    }
    try:
        row = (
            name_of(file),
            line.number,
            values.get("id"),
            values.get(_USER),
            moment(values.get("timestamp"), "timestamp", zone),
            moment(values.get("effectivedatetime"), "effectiveDateTime", zone),
            values.get("source_type") or values.get("source"),
            _weight(values),
            values.get("unit"),
        )
    except Unreadable as error:
        user = values.get(_USER) or ""
        return QUARANTINE.name, refused(file, line, error.reason, error.detail, user)
    return WEIGHTS_RAW.name, row


def _weight(values: Mapping[str, str | None]) -> float | None:
    written = values.get("weight")
    try:
        return None if written is None else float(written)
    except ValueError:
        msg = "weight: is no number"
        raise Unreadable(msg, reason="shape") from None


def _unnamed(fields: Sequence[str]) -> Sequence[str]:
    """Return what the fields of a file without a header are, by the first of its lines."""
    if len(fields) == len(_LONG):
        return _LONG
    weight_third = len(fields) == len(_OTHER) and _is_number(fields[2])
    return _OTHER if weight_third and not _is_number(fields[3]) else _SHORT


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
