"""What errors of SQLAlchemy and of any driver mean, in this package's own classes."""

import sqlalchemy as sa

from export_assets.errors import (
    ExportError,
    RemoteTransient,
    SourceBusy,
    SourceChanged,
    SourceError,
    SourceMissing,
    UsageError,
)

_BY_STATE: dict[str, type[ExportError]] = {
    "28": SourceMissing,  # who are you
    "3D": SourceMissing,  # no such catalogue
    "42501": SourceMissing,
    "08": RemoteTransient,
    "57": RemoteTransient,
    "40": SourceBusy,
    "55": SourceBusy,
    "42P01": SourceChanged,
    "42S02": SourceChanged,
    "42S22": SourceChanged,
    "42": UsageError,
}
"""By SQLSTATE or the class that starts it; the longer goes first."""
_BY_WORDS: tuple[tuple[str, type[ExportError]], ...] = (
    ("password", SourceMissing),
    ("authentication", SourceMissing),
    ("access denied", SourceMissing),
    ("unable to open database file", SourceMissing),
    ("permission denied", SourceMissing),
    ("locked", SourceBusy),
    ("deadlock", SourceBusy),
    ("lock timeout", SourceBusy),
    ("no such table", SourceChanged),
    ("no such column", SourceChanged),
    ("syntax error", UsageError),
)


def translate(error: Exception, name: str) -> ExportError:
    """Return the error of this package that says what *error* means for the source *name*."""
    if isinstance(error, sa.exc.NoSuchTableError):
        return SourceChanged(f"{name}: there is no table {error} any more")
    original = getattr(error, "orig", None) or error
    words = _first_line(original)
    lost = isinstance(error, sa.exc.DBAPIError) and error.connection_invalidated
    if lost:
        return RemoteTransient(f"{name}: the connection to the server was lost: {words}")
    state = str(getattr(original, "sqlstate", None) or getattr(original, "pgcode", None) or "")
    for size in (5, 2):
        if (kind := _BY_STATE.get(state[:size])) is not None:
            return kind(f"{name}: {words}")
    for part, kind in _BY_WORDS:
        if part in words.lower():
            return kind(f"{name}: {words}")
    if isinstance(error, sa.exc.OperationalError | sa.exc.InterfaceError | OSError):
        return RemoteTransient(f"{name}: {words}")
    if isinstance(error, sa.exc.ProgrammingError):
        return UsageError(f"{name}: {words}")
    return SourceError(f"{name}: {words}")


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return " ".join(lines[0].split()) if lines else type(error).__name__
