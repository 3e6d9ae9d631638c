"""Emptying the trash: what an archive still proves to hold is removed, what grew is put back."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from export_assets.archives.encryption.keyring import NO_KEYS, Keyring
from export_assets.archives.member_names import encoded_path
from export_assets.archives.offload.ledger import (
    Ledger,
    LedgerEntry,
    read_ledger,
    removal_entry,
)
from export_assets.archives.offload.recovery import OF_THE_ARCHIVE, settle, verify_entry
from export_assets.archives.offload.request import TRASH, OffloadReport
from export_assets.archives.offload.run import LOCK_NAME
from export_assets.archives.offload.trash import Trash, files_below, purge_files
from export_assets.errors import DestPermission, WrongKey
from export_assets.store.durable import make_directory
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
    keyring: Keyring = NO_KEYS
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
    root = request.source_dir.resolve()
    # What a killed run had moved there would be due with the run after the next only.
    settle(root, ledger, run_id=request.run_id, moment=request.now)
    for entry in list(_due(request, ledger)):
        files = sorted(files_below(root / TRASH / entry.archive))
        try:
            verify_entry(request.archives, entry, request.keyring)
        except WrongKey:
            for path in files:
                report.skip(path, "no_key")
            continue
        except OF_THE_ARCHIVE as error:
            report.problems.append(str(error))
            for path in files:
                report.skip(path, "archive_damaged")
            continue
        gone = purge_files(trash_of(request, entry), entry, files, report)
        if gone:
            moment, run_id = request.now, request.run_id
            ledger.append(removal_entry(entry, "PURGED", gone, run_id=run_id, moment=moment))
    return report


def trash_of(request: PurgeRequest, entry: LedgerEntry) -> Trash:
    """Return the trash of the archive of *entry*."""
    return Trash(
        root=request.source_dir.resolve(), archive=entry.archive, filesystem=request.filesystem
    )


def _due(request: PurgeRequest, ledger: Ledger) -> Iterator[LedgerEntry]:
    """Yield the entries of archives whose trash has waited long enough."""
    root = request.source_dir.resolve()
    for entry in ledger.archived():
        done = ledger.entries_of("DONE", entry.archive)
        trash = root / TRASH / entry.archive
        mine = entry.source_dir == encoded_path(str(root)) and trash.is_dir()
        # Nobody entered what a killed run had moved there: its time there begins now.
        since = done[-1].at if done else request.now
        if mine and since + request.grace <= request.now:
            yield entry
