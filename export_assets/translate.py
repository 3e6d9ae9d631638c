"""Foreign exceptions into ours, in one place: by class name, errno and text, importing nobody.

    error = translate(error, subject="shop/orders/parquet")          # to raise or to report
    with translating("shop.db", side="source"):                      # the same, around a block

Libraries tell little: Polars reports a full disk as `OSError` without errno or inside a
`ComputeError`, its `PanicException` is no `Exception`, SQLite says `disk I/O error` for a file-size
limit. What is known about each text is in `_TEXTS`, most telling first.
"""

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from export_assets.errors import (
    DestConflict,
    DestLocked,
    DestPermission,
    ExportError,
    IntegrityError,
    InternalError,
    LimitReached,
    NoSpace,
    RemoteTransient,
    SourceBusy,
    SourceCorrupt,
    SourceMissing,
)

Side = Literal["source", "destination"]

_Pair = tuple[type[ExportError], type[ExportError]]
"""What it is on the source's side, and on the destination's."""

_FULL: _Pair = (NoSpace, NoSpace)
_DENIED: _Pair = (SourceMissing, DestPermission)
_GONE: _Pair = (SourceMissing, DestConflict)
_BUSY: _Pair = (SourceBusy, DestLocked)
_DAMAGED: _Pair = (SourceCorrupt, IntegrityError)
_NETWORK: _Pair = (RemoteTransient, RemoteTransient)
_LIMIT: _Pair = (LimitReached, LimitReached)

_ERRNOS: dict[int, tuple[_Pair, str]] = {
    errno.ENOSPC: (_FULL, "no space left on the disk"),
    errno.EDQUOT: (_FULL, "the disk quota is used up"),
    errno.EFBIG: (_FULL, "the file-size limit is reached"),
    errno.EACCES: (_DENIED, "permission denied"),
    errno.EPERM: (_DENIED, "not permitted"),
    errno.EROFS: (_DENIED, "the file system is read-only"),
    errno.ENOTDIR: (_DENIED, "a part of the path is not a directory"),
    errno.EISDIR: (_DENIED, "it is a directory"),
    errno.ELOOP: (_DENIED, "a symbolic link where none may be"),
    errno.ENAMETOOLONG: (_DENIED, "the name is too long"),
    errno.ENODEV: (_DENIED, "no such device"),
    errno.ENXIO: (_DENIED, "no such device"),
    errno.ENOENT: (_GONE, "no such file or directory"),
    errno.ESTALE: (_GONE, "it disappeared from the network file system"),
    errno.EEXIST: ((SourceMissing, DestConflict), "it exists already"),
    errno.ENOTEMPTY: ((SourceMissing, DestConflict), "a directory there is not empty"),
    errno.EAGAIN: (_BUSY, "held by another process"),
    errno.EBUSY: (_BUSY, "held by another process"),
    errno.ETXTBSY: (_BUSY, "held by another process"),
    errno.EDEADLK: (_BUSY, "held by another process"),
    errno.EIO: (_DAMAGED, "input/output error; the disk may be failing"),
    errno.EMFILE: (_LIMIT, "too many open files; raise the limit (ulimit -n)"),
    errno.ENFILE: (_LIMIT, "too many open files on this machine"),
    errno.ENOMEM: (_LIMIT, "out of memory"),
    errno.ETIMEDOUT: (_NETWORK, "timed out"),
    errno.ECONNREFUSED: (_NETWORK, "connection refused"),
    errno.ECONNRESET: (_NETWORK, "connection reset"),
    errno.ECONNABORTED: (_NETWORK, "connection aborted"),
    errno.EPIPE: (_NETWORK, "connection closed by the other side"),
    errno.EHOSTUNREACH: (_NETWORK, "host unreachable"),
    errno.ENETUNREACH: (_NETWORK, "network unreachable"),
}

# `os error 28` is Rust's, `[Errno 28]` Python's and Arrow's, `"errno":"28"` DuckDB's.
_ERRNO_IN_TEXT = re.compile(
    r"\(os error (\d+)\)|\[errno (\d+)\]|\\?\"errno\\?\":\s*\\?\"(\d+)", re.IGNORECASE
)

