"""What archives there are, and whether they are what they were."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from export_assets.archives.encryption.keyring import NO_KEYS, Keyring
from export_assets.archives.encryption.reading import is_as_written, read_metadata
from export_assets.archives.encryption.record import (
    SealedRecord,
    archives_in,
    is_sealed,
    read_record,
    record_path,
)
from export_assets.archives.metadata import (
    ArchiveMetadata,
    MatchMetadata,
    OffloadMetadata,
    encode_metadata,
)
from export_assets.archives.offload.ledger import read_ledger
from export_assets.archives.offload.recovery import check_entered
from export_assets.archives.zip_reader import OpenArchive, open_archive
from export_assets.errors import ExportError, IntegrityError, UsageError
from export_assets.store.filesystem import REAL


@dataclass(frozen=True, kw_only=True)
class ListedArchive:
    """One archive, from its own list; its content was not read."""

    path: Path
    kind: Literal["match", "offload", "unreadable"]
    bytes: int
    """Of the zip."""
    created_at: datetime | None = None
    members: int = 0
    unpacked_bytes: int = 0
    match_id: str | None = None
    counts: dict[str, int] | None = None
    entered: bool = False
    """Whether the ledger vouches for it; of offload archives only."""
    encrypted: bool = False
    """Whether it is; what is said of it is from its record then."""
    recipients: tuple[str, ...] = ()
    """The public keys it is encrypted for, where that is known."""
    problem: str | None = None
    """Why it cannot be read."""
    exit_code: int = 0
    """Of that problem, 0 where there is none."""


@dataclass(frozen=True, kw_only=True)
class VerifiedArchive:
    """What was read of an archive and found to be as it was written."""

    path: Path
    members: int
    of: int
    bytes: int
    """Unpacked, of the members read."""
    only_whole: bool = False
    """Whether it is encrypted and there is no identity here, so that only the file as a whole was
    compared with the SHA-256 that was written down."""


def list_archives(root: Path, keyring: Keyring = NO_KEYS) -> Iterator[ListedArchive]:
    """Yield every archive in the directory *root*, in order of name; none of them is unpacked.

    An encrypted one is decrypted only where it has no record.

    Raises:
        OSError: The directory or its ledger cannot be read.
    """
    entered = {entry.archive for entry in read_ledger(root, filesystem=REAL).archived()}
    for path in archive_paths(root):
        size = path.stat().st_size
        try:
            record = read_record(path) if is_sealed(path) else None
            yield _listed(
                read_metadata(path, keyring), path, size, record, entered=path.name in entered
            )
        except ExportError as error:
            yield ListedArchive(
                path=path,
                kind="unreadable",
                bytes=size,
                encrypted=is_sealed(path),
                problem=str(error),
                exit_code=error.exit_code,
            )


def archive_paths(root: Path) -> Iterator[Path]:
    """Yield the archives in the directory *root*, in order of name."""
    for path in archives_in(root):
        if not path.name.startswith(".") and not path.is_symlink() and path.is_file():
            yield path


def lost_archives(root: Path) -> list[str]:
    """Name what is wrong with *root* beyond its zips: archives that are gone, a damaged ledger.

    An archive counts as gone where files were removed because of it.

    Raises:
        OSError: The ledger cannot be read.
    """
    ledger = read_ledger(root, filesystem=REAL)
    relied_on = {entry.archive for entry in ledger.entries if entry.event != "ARCHIVED"}
    lines = [] if ledger.damage is None else [ledger.damage]
    return lines + [
        f"{root / name}: is gone, and files were removed because it holds them"
        for name in sorted(relied_on)
        if not (root / name).is_file()
    ]


def verify_archive(
    path: Path, subset: tuple[int, int] | None = None, keyring: Keyring = NO_KEYS
) -> VerifiedArchive:
    """Read an archive and compare each member with what was archived.

    An encrypted one is decrypted to its end in any case. Where there is no identity at all, the
    file as a whole is compared with what its record and the ledger know of it.

    Args:
        path: The zip.
        subset: `(k, n)`: only the k-th of n parts of the members, counted from 1, so that n days
            read all of it. The structure and the list are looked at each time; the SHA-256 of the
            bytes of the zip, which it and the ledger beside an offload archive know, in the first
            part.
        keyring: What opens it, if it is encrypted.

    Raises:
        IntegrityError: It is not what was written, or its record is not.
        SourceMissing: It is not there.
        Tampered: It is encrypted, and not what was written.
        WrongKey: It is encrypted, and the identity does not open it; or there is none, and nothing
            knows what was written.
        UnsafeArchive: It must not be unpacked.
        UsageError: There is no such part.
    """
    part, parts = subset or (1, 1)
    if not 1 <= part <= parts:
        msg = f"{path}: there is no part {part} of {parts}"
        raise UsageError(msg)
    record = read_record(path) if is_sealed(path) else None
    if is_sealed(path) and not keyring.has_identity and is_as_written(path):
        of = len(record.metadata.members) if record is not None else 0
        return VerifiedArchive(path=path, members=0, of=of, bytes=0, only_whole=True)
    with open_archive(path, keyring) as archive:
        if record is not None:
            _compare_with_record(archive, record)
        members = archive.metadata.members
        chosen = members[part - 1 :: parts]
        archive.verify(chosen)
        if part == 1:
            archive.verify_packed()
            if isinstance(archive.metadata, OffloadMetadata):
                _compare_with_ledger(archive)
    return VerifiedArchive(
        path=path,
        members=len(chosen),
        of=len(members),
        bytes=sum(member.bytes for member in chosen),
    )


def _compare_with_record(archive: OpenArchive, record: SealedRecord) -> None:
    """Refuse a record that says other than the archive does: its checksum proves nobody's hand."""
    if encode_metadata(record.metadata) != encode_metadata(archive.metadata):
        msg = f"{record_path(archive.path)}: does not say what is in the archive"
        raise IntegrityError(msg)


def _compare_with_ledger(archive: OpenArchive) -> None:
    ledger = read_ledger(archive.path.parent, filesystem=REAL)
    if ledger.damage is not None:
        raise IntegrityError(ledger.damage)
    for entry in ledger.archived():
        if entry.archive == archive.path.name:
            check_entered(archive, entry)


def _listed(
    metadata: ArchiveMetadata,
    path: Path,
    size: int,
    record: SealedRecord | None,
    *,
    entered: bool,
) -> ListedArchive:
    match = metadata if isinstance(metadata, MatchMetadata) else None
    return ListedArchive(
        path=path,
        kind="match" if match else "offload",
        bytes=size,
        created_at=metadata.created_at,
        members=len(metadata.members),
        unpacked_bytes=metadata.total_bytes,
        match_id=match.match_id if match else None,
        counts=match.counts if match else None,
        entered=entered,
        encrypted=is_sealed(path),
        recipients=record.recipients if record is not None else (),
    )
