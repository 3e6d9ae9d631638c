"""What a person sees of a project: its files, and whether each of them is whole."""

import re
import sqlite3
from collections import defaultdict
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from zipfile import BadZipFile, ZipFile

import duckdb

from export_assets.archives.zip_reader import open_archive
from export_assets.errors import ExportError
from export_assets.store.catalogue import list_published
from export_assets.store.verify import verify_partition

_TIME = re.compile(r"\d{8}_\d{6}(_\d+)?(?!\d)")
_INNER = frozenset({"catalog.duckdb"})
"""Files that hold what only looks at the others, and the time."""

Seen = dict[str, set[str]]
"""Digests of the files of each name, times in names aside."""


def seen(home: Path) -> Seen:
    """Return what is visible below *home*."""
    found: Seen = defaultdict(set)
    for path in home.rglob("*"):
        parts = path.relative_to(home).parts
        hidden = any(part.startswith((".", "_")) for part in parts if part != "_segments")
        if path.is_file() and not hidden and path.name not in _INNER:
            found[_name(home, path)].add(_digest(path))
    return dict(found)


def names(home: Path) -> set[str]:
    """Return every name below *home*, hidden ones as well; locks may stay where they are."""
    return {_name(home, path) for path in home.rglob("*") if path.suffix != ".lock"}


def empty(home: Path) -> set[str]:
    """Return the names of directories that hold nothing."""
    places = [path for path in home.rglob("*") if path.is_dir() and not any(path.iterdir())]
    return {_name(home, path) for path in places}


def torn(home: Path) -> list[str]:
    """Say what is published, archived or catalogued and not whole."""
    exports = home / "exports"
    found = [
        f"{one.path.relative_to(exports)}: {verify_partition(one.path)}"
        for one in list_published(exports)
        if verify_partition(one.path)
    ]
    for path in exports.glob("archives/*.zip"):
        try:
            with open_archive(path) as archive:
                archive.verify()
        except ExportError as error:
            found.append(f"{path.name}: {error}")
    catalogue = exports / "catalog.duckdb"
    if catalogue.exists():
        try:
            _tables(catalogue)
        except duckdb.Error as error:
            found.append(f"catalog.duckdb: {error}")
    return found


def lines_of(home: Path) -> set[bytes]:
    """Return every line of every log that is in place, in the trash or in a sound archive."""
    logs = [path.read_bytes() for path in home.glob("logs/**/*") if path.is_file()]
    for path in home.glob("exports/archives/*.zip"):
        with open_archive(path) as archive:
            logs += [b"".join(archive.read(member)) for member in archive.metadata.members]
    return {line for content in logs for line in content.splitlines() if line.startswith(b'{"ts"')}


def _name(home: Path, path: Path) -> str:
    return _TIME.sub("TIME", path.relative_to(home).as_posix())


def _digest(path: Path) -> str:
    """Return what tells the content; of files that hold times, only whether it is whole."""
    match path.suffix:
        case ".zip" | ".xlsx":
            try:
                with ZipFile(path) as opened:
                    return f"bad: {opened.testzip()}" if opened.testzip() else "whole"
            except BadZipFile as error:
                return f"bad: {error}"
        case ".sqlite":
            with closing(sqlite3.connect(path)) as connection:
                return str(connection.execute("pragma integrity_check").fetchall())
        case ".duckdb":
            return _tables(path)
    return sha256(path.read_bytes()).hexdigest()


def _tables(path: Path) -> str:
    with closing(duckdb.connect(str(path), read_only=True)) as connection:
        return str(
            connection.execute("select table_name from duckdb_tables() order by 1").fetchall()
        )
