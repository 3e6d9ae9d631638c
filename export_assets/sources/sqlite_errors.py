"""SQLite's errors in this package's own classes, one line each."""

import re
import sqlite3

from export_assets.errors import (
    ExportError,
    NoSpace,
    SourceBusy,
    SourceChanged,
    SourceCorrupt,
    SourceError,
    SourceMissing,
    UsageError,
)

_BY_CODE: dict[str, tuple[type[ExportError], str]] = {
    "SQLITE_BUSY": (SourceBusy, "locked by another process for longer than the busy timeout"),
    "SQLITE_LOCKED": (SourceBusy, "locked by another connection"),
    "SQLITE_NOTADB": (SourceCorrupt, "not a SQLite database, or encrypted"),
    "SQLITE_CORRUPT": (SourceCorrupt, "the database is damaged"),
    "SQLITE_IOERR_SHORT_READ": (SourceCorrupt, "the database file is truncated"),
    "SQLITE_IOERR_CORRUPTFS": (SourceCorrupt, "the file system is damaged"),
    "SQLITE_IOERR": (SourceCorrupt, "cannot be read: the disk reports an error"),
    "SQLITE_FORMAT": (SourceCorrupt, "not a SQLite database"),
    "SQLITE_CANTOPEN": (SourceMissing, "cannot be opened"),
    "SQLITE_PERM": (SourceMissing, "permission denied"),
    "SQLITE_AUTH": (SourceMissing, "permission denied"),
    "SQLITE_FULL": (NoSpace, "no space left for temporary files"),
    "SQLITE_INTERRUPT": (
        NoSpace,
        (
            "there was no room for a copy, and reading in place was ended:"
            " it outlasted read_timeout, or let the write-ahead log grow too far"
        ),
    ),
    "SQLITE_SCHEMA": (SourceChanged, "the schema changed while it was read"),
}

# The fast reader reports in words only, and only the limit of reading closes under a reader.
_BY_WORDS: tuple[tuple[str, str], ...] = (
    ("database is locked", "SQLITE_BUSY"),
    ("not a database", "SQLITE_NOTADB"),
    ("malformed", "SQLITE_CORRUPT"),
    ("disk is full", "SQLITE_FULL"),
    ("unable to open", "SQLITE_CANTOPEN"),
    ("closed database", "SQLITE_INTERRUPT"),
)


def translate(error: Exception, name: str) -> ExportError:
    """Return the error of this package that says what *error* means for the source *name*."""
    code = _code_of(error)
    while code:
        if code in _BY_CODE:
            kind, fact = _BY_CODE[code]
            return kind(f"{name}: {fact}")
        code = code.rpartition("_")[0]
    fact = " ".join(str(error).split())
    if re.search(r"no such (function|module|collation|table|column)|syntax error", fact):
        return UsageError(f"{name}: {fact}")
    return SourceError(f"{name}: {fact}")


def _code_of(error: Exception) -> str:
    if isinstance(error, sqlite3.Error):
        code = getattr(error, "sqlite_errorname", None)
        if isinstance(code, str):
            return code
    for words, code in _BY_WORDS:
        if words in str(error):
            return code
    return ""
