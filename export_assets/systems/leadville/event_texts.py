"""What the words of the event logger mean: type, device and details as canonical event types."""

import re
from dataclasses import dataclass
from functools import lru_cache
from operator import attrgetter
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

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

_MEANING: Final[dict[str, pl.DataType]] = {
    "event_type": pl.String(),
    "shot_number": pl.Int64(),
    "elapsed_seconds": pl.Float64(),
}
_MOST_CODES: Final = 1 << 20

Indices = npt.NDArray[np.int64]

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

    Loggers say the same again and again: what is said once is read once.
    """
    kind_at, kind_texts = _told_apart(kinds)
    text_at, texts = _told_apart(details)
    said, at = _numbered(kind_at * len(texts) + text_at, len(kind_texts) * len(texts))
    pairs = said // max(1, len(texts)), said % max(1, len(texts))
    meanings = list(map(meaning_of, kind_texts[pairs[0]], texts[pairs[1]]))
    columns = {
        name: pl.Series(list(map(attrgetter(name), meanings)), dtype=kind)
        for name, kind in _MEANING.items()
    }
    return {name: column.gather(at) for name, column in columns.items()}


def _numbered(codes: Indices, count: int) -> tuple[Indices, Indices]:
    """Return the different ones of *codes*, all less than *count*, and of each which it is."""
    if count > _MOST_CODES:
        found, at = np.unique(codes, return_inverse=True)
        return found, at
    there = np.zeros(count, dtype=np.bool_)
    there[codes] = True
    return np.flatnonzero(there), (np.cumsum(there) - 1)[codes]


def _told_apart(column: pl.Series) -> tuple[Indices, npt.NDArray[np.object_]]:
    """Return the different texts of *column*, and of each row which it has."""
    array = pa.chunked_array([column.to_arrow()]).combine_chunks()
    coded = array.dictionary_encode(null_encoding="encode")
    return coded.indices.to_numpy().astype(np.int64), np.array(
        coded.dictionary.to_pylist(), dtype=np.object_
    )


def timer_type(name: str | None) -> EventType:
    """Return what the timer's own `event_type` means."""
    return _TIMER_TYPES.get(name or "", "unknown")


NATIVE_NAMES: Final = (*_NATIVE, *dict.fromkeys(beginning for beginning, _ in _BEGINNINGS))
"""What the dialects call events, in lower case; `connection_` begins others."""


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
