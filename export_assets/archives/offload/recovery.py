"""What killed runs left: finished archives and removals are entered into the ledger."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import msgspec

from export_assets.archives.encryption.keyring import NO_KEYS, Keyring
from export_assets.archives.encryption.reading import is_as_written
from export_assets.archives.encryption.record import archives_in, read_record
from export_assets.archives.member_names import encoded_path
from export_assets.archives.metadata import ArchiveMetadata, OffloadMetadata
from export_assets.archives.offload.ledger import Ledger, LedgerEntry, LedgerMember, removal_entry
from export_assets.archives.offload.naming import MATCH_PREFIX
from export_assets.archives.offload.request import TRASH
from export_assets.archives.offload.trash import files_below
from export_assets.archives.zip_reader import OpenArchive, open_archive, true_path
from export_assets.errors import IntegrityError, SourceError, Tampered, UnsafeArchive, WrongKey

OF_THE_ARCHIVE = (IntegrityError, SourceError, Tampered, UnsafeArchive)
"""Errors that say that an archive is damaged or gone. All others, such as no room to decrypt it,
say nothing of it, and end the run."""


def adopt(
    archives: Path, ledger: Ledger, *, run_id: str, moment: datetime, keyring: Keyring = NO_KEYS
) -> tuple[list[LedgerEntry], list[str]]:
    """Enter every sound offload archive that has no entry; return the entries, and what is wrong.

    An encrypted one that *keyring* does not open is entered as its record says, if it is the file
    that was written. Nothing is removed by that alone.

    Into a damaged ledger nothing is entered; the entries are only returned.
    """
    known = {entry.archive for entry in ledger.archived()}
    adopted, problems = [], []
    for path in offload_archives(archives):
        if path.name in known:
            continue
        try:
            entry = _proven(path, keyring, run_id=run_id, moment=moment)
        except (*OF_THE_ARCHIVE, WrongKey) as error:
            problems.append(str(error))
        else:
            adopted += [entry] if entry is not None else []
    if ledger.damage is None:
        for entry in adopted:
            ledger.append(entry)
    return adopted, problems


def _proven(path: Path, keyring: Keyring, *, run_id: str, moment: datetime) -> LedgerEntry | None:
    """Return what the ledger is to say of the archive at *path*; None of one of another kind.

    Raises:
        ExportError: It is not sound.
        WrongKey: *keyring* does not open it, and nothing else knows what was written.
    """
    try:
        with open_archive(path, keyring) as archive:
            if not isinstance(archive.metadata, OffloadMetadata):
                return None
            archive.verify()
            return entry_of(archive, run_id=run_id, moment=moment)
    except WrongKey as error:
        entry = _as_recorded(path, run_id=run_id, moment=moment)
        if entry is None:
            msg = f"{error}; it has no record, so that it cannot be entered"
            raise WrongKey(msg) from error
        return entry


def settle(root: Path, ledger: Ledger, *, run_id: str, moment: datetime) -> None:
    """Enter what killed runs had moved to the trash below *root*, so that its time there counts."""
    for entry in list(ledger.archived()):
        if entry.source_dir != encoded_path(str(root)):
            continue
        noted = {
            one.path for done in ledger.entries_of("DONE", entry.archive) for one in done.members
        }
        there = set(files_below(root / TRASH / entry.archive))
        moved = [
            member
            for path, member in entry.by_path().items()
            if path in there and member.path not in noted
        ]
        if moved:
            ledger.append(removal_entry(entry, "DONE", moved, run_id=run_id, moment=moment))


def offload_archives(archives: Path) -> Iterator[Path]:
    """Yield the archives in *archives* that may be offload archives, in order of name."""
    for path in archives_in(archives):
        if not path.name.startswith((".", MATCH_PREFIX)) and not path.is_symlink():
            yield path


def entry_of(archive: OpenArchive, *, run_id: str, moment: datetime) -> LedgerEntry:
    """Return what the ledger says of an *archive* that was just proven.

    Raises:
        IntegrityError: It is an archive of another kind.
    """
    recipients = archive.sealed.recipients if archive.sealed is not None else ()
    return _entry(
        archive.path,
        archive.metadata,
        archive.hash(),
        recipients=recipients,
        run_id=run_id,
        moment=moment,
    )


def _as_recorded(path: Path, *, run_id: str, moment: datetime) -> LedgerEntry | None:
    """Return what the ledger says of the encrypted archive at *path* that its record knows.

    Raises:
        IntegrityError: The record is damaged.
        Tampered: The archive is not the file that was written.
    """
    record = read_record(path)
    if record is None or not is_as_written(path):
        return None
    return _entry(
        path,
        record.metadata,
        (record.bytes, record.sha256),
        recipients=record.recipients,
        run_id=run_id,
        moment=moment,
    )


def _entry(
    path: Path,
    metadata: ArchiveMetadata,
    written: tuple[int, str],
    *,
    recipients: tuple[str, ...],
    run_id: str,
    moment: datetime,
) -> LedgerEntry:
    if not isinstance(metadata, OffloadMetadata):
        msg = f"{path}: is no offload archive"
        raise IntegrityError(msg)
    size, digest = written
    return LedgerEntry(
        event="ARCHIVED",
        at=moment,
        run_id=run_id,
        archive=path.name,
        source_dir=metadata.source_dir,
        bytes=size,
        sha256=digest,
        members=tuple(
            LedgerMember(
                path=encoded_path(true_path(member)), bytes=member.bytes, sha256=member.sha256
            )
            for member in metadata.members
        ),
        recipients=recipients or msgspec.UNSET,
    )


def verify_entry(archives: Path, entry: LedgerEntry, keyring: Keyring = NO_KEYS) -> None:
    """Prove again, from the disk, that the archive of *entry* is the one that was entered.

    Raises:
        IntegrityError: It is not, or its content is damaged.
        SourceMissing: It is gone.
        Tampered: It is encrypted, and not the file that was entered.
        UnsafeArchive: It must not be unpacked.
        WrongKey: It is the file that was entered, and *keyring* does not open it.
    """
    with open_archive(archives / entry.archive, keyring) as archive:
        check_entered(archive, entry)
        archive.verify()


def check_entered(archive: OpenArchive, entry: LedgerEntry) -> None:
    """Refuse an *archive* whose bytes are not those that were entered.

    Raises:
        IntegrityError: They are not.
    """
    now = entry_of(archive, run_id=entry.run_id, moment=entry.at)
    if (now.bytes, now.sha256, now.members) != (entry.bytes, entry.sha256, entry.members):
        msg = f"{archive.path}: is not the archive that the ledger knows"
        raise IntegrityError(msg)


def standing(archives: Path, ledger: Ledger) -> list[LedgerEntry]:
    """Return the entries whose archives are there, in the size they had."""
    found = []
    for entry in ledger.archived():
        path = archives / entry.archive
        if path.is_file() and path.stat().st_size == entry.bytes:
            found.append(entry)
    return found
