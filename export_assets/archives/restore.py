"""Bringing files back from an archive: planned first, staged, proven, then put in place one by one.

plan = plan_restore(archive, target)       # the dry run
report = restore(archive, target, run_id="r1")
"""

import errno
import os
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Literal

from export_assets.archives.content import open_below
from export_assets.archives.encryption.keyring import NO_KEYS, Keyring
from export_assets.archives.fingerprint import hash_descriptor
from export_assets.archives.metadata import ArchivedMember
from export_assets.archives.restore_staging import Staging, staging_of
from export_assets.archives.zip_reader import OpenArchive, open_archive, true_path
from export_assets.errors import DestConflict, UsageError
from export_assets.store.durable import directory, make_directory
from export_assets.store.filesystem import REAL, Filesystem
from export_assets.store.space import check_space
from export_assets.translate import translating

_NOT_OF_THE_FILE = frozenset(
    {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO, errno.EACCES, errno.EPERM}
)
"""Errors that say nothing about what is there."""

Action = Literal["create", "present", "conflict", "replace"]
"""Make it; it is there with this content; another content is there; that is set aside."""


@dataclass(frozen=True, kw_only=True)
class RestoreStep:
    """What happens to one file."""

    path: str
    bytes: int
    action: Action


@dataclass
class RestoreReport:
    """What was restored."""

    restored: list[str] = field(default_factory=list)
    present: list[str] = field(default_factory=list)
    """Paths that were there with the same content already."""
    kept: dict[str, str] = field(default_factory=dict)
    """By path, the name that the file which was there before has now."""


def plan_restore(
    archive: Path,
    target: Path,
    *,
    paths: Collection[str] | None = None,
    day: date | None = None,
    overwrite: bool = False,
    keyring: Keyring = NO_KEYS,
) -> list[RestoreStep]:
    """Return what `restore` would do; nothing is written.

    Args:
        archive: The zip.
        target: The directory that files come back to; it need not exist.
        paths: Only these files, by their relative paths.
        day: Only files with content of that day, in UTC.
        overwrite: Whether other files of these names may be set aside.
        keyring: What opens it, if it is encrypted.

    Raises:
        IntegrityError: The archive is damaged.
        SourceMissing: There is no such archive.
        Tampered: It is encrypted, and not what was written.
        UnsafeArchive: It must not be unpacked.
        UsageError: It holds none of the files asked for.
        WrongKey: It is encrypted, and *keyring* does not open it; nothing was written.
    """
    with open_archive(archive, keyring) as opened:
        chosen = choose(opened, paths=paths, day=day)
        return [_step(target, member, overwrite=overwrite) for member in chosen]


def restore(
    archive: Path,
    target: Path,
    *,
    run_id: str,
    paths: Collection[str] | None = None,
    day: date | None = None,
    overwrite: bool = False,
    keyring: Keyring = NO_KEYS,
    filesystem: Filesystem = REAL,
) -> RestoreReport:
    """Bring back files of *archive* below *target*, with their modification times.

    Every file is unpacked beside its place and proven before any is put in place. A file with the
    same content stays as it is, so that a restore that was killed can be run again.

    Raises:
        DestConflict: Another file has the name of one to restore, and *overwrite* is off;
            nothing was put in place.
        DestinationError: The target cannot be written.
        IntegrityError: The archive is damaged; nothing was put in place.
        SourceMissing: There is no such archive.
        Tampered: It is encrypted, and not what was written; nothing was written here.
        UnsafeArchive: It must not be unpacked; nothing was written.
        UsageError: It holds none of the files asked for.
        WrongKey: It is encrypted, and *keyring* does not open it; nothing was written.
    """
    with open_archive(archive, keyring) as opened, translating(str(target)):
        chosen = choose(opened, paths=paths, day=day)
        make_directory(target)
        with staging_of(target.resolve(), run_id=run_id, filesystem=filesystem) as staging:
            return _restore(opened, chosen, target.resolve(), staging, overwrite=overwrite)


def choose(
    archive: OpenArchive, *, paths: Collection[str] | None, day: date | None
) -> list[ArchivedMember]:
    """Return the members asked for.

    Raises:
        UsageError: One of *paths* is not in the archive, or nothing is of that day.
    """
    members = list(archive.metadata.members)
    if paths is not None:
        missing = sorted(set(paths) - {true_path(member) for member in members})
        if missing:
            msg = f"{archive.path}: holds no file {missing[0]!r}"
            raise UsageError(msg)
        members = [member for member in members if true_path(member) in paths]
    if day is not None:
        members = [member for member in members if member.is_about(day)]
        if not members:
            msg = f"{archive.path}: holds nothing of {day}"
            raise UsageError(msg)
    return members


def _restore(
    archive: OpenArchive,
    chosen: list[ArchivedMember],
    target: Path,
    staging: Staging,
    *,
    overwrite: bool,
) -> RestoreReport:
    steps = [_step(target, member, overwrite=overwrite) for member in chosen]
    conflicts = [step.path for step in steps if step.action == "conflict"]
    if conflicts:
        msg = f"{target / conflicts[0]}: exists with other content ({len(conflicts)} such files)"
        raise DestConflict(msg)
    report = RestoreReport(present=[step.path for step in steps if step.action == "present"])
    wanted = [(m, s) for m, s in zip(chosen, steps, strict=True) if s.action != "present"]
    with directory(target) as dir_fd:
        needed = sum(step.bytes for _, step in wanted)
        check_space(dir_fd, subject=str(target), estimated_bytes=needed)
    for number, (member, _) in enumerate(wanted):
        staging.write(number, archive.read(member), mtime_ns=member.mtime_ns)
    staging.sync()
    for number, (_, step) in enumerate(wanted):
        kept = staging.put(number, step.path, replace=step.action == "replace")
        if kept is not None:
            report.kept[step.path] = kept
        report.restored.append(step.path)
    staging.sync_targets()
    return report


def _step(target: Path, member: ArchivedMember, *, overwrite: bool) -> RestoreStep:
    path = true_path(member)
    action: Action
    try:
        fd = open_below(target, path)
    except FileNotFoundError:
        return RestoreStep(path=path, bytes=member.bytes, action="create")
    except OSError as error:
        if error.errno in _NOT_OF_THE_FILE:
            raise
        # A directory, a link, a link on the way: nothing that may be set aside.
        return RestoreStep(path=path, bytes=member.bytes, action="conflict")
    try:
        same = os.fstat(fd).st_size == member.bytes and hash_descriptor(fd)[1] == member.sha256
    finally:
        os.close(fd)
    action = "present" if same else "replace" if overwrite else "conflict"
    return RestoreStep(path=path, bytes=member.bytes, action=action)
