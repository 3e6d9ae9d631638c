"""Reading an archive as if an enemy had written it; nothing is unpacked before all of this.

with open_archive(path) as archive:
    archive.metadata                       # proven by its checksum, and equal to what is there
    archive.verify()                       # every member read and hashed
    for chunk in archive.read(member): …   # raises at the end where the content is not the one
"""

import hashlib
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from export_assets.archives.content import hash_until, open_file
from export_assets.archives.encryption.keyring import NO_KEYS, Keyring
from export_assets.archives.encryption.opening import Sealed, unsealed
from export_assets.archives.encryption.record import is_sealed
from export_assets.archives.member_names import check_name, check_portable, decoded_path, folded
from export_assets.archives.metadata import KINDS, ArchivedMember, ArchiveMetadata, decode_metadata
from export_assets.archives.unpacking import unpack
from export_assets.archives.zip_layout import Stored, read_layout
from export_assets.errors import IntegrityError, UnsafeArchive
from export_assets.translate import translating

_ALARM_RATIO = 200
_ALARM_BYTES = 100_000_000
# What the metadata may hold at most: a page, and for each member two names as long as they can be.
_METADATA_BYTES = 1 << 20
_METADATA_BYTES_PER_MEMBER = 1 << 15


@dataclass(frozen=True, kw_only=True)
class OpenArchive:
    """An archive of sound structure and metadata; its content is proven when it is read."""

    path: Path
    metadata: ArchiveMetadata
    _fd: int
    _stored: dict[str, Stored]
    sealed: Sealed | None = None
    """Of an encrypted archive, what is known of the file itself; `_fd` is the zip inside."""

    def read(self, member: ArchivedMember) -> Iterator[bytes]:
        """Yield the content of *member* in pieces.

        Raises:
            IntegrityError: After the last piece: it is not the content that was archived.
            UnsafeArchive: It unpacks to more than it claims.
        """
        digest = hashlib.sha256()
        for chunk in unpack(self._fd, self._stored[member.name], subject=str(self.path)):
            digest.update(chunk)
            yield chunk
        if digest.hexdigest() != member.sha256:
            msg = f"{self.path}: member {member.name!r} is not what was archived"
            raise IntegrityError(msg)

    def verify(self, members: "tuple[ArchivedMember, ...] | None" = None) -> int:
        """Read and hash *members*, or all; return how many.

        Raises:
            IntegrityError: The content of one is not what was archived.
            UnsafeArchive: One unpacks to more than it claims.
        """
        chosen = self.metadata.members if members is None else members
        for member in chosen:
            for _ in self.read(member):
                pass
        return len(chosen)

    def verify_packed(self) -> None:
        """Compare the bytes of the zip, as they lie there, with those that were written.

        What is found beyond `verify` is no matter to whoever restores: bits that no unpacking looks
        at, packed bytes that stand for the same content. It tells of a disk that fails.

        Raises:
            IntegrityError: They are others.
        """
        *_, last = self._stored.values()
        known = self.metadata.packed_sha256
        if known and hash_until(self._fd, last.begin)[1] != known:
            msg = f"{self.path}: is not as it was written, though all it holds is"
            raise IntegrityError(msg)
        for stored in self._stored.values():
            if not stored.plain:
                msg = f"{self.path}: the headers of member {stored.name!r} are not as written"
                raise IntegrityError(msg)

    def hash(self) -> tuple[int, str]:
        """Return size in bytes and SHA-256 of the archive itself."""
        if self.sealed is not None:
            return self.sealed.bytes, self.sealed.sha256
        return hash_until(self._fd, os.fstat(self._fd).st_size)


@contextmanager
def open_archive(path: Path, keyring: Keyring = NO_KEYS) -> Iterator[OpenArchive]:
    """Open the archive at *path* after refusing everything that must not be unpacked.

    An encrypted one is decrypted to its end first, into a file without a name.

    Raises:
        SourceMissing: There is no such file, or it may not be read.
        IntegrityError: It is incomplete or damaged.
        Tampered: It is encrypted, and not as it was written.
        UnsafeArchive: Its members could leave the target, hide each other, or are a bomb.
        WrongKey: It is encrypted, and *keyring* does not open it.
    """
    with translating(str(path), side="source"):
        fd = open_file(path)
    try:
        if is_sealed(path):
            with unsealed(path, fd, keyring) as (plain_fd, sealed):
                yield read_archive(path, plain_fd, sealed=sealed)
        else:
            yield read_archive(path, fd)
    finally:
        os.close(fd)


def read_archive(path: Path, fd: int, *, sealed: Sealed | None = None) -> OpenArchive:
    """Return the archive whose zip is open at *fd*; see `open_archive`.

    Raises:
        IntegrityError: It is incomplete or damaged.
        UnsafeArchive: It must not be unpacked.
    """
    subject = str(path)
    with translating(subject, side="source"):
        stored = read_layout(fd, subject=subject)
        metadata = _metadata(fd, stored, subject)
    _refuse(stored, metadata, subject)
    by_name = {one.name: one for one in stored}
    return OpenArchive(path=path, metadata=metadata, _fd=fd, _stored=by_name, sealed=sealed)


def true_path(member: ArchivedMember) -> str:
    """Return the relative path that *member* is restored to."""
    return decoded_path(member.path) if member.path else member.name


def _metadata(fd: int, stored: list[Stored], subject: str) -> ArchiveMetadata:
    last = stored[-1] if stored else None
    kind = KINDS.get(last.name) if last else None
    if last is None or kind is None:
        msg = f"{subject}: its last member is not the list of what it holds"
        raise UnsafeArchive(msg)
    most = _METADATA_BYTES + _METADATA_BYTES_PER_MEMBER * len(stored)
    if last.size > most or (last.size > _METADATA_BYTES and last.size > last.packed * _ALARM_RATIO):
        msg = f"{subject}: {last.size:,} bytes of metadata for {len(stored):,} members"
        raise UnsafeArchive(msg)
    data = b"".join(unpack(fd, last, subject=subject))
    return decode_metadata(data, kind, subject=subject)


def _refuse(stored: list[Stored], metadata: ArchiveMetadata, subject: str) -> None:
    """Refuse members that are not the ones listed, or must not be unpacked."""
    for one in stored:
        check_portable(one.name, subject=subject)
        if one.size > _ALARM_BYTES and one.size > one.packed * _ALARM_RATIO:
            msg = (
                f"{subject}: member {one.name!r} would unpack {one.packed:,} bytes to {one.size:,}"
            )
            raise UnsafeArchive(msg)
    paths = [true_path(member) for member in metadata.members]
    for path in paths:
        check_name(path, subject=subject)
    _refuse_twins([folded(one.name) for one in stored], subject)
    _refuse_twins(paths, subject)
    _refuse_files_as_directories(paths, subject)
    listed = [(member.name, member.bytes) for member in metadata.members]
    if listed != [(one.name, one.size) for one in stored[:-1]]:
        msg = f"{subject}: its members are not those it lists"
        raise UnsafeArchive(msg)


def _refuse_twins(names: list[str], subject: str) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        msg = f"{subject}: member {twice[0]!r} is there twice"
        raise UnsafeArchive(msg)


def _refuse_files_as_directories(paths: list[str], subject: str) -> None:
    files = set(paths)
    for path in paths:
        parts = path.split("/")
        if any("/".join(parts[:length]) in files for length in range(1, len(parts))):
            msg = f"{subject}: member {path!r} is inside another member"
            raise UnsafeArchive(msg)
