"""A set in a directory of the user's choice: whole and of one moment, exchanged in one step.

    with stage_directory(Path("database_exports"), key, run_id) as staging:
        ...                                     write parts into staging.path
        staging.publish(manifest)

A reader of the directory sees the files of one generation. What is being written, and the lock, lie
in a hidden directory beside it.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from export_assets.errors import DestConflict, DestPermission, IntegrityError
from export_assets.store.durable import directory as directory_fd
from export_assets.store.durable import make_directory
from export_assets.store.filesystem import REAL, Filesystem
from export_assets.store.hashing import hash_file
from export_assets.store.layout import ExportKey, check_partition, parse_leftover
from export_assets.store.local import read_if_there
from export_assets.store.lock import partition_lock
from export_assets.store.manifest import MANIFEST_NAME, Manifest
from export_assets.store.recovery import recover
from export_assets.store.staging import PRIVATE, SHARED, Staging, walk
from export_assets.translate import translating

LOCK = "lock"


@contextmanager
def stage_directory(
    target: Path,
    key: ExportKey,
    run_id: str,
    *,
    timeout: float = 0.0,
    overwrite: bool = False,
    private: bool = False,
    filesystem: Filesystem = REAL,
) -> Iterator[Staging]:
    """Lock *target*, put it right after a crash, and give a directory to write its next content in.

    Raises:
        DestLocked: Another run holds it.
        DestConflict: It holds what no export put there; with *overwrite* files of ours may be
            damaged, but those of others still stay.
        DestPermission: It cannot be written, or is no directory.
    """
    target = target.absolute()
    if not target.name or target.is_symlink() or (target.exists() and not target.is_dir()):
        msg = f"{target}: is no directory that can be replaced"
        raise DestPermission(msg)
    check_partition(target.name)
    with translating(str(target)):
        _previous(target, key, overwrite=overwrite)  # before anything is made beside it
    beside = _beside(target)
    with ExitStack() as stack:
        with translating(str(target)):
            make_directory(target.parent)
            make_directory(beside)
            stack.enter_context(
                partition_lock(beside / LOCK, timeout=timeout, holder=run_id, subject=str(target))
            )
            dir_fd = stack.enter_context(directory_fd(target.parent))
            staging_fd = stack.enter_context(directory_fd(beside))
            recover(target.name, dir_fd=dir_fd, staging_fd=staging_fd, filesystem=filesystem)
            previous = _previous(target, key, overwrite=overwrite)
            staging = Staging(
                key=key,
                directory=target.name,
                target=target,
                dir_fd=dir_fd,
                staging=beside,
                staging_fd=staging_fd,
                run_id=run_id,
                previous=previous,
                filesystem=filesystem,
                modes=PRIVATE if private else SHARED,
            )
        try:
            yield staging
        finally:
            staging.discard()


def deliver(
    published: Path,
    target: Path,
    run_id: str,
    *,
    timeout: float = 0.0,
    overwrite: bool = False,
    private: bool = False,
) -> bool:
    """Make *target* a copy of the set *published* in the store; False where it is one already.

    With *overwrite* it is copied again in any case, whatever its files hold.

    Raises:
        IntegrityError: What is published is not what its manifest says.
        ExportError: As `stage_directory`.
    """
    manifest = read_if_there(published)
    if manifest is None:
        msg = f"{published}: was published and is gone"
        raise IntegrityError(msg)
    if not overwrite and is_settled(target, manifest):
        return False
    key = ExportKey(manifest.source, manifest.table, manifest.format)
    staged = stage_directory(
        target, key, run_id, timeout=timeout, overwrite=overwrite, private=private
    )
    with staged as staging:
        if not overwrite and is_copy(target, manifest):
            return False  # what a dead run left beside it is swept by now
        for file in manifest.files:
            copied = staging.path / file.path
            with translating(str(copied)):
                shutil.copyfile(published / file.path, copied)
            if hash_file(copied) != (file.bytes, file.sha256):
                msg = f"{published / file.path}: is not what its manifest says"
                raise IntegrityError(msg)
        staging.publish(manifest)
    return True


def is_settled(target: Path, manifest: Manifest) -> bool:
    """Whether *target* is a copy of the set of *manifest*, and no dead run left anything."""
    beside = _beside(target.absolute())
    try:
        with os.scandir(beside) as entries:
            left = any(parse_leftover(entry.name) is not None for entry in entries)
    except FileNotFoundError:
        left = False
    except OSError:
        return False
    return not left and is_copy(target, manifest)


def is_copy(target: Path, manifest: Manifest) -> bool:
    """Whether *target* holds the files of *manifest*, by its own record and their sizes."""
    try:
        there = read_if_there(target)
    except IntegrityError:
        return False
    if there is None or there.files != manifest.files:
        return False
    try:
        return dict(walk(target)) == {
            MANIFEST_NAME: (target / MANIFEST_NAME).stat().st_size,
            **{file.path: file.bytes for file in manifest.files},
        }
    except OSError:
        return False


def _beside(target: Path) -> Path:
    return target.parent / f".export_assets.{target.name}"


def _previous(target: Path, key: ExportKey, *, overwrite: bool) -> Manifest | None:
    """Return the record of what is there now.

    Raises:
        DestConflict: It is not ours to replace.
    """
    if not target.exists():
        return None
    previous = None
    try:
        previous = read_if_there(target)
    except IntegrityError:
        if not overwrite:
            raise
    known = {MANIFEST_NAME}
    if previous is not None:
        if (previous.source, previous.table, previous.format) != (
            key.source,
            key.table,
            key.format,
        ):
            msg = f"{target}: holds {previous.source}/{previous.table}, which stays"
            raise DestConflict(msg)
        known |= {file.path for file in previous.files}
    others = sorted(name for name, _ in walk(target) if name not in known)
    if others and not (overwrite and previous is None and (target / MANIFEST_NAME).exists()):
        more = f" and {len(others) - 1} more" if len(others) > 1 else ""
        msg = f"{target}: holds {others[0]}{more}, which no export put there; move it away, or "
        msg += "choose another directory"
        raise DestConflict(msg)
    return previous
