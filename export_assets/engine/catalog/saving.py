"""Saving what a query gives as one file, whole or not at all."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from export_assets.engine.catalog.rows import Rows
from export_assets.errors import DestConflict, DestPermission, UsageError
from export_assets.formats.base import Format, FormatOptions
from export_assets.store.durable import directory, sync
from export_assets.store.filesystem import REAL
from export_assets.translate import translating

_MODE = 0o600
"""Whatever was published for its owner alone may be among the rows."""


def write_rows(rows: Rows, path: Path, fmt: Format) -> int:
    """Write *rows* as the new file *path*; return how many they were.

    Raises:
        ExportError: The rows cannot be had, or written; nothing is left behind.
    """
    written = 0
    try:
        writer = fmt.open(path, rows.schema, FormatOptions(), {})
        try:
            for batch in rows.batches:
                writer.write(batch)
                written += batch.rows
            writer.close()
        except BaseException:
            writer.abort()
            raise
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return written


def save_rows(rows: Rows, target: Path, fmt: Format, *, overwrite: bool) -> int:
    """Write *rows* to *target*, for its owner alone; return how many they were.

    It appears in one step, durably.

    Raises:
        DestConflict: There is such a file, and it may not be replaced.
        DestPermission: The directory does not exist.
        ExportError: The rows cannot be had, or written; the target is as it was.
    """
    with _staged(target, overwrite=overwrite) as staged:
        return write_rows(rows, staged, fmt)


def check_target(target: Path, exports: Path) -> None:
    """Refuse a *target* among what is published.

    Raises:
        UsageError: It lies there.
    """
    if target.resolve().is_relative_to(exports.resolve()):
        msg = f"{target}: lies in {exports}, where only what is published may be"
        raise UsageError(msg)


@contextmanager
def _staged(target: Path, *, overwrite: bool) -> Iterator[Path]:
    parent = target.parent
    if not parent.is_dir():
        msg = f"{target}: there is no directory {parent}"
        raise DestPermission(msg)
    _refuse_existing(target, overwrite=overwrite)
    with translating(str(target)):
        staging = parent / f".{target.name[:100]}.{secrets.token_hex(4)}.tmp"
        staging.mkdir(mode=0o700)
        staged = staging / target.name
        try:
            yield staged
            with directory(staging) as staging_fd, directory(parent) as parent_fd:
                sync(target.name, dir_fd=staging_fd, mode=_MODE, filesystem=REAL)
                if overwrite:
                    REAL.rename(target.name, target.name, dir_fd=parent_fd, from_fd=staging_fd)
                else:
                    REAL.rename_new(target.name, target.name, dir_fd=parent_fd, from_fd=staging_fd)
                REAL.fsync(parent_fd)
        except FileExistsError as error:
            msg = f"{target}: exists already; --overwrite replaces it"
            raise DestConflict(msg) from error
        finally:
            staged.unlink(missing_ok=True)
            staging.rmdir()


def _refuse_existing(target: Path, *, overwrite: bool) -> None:
    if target.is_dir():
        msg = f"{target}: is a directory"
        raise UsageError(msg)
    if not overwrite and os.path.lexists(target):
        msg = f"{target}: exists already; --overwrite replaces it"
        raise DestConflict(msg)
