"""Reading archives that may be encrypted, as far as the keys at hand let it."""

import os
from pathlib import Path

from export_assets.archives.content import open_file
from export_assets.archives.encryption.keyring import Keyring
from export_assets.archives.encryption.opening import check_bytes
from export_assets.archives.encryption.record import is_sealed, read_record
from export_assets.archives.metadata import ArchiveMetadata
from export_assets.archives.zip_reader import open_archive
from export_assets.errors import WrongKey
from export_assets.translate import translating


def read_metadata(path: Path, keyring: Keyring) -> ArchiveMetadata:
    """Return what the archive at *path* says of itself; of an encrypted one, what its record says.

    Raises:
        ExportError: It cannot be read; `WrongKey` where it is encrypted, without record and key.
    """
    if is_sealed(path) and (record := read_record(path)) is not None:
        return record.metadata
    with open_archive(path, keyring) as archive:
        return archive.metadata


def check_archive(path: Path, keyring: Keyring) -> None:
    """Read all of the archive at *path*; of one that *keyring* does not open, the file as a whole.

    Raises:
        ExportError: It is not what was archived, or nothing says what that was.
    """
    try:
        with open_archive(path, keyring) as archive:
            archive.verify()
    except WrongKey:
        if not is_as_written(path):
            raise


def is_as_written(path: Path) -> bool:
    """Whether the file at *path* is the one that was written; False where nothing knows of it.

    Raises:
        SourceMissing: It is not there.
        Tampered: It is another.
    """
    with translating(str(path), side="source"):
        fd = open_file(path)
    try:
        return check_bytes(path, fd)
    finally:
        os.close(fd)
