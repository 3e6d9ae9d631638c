"""Writing a closed zip, encrypted or not, that survives a power loss, under a name nobody has yet.

    with stage_zip(directory, contents, metadata, run_id="r1") as staged:
        …                                 # closed and durable, under a temporary name
        path = staged.publish(names)      # never over another file

Equal files and metadata give equal bytes.
"""

import hashlib
import io
import os
import zlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

import msgspec

from export_assets.archives.content import CHUNK, Content, hash_until
from export_assets.archives.encryption.age import Reading, Writing, encrypt
from export_assets.archives.encryption.keyring import NO_KEYS, Keyring
from export_assets.archives.encryption.opening import Sealed, plain_file, unsealed
from export_assets.archives.encryption.record import SEALED_SUFFIX, record_path, write_record
from export_assets.archives.member_names import encoded_path, member_names
from export_assets.archives.metadata import (
    KINDS,
    ArchivedMember,
    ArchiveMetadata,
    encode_metadata,
)
from export_assets.archives.sink import Sink
from export_assets.archives.temporary import temporary_name
from export_assets.archives.zip_layout import MEMBER_MODE
from export_assets.archives.zip_reader import OpenArchive, open_archive, read_archive
from export_assets.errors import DestConflict, IntegrityError
from export_assets.store.durable import current_umask
from export_assets.store.durable import directory as open_directory
from export_assets.store.filesystem import REAL, Filesystem

