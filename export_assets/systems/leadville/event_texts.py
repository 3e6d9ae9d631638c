"""What the words of the event logger mean: type, device and details as canonical event types."""

import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import starmap
from typing import Final

import polars as pl

from export_assets.systems.leadville.model import EVENT_TYPES, EventType


@dataclass(frozen=True, slots=True)
class Meaning:
    """What one line says."""

    event_type: EventType
    shot_number: int | None = None
    elapsed_seconds: float | None = None


# In the order they are tried; each is the beginning of the details, in lower case.
_BEGINNINGS: Final[tuple[tuple[str, EventType], ...]] = (
    ("timer start button", "timer_start_button"),
    ("timer start beep", "timer_start_beep"),
    ("timer started", "timer_started"),
    ("shot detected", "shot_detected"),
    ("sensor impact detected", "impact_detected"),
    ("impact detected", "impact_detected"),
    ("timer stop button", "timer_stopped"),
    ("timer stopped", "timer_stopped"),
)

_SECONDS = r"(?P<seconds>[0-9]{1,9}(?:\.[0-9]{1,9})?) ?s\b"
_SHOT_FRAME = re.compile(
    rf"^Shot (?:Sequence )?(?P<number>[0-9]{{1,9}})(?:/[0-9]+)?: {_SECONDS}", re.IGNORECASE
)
_ACTIVE_FRAME = re.compile(rf"^Timer Active: {_SECONDS}", re.IGNORECASE)
SUMMARY: Final = re.compile(
    rf"String Time: {_SECONDS}(?:.*?Shots Detected: (?P<shots>[0-9]{{1,9}}))?"
    r"(?:.*?Impacts Detected: (?P<impacts>[0-9]{1,9}))?",
    re.IGNORECASE,
)
"""Details of a summary: time, shots and impacts."""

# The same for Polars, whose regular expressions have numbered groups alone in `extract`.
_BLANKS: Final = " \t\n\r\x0b\x0c\x1c\x1d\x1e\x1f"
_NOT_ASCII: Final = r"[^\x00-\x7F]"
_TEXT: Final = pl.col("text").str.strip_chars_start(_BLANKS)
_SHOT_SECONDS: Final = _TEXT.str.extract(f"(?i){_SHOT_FRAME.pattern}", 2)
_ELAPSED: Final = _SHOT_SECONDS.fill_null(_TEXT.str.extract(f"(?i){_ACTIVE_FRAME.pattern}", 1))
_FRAME: Final = {
    "event_type": pl.when(_ELAPSED.is_null()).then(pl.lit("unknown")).otherwise(pl.lit("status")),
    "shot_number": _TEXT.str.extract(f"(?i){_SHOT_FRAME.pattern}", 1).cast(pl.Int64),
    "elapsed_seconds": _ELAPSED.cast(pl.Float64),
}
_TIME: Final = {
    "elapsed_seconds": _TEXT.str.extract(f"(?i)String Time: {_SECONDS}", 1).cast(pl.Float64)
}

_TIMER_TYPES: Final[dict[str, EventType]] = {
    "timer_start": "timer_started",
    "timer_stop": "timer_stopped",
    "shot_detected": "shot_detected",
    "timer_active": "status",
}

_NATIVE: Final[dict[str, tuple[EventType, ...]]] = {
    "string": (
        "timer_start_button",
        "timer_start_beep",
        "timer_started",
        "shot_detected",
        "impact_detected",
        "timer_stopped",
    ),
    "stringsummary": ("run_summary",),
    "timer_start": ("timer_start_button", "timer_start_beep", "timer_started"),
    "timer_stop": ("timer_stopped",),
    "timer_active": ("status",),
    "error": ("status",),
    "event": ("status",),
    "amg_raw": ("debug",),
    "amg_parsed": ("debug",),
    "bt50_raw": ("debug",),
    "bt50_parsed": ("debug",),
    "request_start": ("api_request",),
    "request_complete": ("api_request",),
}


