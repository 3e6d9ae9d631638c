"""DuckDB's errors in this package's own classes, one line each."""

import re

import duckdb

from export_assets.errors import (
    ExportError,
    LimitReached,
    NoSpace,
    SourceBusy,
    SourceCorrupt,
    SourceError,
    SourceMissing,
    UsageError,
)

_HOLDER = re.compile(r"Conflicting lock is held in (.+?)\s*\(PID (\d+)\)")
_BY_WORDS: tuple[tuple[str, type[ExportError], str], ...] = (
    ("database does not exist", SourceMissing, "there is no such file"),
    ("Permission denied", SourceMissing, "permission denied"),
    ("not a valid DuckDB database", SourceCorrupt, "not a DuckDB database"),
    ("Could not read enough bytes", SourceCorrupt, "the database file is truncated"),
    ("checksum", SourceCorrupt, "the database is damaged: a block fails its checksum"),
    ("orrupt", SourceCorrupt, "the database is damaged"),
    ("encrypted", SourceCorrupt, "the database is encrypted"),
    ("No space left", NoSpace, "no space left for temporary files"),
    ("storage version", SourceCorrupt, "written by an incompatible version of DuckDB"),
    ("different configuration", SourceBusy, "held open by this very process"),
    ("Unique file handle conflict", SourceBusy, "held open by this very process"),
    ("Serialization Error", SourceCorrupt, "the database is damaged"),
)


def translate(error: duckdb.Error, name: str) -> ExportError:
    """Return the error of this package that says what *error* means for the source *name*."""
    text = str(error)
    if "Could not set lock" in text:
        held = _HOLDER.search(text)
        who = f"process {held[2]}" if held else "another process"
        return SourceBusy(f"{name}: held for writing by {who} for longer than the busy timeout")
    for words, kind, fact in _BY_WORDS:
        if words in text:
            return kind(f"{name}: {fact}")
    first = " ".join(text.split("\n\nLINE", 1)[0].split())
    if isinstance(error, duckdb.BinderException | duckdb.ParserException | duckdb.CatalogException):
        return UsageError(f"{name}: {first}")
    if isinstance(error, duckdb.PermissionException | duckdb.ConversionException):
        return UsageError(f"{name}: {first}")
    if isinstance(error, duckdb.FatalException | duckdb.InternalException):
        # Damage inside a block surfaces as a failed assertion of the engine.
        return SourceCorrupt(f"{name}: the database is damaged: {first}")
    if isinstance(error, duckdb.OutOfMemoryException):
        return LimitReached(f"{name}: {first}")
    return SourceError(f"{name}: {first}")
