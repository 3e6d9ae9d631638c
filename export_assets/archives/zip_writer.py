"""Writing a closed zip that survives a power loss, under a name nobody has yet.

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
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

import msgspec

from export_assets.archives.content import CHUNK, Content, hash_until
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
from export_assets.errors import DestConflict
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
    """A closed, synced zip under a temporary name."""

    path: Path
    metadata: ArchiveMetadata
    dir_fd: int
    filesystem: Filesystem

    def publish(self, names: Iterable[str]) -> Path:
        """Give it the first of *names* that is free, durably.

        Raises:
            DestConflict: Each of *names* is taken.
        """
        name = ""
        for name in names:
            with suppress(FileExistsError):
                self.filesystem.rename_new(self.path.name, name, dir_fd=self.dir_fd)
                self.filesystem.at("published")
                self.filesystem.fsync(self.dir_fd)
                return self.path.with_name(name)
        msg = f"{self.path.with_name(name)}: exists already"
        raise DestConflict(msg)


@contextmanager
def stage_zip(
    directory: Path,
    contents: Iterable[Content],
    metadata: ArchiveMetadata,
    *,
    kind: str,
    run_id: str,
    filesystem: Filesystem = REAL,
) -> Iterator[StagedZip]:
    """Write *contents* in order of their names, and *metadata* as the last member.

    Args:
        directory: Where the archive will stand; it exists.
        contents: What goes in. Each is read once.
        metadata: All but the members, which are found out here.
        kind: Of archive, for its temporary name; see `temporary`.
        run_id: Distinguishes the temporary names of runs.
        filesystem: The system calls.

    Raises:
        OSError: Nothing is left behind.
        UsageError: A path is given twice or is not relative.
    """
    name = temporary_name(kind, run_id)
    with open_directory(directory) as dir_fd:
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        fd = filesystem.open(name, flags, dir_fd=dir_fd, mode=0o600)
        try:
            try:
                complete = _fill(fd, contents, metadata, filesystem)
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
            )
        finally:
            with suppress(FileNotFoundError):
                os.unlink(name, dir_fd=dir_fd)


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
