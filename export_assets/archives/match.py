"""Match archives: everything of one match in one closed zip."""

import re
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from export_assets.archives.content import Content
from export_assets.archives.encryption.keyring import NO_KEYS, Keyring
from export_assets.archives.encryption.reading import read_metadata
from export_assets.archives.encryption.record import archives_in, sweep_records
from export_assets.archives.metadata import MatchMetadata
from export_assets.archives.temporary import sweep
from export_assets.archives.zip_writer import stage_zip
from export_assets.errors import ExportError, UsageError
from export_assets.store.durable import directory, make_directory
from export_assets.store.filesystem import REAL, Filesystem
from export_assets.store.lock import partition_lock
from export_assets.store.space import check_space
from export_assets.translate import translating

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")
Folder = Literal["logs", "database", "exports"]


@dataclass(frozen=True, kw_only=True)
class MatchFile:
    """One file of a match."""

    folder: Folder
    path: str
    """Relative, inside the folder."""
    file: Path
    """Where it is; of a database, a consistent copy that the caller made."""
    format: str = ""
    """Of an export, what it is: `csv`, `parquet` …"""


@dataclass(frozen=True, kw_only=True)
class MatchRequest:
    """What to archive, and as which match."""

    match_id: str
    archives: Path
    files: Collection[MatchFile]
    counts: dict[str, int] = field(default_factory=dict)
    """What the match has: events, runs, shots …"""
    config_hash: str = ""
    """Of what the exports were made by besides the logs."""
    schema_version: str = "1.0.0"
    keyring: Keyring = NO_KEYS
    run_id: str
    code_version: str = ""
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    filesystem: Filesystem = field(default=REAL)


def check_match_id(match_id: str) -> str:
    """Return *match_id* if it may name a match.

    Raises:
        UsageError: It could lead somewhere else, or is no name on some system.
    """
    if not _ID.match(match_id):
        msg = f"match id {match_id!r}: letters, digits, `.`, `_` and `-`, at most 64 characters"
        raise UsageError(msg)
    return match_id


def archive_match(request: MatchRequest) -> Path:
    """Write the archive of a match, prove it by reading it back, and return where it is.

    An earlier archive of the same match stays; one of the same second gets a number.

    Raises:
        DestinationError: It could not be written; nothing is left behind.
        IntegrityError: Read back, it does not hold what was read.
        SourceError: One of the files is missing or no regular file.
        UsageError: The id is not one, there are no files, or one is given twice.
    """
    match_id = check_match_id(request.match_id)
    if not request.files:
        msg = f"match {match_id}: there are no files to archive"
        raise UsageError(msg)
    with translating(str(request.archives)):
        make_directory(request.archives)
        lock = request.archives / f".match_{match_id}.lock"
        with partition_lock(lock, holder=request.run_id, subject=f"match {match_id}") as held:
            try:
                return _archive(request)
            finally:
                held.retire()


def archives_of_match(
    archives: Path, match_id: str, keyring: Keyring = NO_KEYS
) -> Iterator[tuple[Path, MatchMetadata]]:
    """Yield the archives of a match in the directory *archives*, and their lists, the newest first.

    What cannot be read is passed over. An encrypted one is known by its record.
    """
    found: list[tuple[datetime, Path, MatchMetadata]] = []
    for path in archives_in(archives, f"match_{check_match_id(match_id)}_*"):
        with suppress(ExportError):
            metadata = read_metadata(path, keyring)
            if isinstance(metadata, MatchMetadata) and metadata.match_id == match_id:
                found.append((metadata.created_at, path, metadata))
    for _, path, metadata in sorted(found, key=lambda one: one[:2], reverse=True):
        yield path, metadata


def _archive(request: MatchRequest) -> Path:
    kind = f"match_{request.match_id}"
    sweep(request.archives, kind=kind, filesystem=request.filesystem)
    names = rf"{re.escape(kind)}_\d{{8}}_\d{{6}}(?:_\d+)?"
    sweep_records(request.archives, names=names, filesystem=request.filesystem)
    contents = [Content(path=f"{one.folder}/{one.path}", data=one.file) for one in request.files]
    folders = Counter(one.folder for one in request.files)
    metadata = MatchMetadata(
        match_id=request.match_id,
        created_at=request.now,
        schema_version=request.schema_version,
        run_id=request.run_id,
        code_version=request.code_version,
        formats=tuple(sorted({one.format for one in request.files if one.format})),
        config_hash=request.config_hash,
        counts={folder: folders[folder] for folder in sorted(folders)} | request.counts,
    )
    with translating(str(request.archives)), directory(request.archives) as dir_fd:
        size = sum(one.file.stat().st_size for one in request.files if one.file.is_file())
        check_space(dir_fd, subject=str(request.archives), estimated_bytes=size)
    with stage_zip(
        request.archives,
        contents,
        metadata,
        kind=kind,
        run_id=request.run_id,
        filesystem=request.filesystem,
        keyring=request.keyring,
        estimated_bytes=size,
    ) as staged:
        with staged.open() as archive:
            archive.verify(staged.metadata.members)
        stem = f"match_{request.match_id}_{request.now.astimezone(UTC):%Y%m%d_%H%M%S}"
        return staged.publish(
            [f"{stem}.zip", *(f"{stem}_{number}.zip" for number in range(2, 1000))]
        )