@lru_cache(maxsize=65_536)
def meaning_of(kind: str | None, details: str | None) -> Meaning:
    """Return what a line of the event logger of type *kind* says with *details*."""
    text = (details or "").strip()
    if (kind or "").casefold() == "stringsummary":
        found = SUMMARY.search(text)
        return Meaning("run_summary", elapsed_seconds=_seconds(found))
    if (kind or "").casefold() != "string":
        return Meaning("status" if (kind or "").casefold() == "status" else "unknown")
    lowered = text.casefold()
    for beginning, event_type in _BEGINNINGS:
        if lowered.startswith(beginning):
            return Meaning(event_type)
    if frame := _SHOT_FRAME.match(text):
        return Meaning("status", int(frame["number"]), _seconds(frame))
    if frame := _ACTIVE_FRAME.match(text):
        return Meaning("status", elapsed_seconds=_seconds(frame))
    return Meaning("unknown")


def meanings_of(kinds: pl.Series, details: pl.Series) -> dict[str, pl.Series]:
    """Return the columns `event_type`, `shot_number` and `elapsed_seconds` for many lines.

    They say what `meaning_of` says of each line alone.
    """
    lines = pl.DataFrame({"kind": kinds, "text": details}).with_columns(pl.all().fill_null(""))
    found = lines.select(
        _event_type().alias("event_type"),
        pl.lit(None, dtype=pl.Int64).alias("shot_number"),
        pl.lit(None, dtype=pl.Float64).alias("elapsed_seconds"),
        pl.any_horizontal(pl.all().str.contains(_NOT_ASCII)).alias("odd"),
    )
    columns = {name: found[name] for name in found.columns[:-1]}
    types = found["event_type"]
    for place, read in ((types.is_null(), _FRAME), (types == "run_summary", _TIME)):
        if place.any():
            _put(columns, place, lines.filter(place).select(**read))
    if found["odd"].any():
        # Polars and Python do not agree on what is lower case, or blank, beyond ASCII.
        meanings = starmap(meaning_of, lines.filter(found["odd"]).rows())
        rows = [(one.event_type, one.shot_number, one.elapsed_seconds) for one in meanings]
        schema = {name: column.dtype for name, column in columns.items()}
        _put(columns, found["odd"], pl.DataFrame(rows, schema=schema, orient="row"))
    return columns


def _event_type() -> pl.Expr:
    """Return the event type where it needs no numbers, null where the text is to be read."""
    kind = pl.col("kind").str.to_lowercase()
    text = _TEXT.str.to_lowercase()
    found = (
        pl.when(kind == "stringsummary")
        .then(pl.lit("run_summary"))
        .when(kind == "status")
        .then(pl.lit("status"))
        .when(kind != "string")
        .then(pl.lit("unknown"))
    )
    for beginning, event_type in _BEGINNINGS:
        found = found.when(text.str.starts_with(beginning)).then(pl.lit(event_type))
    return found.otherwise(None)


def _put(columns: dict[str, pl.Series], place: pl.Series, read: pl.DataFrame) -> None:
    rows = place.arg_true()
    for name in read.columns:
        columns[name] = columns[name].scatter(rows, read[name])


def timer_type(name: str | None) -> EventType:
    """Return what the timer's own `event_type` means."""
    return _TIMER_TYPES.get(name or "", "unknown")


def canonical_types(name: str) -> tuple[EventType, ...]:
    """Return the event types that *name* means: a canonical name, or one of the dialects' own.

    None where nothing is called so. `Shot detected`, `String` and `timer_start` are known.
    """
    text = name.strip().casefold()
    for event_type in EVENT_TYPES:
        if text == event_type:
            return (event_type,)
    if text in _NATIVE:
        return _NATIVE[text]
    if text.startswith("connection_"):
        return ("debug",)
    return tuple(event_type for beginning, event_type in _BEGINNINGS if text.startswith(beginning))


def _seconds(found: re.Match[str] | None) -> float | None:
    return float(found["seconds"]) if found else None
