"""Where a source lies: database URLs in SQLAlchemy form, and bare paths.

A file named by a URL with a scheme is never opened here, and a bare path only where its suffix
does not say DuckDB. Closing *any* descriptor of a file drops every POSIX lock the process holds on
it: had this process a SQLite connection open on that file, the lock that protects a running
transaction would silently be gone. Whoever has connections open should name files by URL.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import unquote

from export_assets.config.masking import masked_url
from export_assets.config.rules import SourceKind
from export_assets.errors import UsageError

UrlKind = Literal["sqlite", "duckdb", "postgresql", "mysql", "logs", "states", "other"]

_SCHEME = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]*)://(?P<rest>.*)", re.DOTALL)
_FILE_DIALECTS: dict[str, UrlKind] = {
    "sqlite": "sqlite",
    "sqlite+pysqlite": "sqlite",
    "sqlite+aiosqlite": "sqlite",
    "duckdb": "duckdb",
    "duckdb+duckdb_engine": "duckdb",
}
_SERVER_DIALECTS: dict[str, UrlKind] = {
    "postgresql": "postgresql",
    "postgres": "postgresql",
    "mysql": "mysql",
    "mariadb": "mysql",
}
# Sources are opened read-only anyway, so saying it changes nothing.
_HARMLESS_PARAMETERS = frozenset({"mode=ro", "access_mode=read_only"})
_DUCKDB_SUFFIXES = frozenset({".duckdb", ".ddb"})
_MAGICS: tuple[tuple[int, bytes, UrlKind], ...] = (
    (0, b"SQLite format 3\0", "sqlite"),
    (8, b"DUCK", "duckdb"),
)
_HELD = {"logs": "event logs", "states": "state files"}
_IN_MEMORY = frozenset({"", ":memory:"})


@dataclass(frozen=True, kw_only=True)
class SourceUrl:
    """The address of a source, taken apart as far as it matters before connecting."""

    kind: UrlKind
    path: Path | None = None
    """The absolute path of a file or directory; None for a server."""
    text: str = field(repr=False)
    """The address as given, passwords included: for connecting, never for people."""

    def __str__(self) -> str:
        """Return the address for people, passwords hidden."""
        return masked_url(self.text)


def address_of(text: str, *, kind: SourceKind, base: Path) -> SourceUrl:
    """Return what *text* addresses, a source of that *kind*; relative paths start at *base*.

    Raises:
        UsageError: *text* is no such address.
    """
    if kind == "database":
        return parse_url(text, base=base)
    return parse_directory(text, base=base, kind="logs" if kind == "event_log" else "states")


def parse_url(text: str, *, base: Path) -> SourceUrl:
    """Return what *text* addresses; relative paths start at *base*.

    Symbolic links and `..` are left to the operating system, so that a link to the current
    database is followed anew each time.

    Raises:
        UsageError: *text* is empty, names a database in memory, or is no address.
    """
    text = text.strip()
    if not text or "\0" in text:
        msg = "url: empty" if not text else f"{text!r}: an address holds no NUL character"
        raise UsageError(msg)
    match = _SCHEME.fullmatch(text)
    if match is None:
        if text == ":memory:":
            raise _in_memory(text)
        path = _absolute(Path(text).expanduser() if text.startswith("~") else Path(text), base)
        return SourceUrl(kind=_kind_of_path(path), path=path, text=text)
    scheme = match["scheme"].lower()
    if scheme in _FILE_DIALECTS:
        path = _path_of_url(text, match["rest"], base=base)
        return SourceUrl(kind=_FILE_DIALECTS[scheme], path=path, text=text)
    if scheme == "file":
        path = _path_of_url(text, "/" + match["rest"], base=base)
        return SourceUrl(kind=_kind_of_suffix(path), path=path, text=text)
    kind = _SERVER_DIALECTS.get(scheme.partition("+")[0], "other")
    if not match["rest"].strip("/"):
        msg = f"{masked_url(text)}: names no server and no database"
        raise UsageError(msg)
    return SourceUrl(kind=kind, text=text)


def is_utf8(text: str) -> bool:
    """Whether *text* can be written: what was typed may hold bytes that are no UTF-8."""
    return text.isascii() or text == text.encode(errors="replace").decode()


def check_writable(text: str) -> str:
    """Return *text*, an address, where it can be written into a file of configuration.

    Raises:
        UsageError: It holds bytes that are no UTF-8.
    """
    if not is_utf8(text):
        msg = f"{text!r}: is not UTF-8 text; in an address, sqlite:///… for example, %FF is a byte"
        raise UsageError(msg)
    return text


def parse_directory(
    text: str, *, base: Path, kind: Literal["logs", "states"] = "logs"
) -> SourceUrl:
    """Return the directory of files of that *kind* that *text* names, as a path or `file:///…`.

    Raises:
        UsageError: *text* is empty, or the address of something else.
    """
    text = text.strip()
    if not text or "\0" in text:
        msg = "url: empty" if not text else f"{text!r}: an address holds no NUL character"
        raise UsageError(msg)
    match = _SCHEME.fullmatch(text)
    if match is None:
        path = Path(text).expanduser() if text.startswith("~") else Path(text)
    elif match["scheme"].lower() == "file":
        path = _path_of_url(text, "/" + match["rest"], base=base)
    else:
        msg = f"{masked_url(text)}: is no directory of {_HELD[kind]}"
        raise UsageError(msg)
    return SourceUrl(kind=kind, path=_absolute(path, base), text=text)


def _path_of_url(text: str, rest: str, *, base: Path) -> Path:
    location, _, query = rest.partition("?")
    unknown = [part for part in query.split("&") if part and part not in _HARMLESS_PARAMETERS]
    if unknown:
        name = unknown[0].partition("=")[0]
        msg = f"{masked_url(text)}: parameter {name!r} means nothing for a file opened read-only"
        raise UsageError(msg)
    if location and not location.startswith("/"):
        scheme = text.partition(":")[0]
        msg = f"{masked_url(text)}: a relative path needs three slashes: {scheme}:///{location}"
        raise UsageError(msg)
    decoded = unquote(location[1:], errors="surrogateescape")
    if decoded in _IN_MEMORY or decoded.startswith("file:"):
        raise _in_memory(text)
    if "\0" in decoded:
        msg = f"{masked_url(text)}: a path holds no NUL character"
        raise UsageError(msg)
    return _absolute(Path(decoded), base)


def _absolute(path: Path, base: Path) -> Path:
    return base.absolute() / path


def _kind_of_suffix(path: Path) -> UrlKind:
    return "duckdb" if path.suffix.lower() in _DUCKDB_SUFFIXES else "sqlite"


def _kind_of_path(path: Path) -> UrlKind:
    kind = _kind_of_suffix(path)
    if kind == "duckdb":
        return kind
    try:
        if path.is_dir():
            return "other"
        # A pipe would block, and a device is no database.
        if not path.is_file():
            return kind
        with path.open("rb") as file:
            head = file.read(16)
    except OSError:
        return kind
    for offset, magic, found in _MAGICS:
        if head[offset : offset + len(magic)] == magic:
            return found
    return kind


def _in_memory(text: str) -> UsageError:
    return UsageError(f"{text}: a database in memory has no rows to export; name a file")
