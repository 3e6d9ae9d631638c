"""Emptying the trash: what an archive still proves to hold is removed, what grew is put back."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from export_assets.archives.content import open_below
from export_assets.archives.member_names import encoded_path
from export_assets.archives.offload.lease import lease
from export_assets.archives.offload.ledger import (
    Ledger,
    LedgerEntry,
    LedgerMember,
    read_ledger,
    removal_entry,
)
from export_assets.archives.offload.recovery import verify_entry
from export_assets.archives.offload.removal import is_named, still_the_same
from export_assets.archives.offload.request import TRASH, OffloadReport
from export_assets.archives.offload.run import LOCK_NAME
from export_assets.archives.offload.trash import files_below, remove_empty
from export_assets.errors import DestPermission, ExportError
from export_assets.store.durable import make_directory, subdirectory
from export_assets.store.filesystem import REAL, Filesystem
from export_assets.store.lock import partition_lock
from export_assets.translate import translating


@dataclass(frozen=True, kw_only=True)
class PurgeRequest:
    """Whose trash to empty."""

    source_dir: Path
    archives: Path
    allow_delete: bool
    """The project's permission."""
    grace: timedelta = timedelta(days=7)
    """How long files stay in the trash at least, counted from the last one moved there."""
    run_id: str
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    filesystem: Filesystem = field(default=REAL)


def plan_purge(request: PurgeRequest) -> dict[str, list[str]]:
    """Return the paths in the trash whose time has come, by archive; nothing is touched.

    Raises:
        IntegrityError: The ledger is damaged.
        OSError: Ledger or trash cannot be read.
    """
    root = request.source_dir.resolve()
    ledger = read_ledger(request.archives, filesystem=request.filesystem)
    return {
        entry.archive: sorted(files_below(root / TRASH / entry.archive))
        for entry in _due(request, ledger)
    }


def purge(request: PurgeRequest) -> OffloadReport:
    """Remove files from the trash that have been there long enough and are in a sound archive.

    A file that somebody wrote to since is not removed: it goes back to where it was, if nothing is
    there meanwhile, and what was added is read and archived like any other content.

    Raises:
        DestLocked: An offload into the same directory is running.
        DestPermission: The project does not permit to delete.
    """
    if not request.allow_delete:
        msg = f"{request.source_dir}: the project does not permit to delete (allow_delete)"
        raise DestPermission(msg)
    with translating(str(request.archives)):
        make_directory(request.archives)
        lock = request.archives / LOCK_NAME
        with partition_lock(lock, holder=request.run_id, subject=f"offload to {request.archives}"):
            return _purge(request)


def _purge(request: PurgeRequest) -> OffloadReport:
    report = OffloadReport()
    ledger = read_ledger(request.archives, filesystem=request.filesystem)
    if ledger.damage is not None:
        report.problems.append(f"{ledger.damage}; nothing is removed until it is moved away")
        return report
    for entry in list(_due(request, ledger)):
        files = sorted(files_below(request.source_dir.resolve() / TRASH / entry.archive))
        if not files:
            remove_empty(request.source_dir.resolve() / TRASH, entry.archive)
            continue
        try:
            verify_entry(request.archives, entry)
        except ExportError as error:
            report.problems.append(str(error))
            for path in files:
                report.skip(path, "archive_damaged")
            continue
        gone = _purge_of(request, entry, files, report)
        remove_empty(request.source_dir.resolve() / TRASH, entry.archive)
        if gone:
            moment = request.now
            ledger.append(
                removal_entry(entry, "PURGED", gone, run_id=request.run_id, moment=moment)
            )
    return report


def _due(request: PurgeRequest, ledger: Ledger) -> Iterator[LedgerEntry]:
    """Yield the entries of archives whose trash has waited long enough."""
    root = request.source_dir.resolve()
    for entry in ledger.archived():
        done = ledger.entries_of("DONE", entry.archive)
        trash = root / TRASH / entry.archive
        mine = entry.source_dir == encoded_path(str(root)) and trash.is_dir()
        if mine and done and done[-1].at + request.grace <= request.now:
            yield entry


def _purge_of(
    request: PurgeRequest, entry: LedgerEntry, files: list[str], report: OffloadReport
) -> list[LedgerMember]:
    members, gone = entry.by_path(), []
    for path in files:
        member = members.get(path)
        if member is None:
            report.skip(path, "unknown")
        elif _purge_file(request, entry, path, member, report):
            gone.append(member)
            report.removed.append(path)
    return gone


def _purge_file(
    request: PurgeRequest,
    entry: LedgerEntry,
    path: str,
    member: LedgerMember,
    report: OffloadReport,
) -> bool:
    root = request.source_dir.resolve()
    *parents, name = path.split("/")
    trash = (TRASH, entry.archive, *parents)
    try:
        fd = open_below(root, "/".join((*trash, name)))
    except OSError:
        report.skip(path, "not_regular")
        return False
    try:
        with (
            lease(fd) as held,
            subdirectory(root, trash, filesystem=request.filesystem, create=False) as trash_fd,
        ):
            if held is None or not is_named(fd, name, dir_fd=trash_fd):
                report.skip(path, "in_use")
                return False
            reason = still_the_same(fd, member, held)
            if reason == "changed" and _put_back(request, root, path, trash_fd):
                report.returned.append(path)
            elif reason is not None:
                report.skip(path, reason)
            else:
                request.filesystem.unlink(name, dir_fd=trash_fd)
                request.filesystem.at("unlinked")
                request.filesystem.fsync(trash_fd)
            return reason is None
    finally:
        os.close(fd)


def _put_back(request: PurgeRequest, root: Path, path: str, trash_fd: int) -> bool:
    """Move a file out of the trash to its own place; return whether that was free."""
    *parents, name = path.split("/")
    here = tuple(parents)
    with subdirectory(root, here, filesystem=request.filesystem, create=True) as dir_fd:
        try:
            request.filesystem.rename_new(name, name, dir_fd=dir_fd, from_fd=trash_fd)
        except FileExistsError:
            return False
        request.filesystem.fsync(dir_fd)
        request.filesystem.fsync(trash_fd)
    return True
