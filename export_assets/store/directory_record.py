"""The record of an ad-hoc directory: which files were put there, and what is in them."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import msgspec

from export_assets.errors import DestConflict, IntegrityError
from export_assets.store.durable import create
from export_assets.store.filesystem import Filesystem
from export_assets.store.manifest import (
    FORMAT_VERSION,
    MANIFEST_NAME,
    FileRecord,
    decode_document,
    encode_document,
)
from export_assets.translate import one_line

KIND: Literal["directory"] = "directory"


class FileEntry(FileRecord, frozen=True, kw_only=True):
    """One file of the directory."""

    source: str
    table: str
    format: str
    created_at: datetime
    run_id: str


class DirectoryRecord(msgspec.Struct, frozen=True, kw_only=True):
    """All files that were put into one directory and are still there."""

    format_version: int = FORMAT_VERSION
    kind: Literal["directory"] = KIND
    files: tuple[FileEntry, ...] = ()
    checksum: str = ""


def read_record(directory: Path) -> DirectoryRecord | None:
    """Return the record of *directory*, or None where there is none.

    Raises:
        IntegrityError: There is one, and it is damaged.
        DestConflict: Its `_manifest.json` is something else.
    """
    path = directory / MANIFEST_NAME
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    if _kind(data) != KIND:
        msg = f"{path}: it is not the record of an output directory"
        raise DestConflict(msg)
    try:
        return decode_document(data, DirectoryRecord)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        msg = f"{path}: not a valid record: {one_line(error)}"
        raise IntegrityError(msg) from error


def _kind(data: bytes) -> object:
    """Return what a document says it is; damage that hides it counts as ours."""
    try:
        document: Any = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return KIND
    return document.get("kind") if isinstance(document, dict) else None


def update_record(
    directory: Path,
    *,
    add: tuple[FileEntry, ...] = (),
    forget: frozenset[str] = frozenset(),
    dir_fd: int,
    filesystem: Filesystem,
    mode: int = 0o640,
) -> DirectoryRecord:
    """Rewrite the record of *directory* under its lock; entries of vanished files go.

    Args:
        directory: The directory.
        add: Entries to add, or to put in the place of those of the same path.
        forget: Paths whose entries go.
        dir_fd: *directory*, open.
        filesystem: The system calls.
        mode: Permissions of the record.
    """
    with locked(dir_fd):
        record = read_record(directory) or DirectoryRecord()
        entries = {entry.path: entry for entry in record.files if entry.path not in forget}
        entries |= {entry.path: entry for entry in add}
        there = [entries[path] for path in sorted(entries) if _is_file(dir_fd, path)]
        updated = DirectoryRecord(files=tuple(there))
        # One name for all runs, so that what a dead one left there goes.
        temporary = f".{MANIFEST_NAME}.tmp"
        with suppress(FileNotFoundError):
            filesystem.unlink(temporary, dir_fd=dir_fd)
        if updated.files == record.files:
            return record
        try:
            data = encode_document(updated)
            create(temporary, data, dir_fd=dir_fd, mode=mode, filesystem=filesystem)
            filesystem.rename(temporary, MANIFEST_NAME, dir_fd=dir_fd)
        except BaseException:
            with suppress(OSError):
                filesystem.unlink(temporary, dir_fd=dir_fd)
            raise
        filesystem.fsync(dir_fd)
    return updated


@contextmanager
def locked(dir_fd: int) -> Iterator[None]:
    """Hold the lock of an open directory: for moments only, so it waits without limit."""
    fcntl.flock(dir_fd, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(dir_fd, fcntl.LOCK_UN)


def _is_file(dir_fd: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=dir_fd, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True