_HOLDER = re.compile(r"[Cc]onflicting lock is held in (?P<program>\S.*?) \(PID (?P<pid>\d+)\)")

_TEXTS: tuple[tuple[str, _Pair, str], ...] = (
    # SQLite, through sqlite3, ADBC or SQLAlchemy
    ("database or disk is full", _FULL, "no space left on the disk"),
    ("database is locked", _BUSY, "locked by another process"),
    ("database table is locked", _BUSY, "locked by another connection"),
    ("file is not a database", _DAMAGED, "not a database"),
    ("database disk image is malformed", _DAMAGED, "the database is damaged"),
    ("attempt to write a readonly database", _DENIED, "the database is read-only"),
    ("unable to open database file", _DENIED, "the database file cannot be opened"),
    # ADBC's SQLite driver says this of a file that cannot be opened.
    ("failed to allocate memory", _DENIED, "the database file cannot be opened"),
    # SQLite's answer to a file-size limit as well as to a failing disk; its files are copies
    # and temporaries on the destination's side, where the limit is by far the likelier.
    ("disk i/o error", (SourceCorrupt, NoSpace), "input/output error or file-size limit"),
    # DuckDB
    ("not a valid duckdb database", _DAMAGED, "not a DuckDB database"),
    ("does not match stored checksum", _DAMAGED, "the database is damaged"),
    ("corrupt database file", _DAMAGED, "the database is damaged"),
    ("could not set lock on file", _BUSY, "locked by another process"),
    ("database does not exist", _GONE, "no such database"),
    ("no files found that match", _GONE, "no such file"),
    ("out of memory error", _LIMIT, "out of memory"),
    # What the C library calls the errnos, for libraries that pass on only the words
    ("no space left on device", _FULL, "no space left on the disk"),
    ("disk quota exceeded", _FULL, "the disk quota is used up"),
    ("file too large", _FULL, "the file-size limit is reached"),
    ("permission denied", _DENIED, "permission denied"),
    ("operation not permitted", _DENIED, "not permitted"),
    ("read-only file system", _DENIED, "the file system is read-only"),
    ("no such file or directory", _GONE, "no such file or directory"),
    ("not a directory", _DENIED, "a part of the path is not a directory"),
    ("is a directory", _DENIED, "it is a directory"),
    ("too many open files", _LIMIT, "too many open files; raise the limit (ulimit -n)"),
    ("input/output error", _DAMAGED, "input/output error; the disk may be failing"),
    ("connection refused", _NETWORK, "connection refused"),
    ("connection reset", _NETWORK, "connection reset"),
    ("timed out", _NETWORK, "timed out"),
    # Parquet readers: Polars, Arrow, DuckDB
    ("file out of specification", _DAMAGED, "not a readable Parquet file"),
    ("footer", _DAMAGED, "not a readable Parquet file"),
    # A write that failed for a reason DuckDB does not name is a disk that does not take it.
    ("async write failed", (NoSpace, NoSpace), "the disk does not take the data"),
)

# Libraries whose message texts are trusted; a ValueError of our own that happens to say
# "permission denied" stays a bug.
_LIBRARIES = ("polars", "pyarrow", "_duckdb", "duckdb", "sqlite3", "adbc_driver_manager")

# Up to the last @ of the word: a password with an unescaped @ is masked whole, at the price of
# masking too much where a path holds one.
_PASSWORD_IN_URL = re.compile(r"(?P<start>[A-Za-z][A-Za-z0-9+.-]*://[^\s/:@]*:)\S*@")
_SECRET_SETTING = re.compile(
    r"(?P<start>\b(?:password|passwd|pwd|secret|token|access_key|secret_key|api_key)\b"
    r"[\"']?\s*[=:]\s*)(?:\"[^\"]*\"|'[^']*'|[^\s&;,\"']+)",
    re.IGNORECASE,
)
_IDENTITY = re.compile(r"(?P<start>age-secret-key-)1[a-z0-9]+", re.IGNORECASE)
_LONGEST = 300