_MODE = 0o640
_BUFFER = 1 << 20
_PACKED = frozenset({".gz", ".zst", ".parquet", ".zip", ".bz2", ".xz", ".br", ".lz4"})
# Readers take more than this for a bomb; see `zip_reader`.
_SUSPICIOUS_BYTES = 100_000_000
_SUSPICIOUS_RATIO = 100
_PROMISING_RATIO = 10
_EARLIEST = datetime(1980, 1, 1, tzinfo=UTC)
_LATEST = datetime(2107, 12, 31, 23, 59, 58, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class StagedZip:
    """A closed, synced archive under a temporary name."""

    path: Path
    metadata: ArchiveMetadata
    dir_fd: int
    filesystem: Filesystem
    keyring: Keyring = NO_KEYS
    plain_fd: int | None = None
    """Of an encrypted archive, the zip that is in it."""
    sealed: Sealed | None = None
    """Of an encrypted archive, what was written."""

    @contextmanager
    def open(self) -> Iterator[OpenArchive]:
        """Open what was written, from the disk.

        An encrypted archive is decrypted where there is an identity. Without one its bytes are
        compared with those that were written, and the zip that went in is what is read.

        Raises:
            IntegrityError: It is not what was written.
            WrongKey: The identity is for other archives.
        """
        if self.sealed is None or self.plain_fd is None:
            with open_archive(self.path) as archive:
                yield archive
            return
        fd = os.open(self.path.name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=self.dir_fd)
        try:
            if hash_until(fd, os.fstat(fd).st_size) != (self.sealed.bytes, self.sealed.sha256):
                msg = f"{self.path}: read back, it is not what was written"
                raise IntegrityError(msg)
            if not self.keyring.has_identity:
                yield read_archive(self.path, self.plain_fd, sealed=self.sealed)
                return
            with unsealed(self.path, fd, self.keyring) as (plain_fd, _):
                yield read_archive(self.path, plain_fd, sealed=self.sealed)
        finally:
            os.close(fd)

    def publish(self, names: Iterable[str]) -> Path:
        """Give it the first of *names*, with `.age` behind if it is encrypted, that is free.

        A name is taken by a plain archive as by an encrypted one.

        Raises:
            DestConflict: Each of *names* is taken.
        """
        name = ""
        for plain_name in names:
            name = plain_name if self.sealed is None else plain_name + SEALED_SUFFIX
            taken = (plain_name, plain_name + SEALED_SUFFIX)
            if any(os.path.lexists(self.path.with_name(one)) for one in taken):
                continue
            if self._put(name):
                return self.path.with_name(name)
        msg = f"{self.path.with_name(name)}: exists already"
        raise DestConflict(msg)

    def _put(self, name: str) -> bool:
        """Give it the *name*, durably; return whether that was free."""
        archive = self.path.with_name(name)
        try:
            if self.sealed is not None:
                # Nobody shall ever see an encrypted archive without its record.
                write_record(
                    archive,
                    self.metadata,
                    written=(self.sealed.bytes, self.sealed.sha256),
                    recipients=self.sealed.recipients,
                    filesystem=self.filesystem,
                )
            self.filesystem.rename_new(self.path.name, name, dir_fd=self.dir_fd)
        except BaseException as error:
            taken = isinstance(error, FileExistsError)
            # What interrupts just after the renaming finds it done.
            if self.sealed is not None and (taken or not os.path.lexists(archive)):
                with suppress(OSError):
                    os.unlink(record_path(archive).name, dir_fd=self.dir_fd)
            if taken:
                return False
            raise
        self.filesystem.at("published")
        self.filesystem.fsync(self.dir_fd)
        return True


@contextmanager
def stage_zip(
    directory: Path,
    contents: Iterable[Content],
    metadata: ArchiveMetadata,
    *,
    kind: str,
    run_id: str,
    filesystem: Filesystem = REAL,
    keyring: Keyring = NO_KEYS,
    estimated_bytes: int = 0,
) -> Iterator[StagedZip]:
    """Write *contents* in order of their names, and *metadata* as the last member.

    Args:
        directory: Where the archive will stand; it exists.
        contents: What goes in. Each is read once.
        metadata: All but the members, which are found out here.
        kind: Of archive, for its temporary name; see `temporary`.
        run_id: Distinguishes the temporary names of runs.
        filesystem: The system calls.
        keyring: For whom it is encrypted; the zip itself lies under no name then.
        estimated_bytes: How much that may be; 0 where nobody knows.

    Raises:
        OSError: Nothing is left behind.
        UsageError: A path is given twice or is not relative.
    """
    name = temporary_name(kind, run_id)
    with open_directory(directory) as dir_fd, ExitStack() as stack:
        plain_fd = sealed = None
        if keyring.seals:
            plain_fd = stack.enter_context(plain_file(keyring, estimated_bytes=estimated_bytes))
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        fd = filesystem.open(name, flags, dir_fd=dir_fd, mode=0o600)
        try:
            try:
                zip_fd = fd if plain_fd is None else plain_fd
                complete = _fill(zip_fd, contents, metadata, filesystem)
                if plain_fd is not None:
                    sealed = _seal(plain_fd, fd, keyring, filesystem)
                filesystem.chmod(fd, _MODE & ~current_umask())
                filesystem.fsync(fd)
            finally:
                os.close(fd)
            filesystem.at("closed")
            yield StagedZip(
                path=directory / name,
                metadata=complete,
                dir_fd=dir_fd,
                filesystem=filesystem,
                keyring=keyring,
                plain_fd=plain_fd,
                sealed=sealed,
            )
        finally:
            with suppress(FileNotFoundError):
                os.unlink(name, dir_fd=dir_fd)


def _seal(plain_fd: int, fd: int, keyring: Keyring, filesystem: Filesystem) -> Sealed:
    """Write to *fd*, encrypted, what is in *plain_fd*."""
    target = Writing(fd, filesystem.write)
    encrypt(Reading(plain_fd), target, keyring.recipients)
    return Sealed(*target.written, recipients=keyring.recipients)


def _fill(
    fd: int, contents: Iterable[Content], metadata: ArchiveMetadata, filesystem: Filesystem
) -> ArchiveMetadata:
    [metadata_name] = [name for name, kind in KINDS.items() if type(metadata) is kind]
    by_path = list(contents)
    names = member_names((one.path for one in by_path), reserved=[metadata_name])
    by_path.sort(key=lambda one: names[one.path].encode())
    with (
        io.BufferedWriter(Sink(fd, filesystem), _BUFFER) as sink,  # type: ignore[type-var]  # typeshed wants a buffer type of Python 3.12
        ZipFile(sink, "w", allowZip64=True) as archive,
    ):
        members = tuple(_add(archive, one, names[one.path]) for one in by_path)
        sink.flush()
        _, packed = hash_until(fd, archive.start_dir)
        complete = msgspec.structs.replace(metadata, members=members, packed_sha256=packed)
        info = _info(metadata_name, metadata.created_at, ZIP_DEFLATED)
        archive.writestr(info, encode_metadata(complete))
    return complete


def _add(archive: ZipFile, content: Content, name: str) -> ArchivedMember:
    with content.open() as (file, mtime_ns):
        moment = datetime.fromtimestamp(mtime_ns / 1e9, tz=UTC)
        info = _info(name, moment, _compression(file, content.path))
        # The size of a file that may grow is known only when it was read to its end.
        digest, size = hashlib.sha256(), 0
        with archive.open(info, "w", force_zip64=True) as member:
            while chunk := file.read(CHUNK):
                digest.update(chunk)
                size += len(chunk)
                member.write(chunk)
    return ArchivedMember(
        name=name,
        path="" if name == content.path else encoded_path(content.path),
        bytes=size,
        sha256=digest.hexdigest(),
        mtime_ns=mtime_ns,
        content_start=content.content_start,
        content_end=content.content_end,
    )


def _info(name: str, moment: datetime, compression: int) -> ZipInfo:
    clamped = min(max(moment, _EARLIEST), _LATEST).astimezone(UTC)
    info = ZipInfo(name, clamped.timetuple()[:6])
    info.compress_type = compression
    info.create_system = 3
    info.external_attr = MEMBER_MODE
    return info


def _compression(file: io.BufferedIOBase, path: str) -> int:
    """Store what is compressed already, and what would look like a bomb."""
    if Path(path).suffix.lower() in _PACKED:
        return ZIP_STORED
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    if size < _SUSPICIOUS_BYTES:
        return ZIP_DEFLATED
    # The cheapest level tells whether the one that is used need be tried.
    for level, ratio in ((1, _PROMISING_RATIO), (zlib.Z_DEFAULT_COMPRESSION, _SUSPICIOUS_RATIO)):
        if size <= _packed_size(file, level) * ratio:
            return ZIP_DEFLATED
    return ZIP_STORED


def _packed_size(file: io.BufferedIOBase, level: int) -> int:
    packer, packed = zlib.compressobj(level), 0
    while chunk := file.read(CHUNK):
        packed += len(packer.compress(chunk))
    file.seek(0)
    return packed + len(packer.flush())
