"""The record beside an encrypted archive: what it is, for those who cannot open it.

`.<archive>.json`, written before the archive gets its name. It says no more than the ledger of
offloads does; whoever gets only the archive gets none of it.
"""

import re
from pathlib import Path
from typing import Annotated

import msgspec

from export_assets.archives.metadata import ArchiveMetadata, MatchMetadata, OffloadMetadata
from export_assets.errors import IntegrityError
from export_assets.store.durable import directory, write_durably
from export_assets.store.filesystem import Filesystem
from export_assets.store.manifest import decode_document, encode_document
from export_assets.translate import one_line

SEALED_SUFFIX = ".age"
ARCHIVE_SUFFIXES = (".zip", f".zip{SEALED_SUFFIX}")
"""Of plain archives, and of encrypted ones."""
_MODE = 0o600


class SealedRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What was known of an encrypted archive when it was written."""

    format_version: int = 1
    archive: str
    bytes: Annotated[int, msgspec.Meta(ge=0)]
    sha256: str
    recipients: tuple[str, ...]
    """The public keys it is encrypted for."""
    match: MatchMetadata | None = None
    """What the archive says of itself; of an offload archive the next is there instead."""
    offload: OffloadMetadata | None = None
    checksum: str = ""

    @property
    def metadata(self) -> ArchiveMetadata:
        """What the archive says of itself."""
        found = self.match or self.offload
        assert found is not None  # noqa: S101 - looked at when it was read
        return found


def is_sealed(path: Path) -> bool:
    """Whether the archive at *path* is an encrypted one, by its name."""
    return path.name.endswith(ARCHIVE_SUFFIXES[1])


def archives_in(directory: Path, stem: str = "*") -> list[Path]:
    """Return what is called as archives are, encrypted or not, in order of name.

    Args:
        directory: Where to look; not below it.
        stem: A pattern of the name in front of the suffix.
    """
    return sorted(path for one in ARCHIVE_SUFFIXES for path in directory.glob(f"{stem}{one}"))


def record_path(archive: Path) -> Path:
    """Return where the record of *archive* lies."""
    return archive.with_name(f".{archive.name}.json")


def write_record(
    archive: Path,
    metadata: ArchiveMetadata,
    *,
    written: tuple[int, str],
    recipients: tuple[str, ...],
    filesystem: Filesystem,
) -> None:
    """Write the record of an *archive* durably; the archive need not be there yet."""
    size, sha256 = written
    record = SealedRecord(
        archive=archive.name,
        bytes=size,
        sha256=sha256,
        recipients=recipients,
        match=metadata if isinstance(metadata, MatchMetadata) else None,
        offload=metadata if isinstance(metadata, OffloadMetadata) else None,
    )
    data = encode_document(record)
    write_durably(record_path(archive), data, mode=_MODE, filesystem=filesystem)


def read_record(archive: Path) -> SealedRecord | None:
    """Return the record of *archive*, None where there is none.

    Raises:
        IntegrityError: It is damaged, or cannot be read.
    """
    path = record_path(archive)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        msg = f"{path}: {error.strerror}"
        raise IntegrityError(msg) from error
    try:
        record = decode_document(data, SealedRecord)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        msg = f"{path}: is not the record that was written: {one_line(error)}"
        raise IntegrityError(msg) from error
    if record.archive != archive.name or (record.match is None) == (record.offload is None):
        msg = f"{path}: is the record of something else"
        raise IntegrityError(msg)
    return record


def sweep_records(archives: Path, *, names: str, filesystem: Filesystem) -> None:
    """Remove records whose archives are not there, of archives called as the pattern *names*.

    The caller holds the lock under which such archives are made.
    """
    # A killed writer's own temporary file has one more dot in front.
    ours = re.compile(rf"\.{{1,2}}({names}\.zip{re.escape(SEALED_SUFFIX)})\.json(\.tmp)?")
    with directory(archives) as dir_fd:
        for path in [*archives.glob(".*.json"), *archives.glob("..*.json.tmp")]:
            found = ours.fullmatch(path.name)
            if found and (found[2] or not (archives / found[1]).is_file()):
                filesystem.unlink(path.name, dir_fd=dir_fd)
