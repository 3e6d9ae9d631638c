"""Opening encrypted archives: damage is told first, and nothing is used before all is proven."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

from export_assets.archives.content import hash_until
from export_assets.archives.encryption.age import Reading, Writing, decrypt
from export_assets.archives.encryption.keyring import Keyring
from export_assets.archives.encryption.record import read_record
from export_assets.archives.offload.ledger import read_ledger
from export_assets.errors import IntegrityError, Tampered, WrongKey
from export_assets.store.durable import directory
from export_assets.store.filesystem import REAL
from export_assets.store.space import check_space
from export_assets.translate import translate, translating


@dataclass(frozen=True)
class Sealed:
    """An encrypted archive as a file."""

    bytes: int
    sha256: str
    recipients: tuple[str, ...] = ()
    """For whom it is, where its record says so."""


@contextmanager
def plain_file(keyring: Keyring, *, estimated_bytes: int) -> Iterator[int]:
    """Give a file for a plain zip that has no name, so that it goes away whatever happens.

    Raises:
        NoSpace: There is no room for so many bytes.
        OSError: It cannot be made.
    """
    place = keyring.place
    with translating(str(place)):
        with directory(place) as dir_fd:
            check_space(dir_fd, subject=str(place), estimated_bytes=estimated_bytes)
        file = TemporaryFile(buffering=0, dir=place)  # noqa: SIM115 - closed right below
    with file:
        yield file.fileno()


@contextmanager
def unsealed(path: Path, fd: int, keyring: Keyring) -> Iterator[tuple[int, Sealed]]:
    """Decrypt the archive at *path*, open at *fd*, and give the zip that is in it.

    Raises:
        ConfigError: The extra is not installed, or the identity is not to be trusted.
        NoSpace: There is no room for the zip.
        Tampered: It is not the file that was written, or is damaged.
        WrongKey: There is no identity, or another one.
    """
    subject = str(path)
    if not keyring.has_identity:
        check_bytes(path, fd)
        msg = f"{subject}: is encrypted, and no identity is configured (archive_identity_file)"
        raise WrongKey(msg)
    identities = keyring.identities()
    reading = Reading(fd)
    with plain_file(keyring, estimated_bytes=os.fstat(fd).st_size) as plain:
        try:
            decrypt(reading, Writing(plain, REAL.write), identities, subject=subject)
        except (WrongKey, Tampered):
            _compare(path, _known(path), reading.rest())
            raise
        except OSError as error:
            if reading.error is not None:
                raise translate(error, subject=subject, side="source") from error
            raise translate(error, subject=str(keyring.place)) from error
        written, known = reading.rest(), _known(path)
        _compare(path, known, written)
        recipients = next((one.recipients for one in known if one.recipients), ())
        yield plain, Sealed(*written, recipients=recipients)


def check_bytes(path: Path, fd: int) -> bool:
    """Compare the bytes at *fd* with what is known of the archive; return whether anything is.

    Raises:
        Tampered: They are others.
    """
    known = _known(path)
    if known:
        _compare(path, known, hash_until(fd, os.fstat(fd).st_size))
    return bool(known)


def _known(path: Path) -> list[Sealed]:
    """Return what is known of an archive: by its record, and by the ledger beside it."""
    found = []
    with suppress(IntegrityError):
        record = read_record(path)
        if record is not None:
            found.append(Sealed(record.bytes, record.sha256, record.recipients))
    with suppress(OSError):
        ledger = read_ledger(path.parent, filesystem=REAL)
        entries = ledger.entries_of("ARCHIVED", path.name)
        found += [Sealed(one.bytes, one.sha256) for one in entries[-1:]]
    return found


def _compare(path: Path, known: list[Sealed], written: tuple[int, str]) -> None:
    """Refuse other bytes than are known.

    Raises:
        Tampered: They are others.
    """
    if any((one.bytes, one.sha256) != written for one in known):
        msg = f"{path}: is not the file that was written"
        raise Tampered(msg)