def translate(error: BaseException, *, subject: str, side: Side = "destination") -> ExportError:
    """Return the error of ours that says what *error* means for *subject*.

    Args:
        error: Anything raised. One of ours is returned as it is.
        subject: What was being worked on; the message starts with it.
        side: Whether *subject* was being read from or written to, which decides between, say,
            `SourceMissing` and `DestPermission`.
    """
    if isinstance(error, ExportError):
        return error
    name = mask_secrets(subject)
    known = _by_errno(error) or _by_text(error)
    if known is None:
        text = one_line(error)
        return InternalError(f"{name}: {type(error).__name__}{f': {text}' if text else ''}")
    pair, fact = known
    kind = pair[0] if side == "source" else pair[1]
    return kind(f"{name}: {fact}{_where(error, name)}")


@contextmanager
def translating(subject: str, *, side: Side = "destination") -> Iterator[None]:
    """Raise what the block raises as one of ours.

    Interrupts and exits pass through unchanged, so that a command still ends by its signal.
    """
    try:
        yield
    except (ExportError, KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:
        raise translate(error, subject=subject, side=side) from error


def mask_secrets(text: str) -> str:
    """Return *text* with `***` for passwords in URLs, `password=…` settings and identities."""
    masked = mask_identities(text)
    masked = _PASSWORD_IN_URL.sub(lambda found: f"{found['start']}***@", masked)
    return _SECRET_SETTING.sub(lambda found: f"{found['start']}***", masked)


def mask_identities(text: str) -> str:
    """Return *text* with `***` for what is, or begins like, an identity of age."""
    return _IDENTITY.sub(lambda found: f"{found['start']}***", text)


class QuotedSecretError(Exception):
    """Stands for an exception whose message quoted a secret, and says the rest of it."""


def without_secrets(error: BaseException) -> BaseException:
    """Return *error*, or, where it or a cause of it quotes a secret, one that says it masked.

    For whoever keeps the whole chain of an exception: a log, a traceback.
    """
    text = "; ".join(_said(error))
    above = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    cause = None if above is None else without_secrets(above)
    if cause is above and mask_secrets(text) == text:
        return error
    told = QuotedSecretError(f"{type(error).__name__}: {mask_secrets(text)}")
    told.__cause__ = cause
    return told.with_traceback(error.__traceback__)


def _said(error: BaseException) -> Iterator[str]:
    """Yield what a traceback shows of *error* besides code: message, notes, members of a group."""
    yield str(error)
    yield from getattr(error, "__notes__", ())
    for member in error.exceptions if isinstance(error, BaseExceptionGroup) else ():
        yield from _said(member)


def one_line(error: BaseException) -> str:
    """Return the message of *error* as one short line without secrets."""
    line = " ".join(mask_secrets(str(error)).split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"


def _by_errno(error: BaseException) -> tuple[_Pair, str] | None:
    if isinstance(error, MemoryError):
        return _LIMIT, "out of memory"
    code = error.errno if isinstance(error, OSError) else None
    if code is None and _is_foreign(error):
        found = _ERRNO_IN_TEXT.search(str(error))
        code = int(next(group for group in found.groups() if group)) if found else None
    if code is None:
        return None
    return _ERRNOS.get(code)


def _by_text(error: BaseException) -> tuple[_Pair, str] | None:
    if not _is_foreign(error):
        return None
    text = str(error).lower()
    for words, pair, fact in _TEXTS:
        if words in text:
            return pair, fact
    return None


def _is_foreign(error: BaseException) -> bool:
    if isinstance(error, OSError):
        return True
    modules = {kind.__module__.partition(".")[0] for kind in type(error).__mro__}
    return not modules.isdisjoint(_LIBRARIES)


def _where(error: BaseException, subject: str) -> str:
    """Return who or what else is concerned, in brackets, where the error tells."""
    holder = _HOLDER.search(str(error))
    if holder is not None:
        return f" (process {holder['pid']}, {holder['program']})"
    filename = error.filename if isinstance(error, OSError) else None
    if filename is None:
        return ""
    path = mask_secrets(os.fsdecode(filename) if isinstance(filename, bytes) else str(filename))
    return "" if path in subject else f" ({path})"
