"""The manifest: the record of one published partition, and the truth about it.

The JSON form is specified in docs/on-disk-format.md; `json_schema` gives its JSON Schema.
"""

import hashlib
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from export_assets.errors import IntegrityError
from export_assets.store.contents import BundleRecord, ColumnRecord, SetRecord
from export_assets.translate import one_line

FORMAT_VERSION = 1
MANIFEST_NAME = "_manifest.json"
TREE = "bundle.json"
BUNDLE = "bundle"
"""What a relational bundle has instead of a format, in its manifest and as a directory."""
SET = "set"
"""What files that belong together have instead of a format."""


class FileRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One part of the partition."""

    path: str
    """Relative to the manifest's directory."""
    bytes: int
    rows: int
    sha256: str

    def __post_init__(self) -> None:
        """Refuse a path that leads out of the manifest's directory."""
        parts = self.path.split("/")
        if "\\" in self.path or "\0" in self.path or not {"", ".", ".."}.isdisjoint(parts):
            msg = f"path {self.path!r}: not a relative path inside the partition"
            raise ValueError(msg)


class SnapshotRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The moment the rows come from."""

    kind: str
    id: str
    taken_at: datetime
    consistency: str
    origin: str = ""
    """Hash of the source's address: tells two databases apart without naming either."""


class WindowRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The half-open UTC range the partition covers; absent bounds are open."""

    column: str
    start: datetime | None = None
    end: datetime | None = None


class Counters(msgspec.Struct, frozen=True, kw_only=True):
    """Rows and lines by what became of them."""

    exported: int = 0
    quarantined: dict[str, int] = {}
    blank: int = 0
    duplicates: int = 0
    late: int = 0
    coerced: int = 0
    deleted: int = 0
    """Keys of the generation before that were no longer in the source."""


class SegmentMark(msgspec.Struct, frozen=True, kw_only=True):
    """Where a segment ended before it was written anew with what had been appended."""

    end: int
    prefix: str
    """Fingerprint of the bytes `[0, end)`."""
    next_line: int


class SegmentRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The stretch `[start, end)` of a log's content that a segment was made of."""

    identity: str
    """Of the content, whatever the file is called."""
    file: str
    """What it was called when it was read, below the log directory; see `escaped`."""
    start: int
    end: int
    sha256: str
    """Of the bytes `[start, end)`."""
    prefix: str
    """Fingerprint of the bytes `[0, end)`."""
    first_line: int
    """Number of the first line, from 1."""
    next_line: int
    """Number of the line that begins at `end`."""
    exported_bytes: int
    quarantined_bytes: int
    blank_bytes: int
    pending_bytes: int
    """After `end`, when the file was looked at."""
    sealed: bool = False
    """Its last line was taken as it stood, because nothing was expected after it."""
    follows: str = ""
    """The identity of what this file's name stood for before, where that is another one."""
    shares: str = ""
    """The identity of what begins alike: the bytes `[0, start)` were read with that."""
    quarantine: FileRecord | None = None
    """The file of lines that are no records, which is no part of the rows."""
    marks: tuple[SegmentMark, ...] = ()
    """Where it ended before, the last so many of them: content that goes no further is known."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=False):
    """The record of one published partition."""

    format_version: int = FORMAT_VERSION
    source: str
    table: str
    format: str
    partition: str
    window: WindowRecord | None = None
    generation: int = 1
    previous_run_id: str | None = None
    snapshot: SnapshotRecord
    config_hash: str
    code_version: str
    columns: tuple[ColumnRecord, ...]
    primary_key: tuple[str, ...] = ()
    order_by: tuple[str, ...] = ()
    files: tuple[FileRecord, ...]
    tombstones: FileRecord | None = None
    """The file of keys that left the source, which is no part of the rows."""
    row_digest: str
    digest_algorithm: str
    counters: Counters
    dialect: dict[str, str] = {}
    watermark: dict[str, str] = {}
    bundle: BundleRecord | msgspec.UnsetType = msgspec.UNSET
    """Of a relational bundle only."""
    set: SetRecord | msgspec.UnsetType = msgspec.UNSET
    """Of files that belong together only."""
    segment: SegmentRecord | msgspec.UnsetType = msgspec.UNSET
    """Of a segment of a log only."""
    created_at: datetime
    run_id: str
    checksum: str = ""
    """Of all other fields; `encode_manifest` computes it."""

    @property
    def described(self) -> tuple[ColumnRecord, ...]:
        """The columns; of a set those of all its tables and documents, by table and name."""
        if not isinstance(self.set, SetRecord):
            return self.columns
        levels = [level for one in self.set.documents for level in one.root.walk()]
        tables = [(one.name, one.columns) for one in self.set.tables]
        tables += [(one.table, one.columns) for one in levels]
        return tuple(
            msgspec.structs.replace(column, name=f"{table}.{column.name}")
            for table, columns in dict(tables).items()
            for column in columns
        )

    @property
    def listed(self) -> tuple[FileRecord, ...]:
        """Every file beside the manifest: the parts, and what is no part of the rows."""
        others = [self.tombstones]
        if isinstance(self.segment, SegmentRecord):
            others.append(self.segment.quarantine)
        return (*self.files, *(record for record in others if record is not None))

    @property
    def rows(self) -> int:
        """Rows over all files; those of a bundle once, though several files hold them."""
        if isinstance(self.bundle, BundleRecord):
            return self.bundle.rows
        return sum(file.rows for file in self.files)

    @property
    def bytes(self) -> int:
        """Bytes over all files."""
        return sum(file.bytes for file in self.files)


Document = dict[str, Any]
_Record = TypeVar("_Record")


class TableHead(msgspec.Struct, frozen=True, kw_only=True):
    """What listings need of one table of a bundle."""

    rows: int


class BundleHead(msgspec.Struct, frozen=True, kw_only=True):
    """What listings need of a bundle."""

    tables: tuple[TableHead, ...]


class ManifestHead(msgspec.Struct, frozen=True, kw_only=True):
    """What listings need of a manifest, decoded without the rest."""

    format_version: int
    source: str
    table: str
    format: str
    partition: str
    files: tuple[FileRecord, ...]
    created_at: datetime
    run_id: str
    generation: int = 1
    window: WindowRecord | None = None
    bundle: BundleHead | None = None

    @property
    def rows(self) -> int:
        """As `Manifest.rows`."""
        tables = self.bundle.tables if self.bundle is not None else self.files
        return sum(one.rows for one in tables)


# Threads that are the first to decode a type fill in what msgspec knows of it, and two of them at
# the same time end the process with a segmentation fault.
for _kind in (Manifest, ManifestHead):
    msgspec.json.Decoder(_kind)


def encode_manifest(manifest: Manifest) -> bytes:
    """Return the JSON form with its checksum, indented for people, ending in a newline."""
    return encode_document(manifest)


def seal_manifest(manifest: Manifest) -> Manifest:
    """Return *manifest* with the checksum it is written with."""
    checksum = document_checksum(msgspec.to_builtins(manifest))
    return msgspec.structs.replace(manifest, checksum=checksum)


def decode_manifest(data: bytes) -> Manifest:
    """Parse the JSON form and check it against its checksum.

    Raises:
        msgspec.ValidationError: A field is missing or of the wrong type, the checksum does not
            match, or the format version is newer than this program.
        msgspec.DecodeError: *data* is not JSON.
    """
    return decode_document(data, Manifest)


def read_manifest(path: Path) -> Manifest:
    """Read the manifest at *path*.

    Raises:
        IntegrityError: It is not a manifest, or not the one that was written.
        OSError: It cannot be read.
    """
    return parse_manifest(path.read_bytes(), path)


def parse_manifest(data: bytes, path: Path) -> Manifest:
    """Parse *data*, which was read from *path*.

    Raises:
        IntegrityError: It is not a manifest, or not the one that was written.
    """
    try:
        return decode_manifest(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        msg = f"{path}: not a valid manifest: {one_line(error)}"
        raise IntegrityError(msg) from error


def encode_document(record: msgspec.Struct) -> bytes:
    """Encode a record that has a `checksum` field, filling it in."""
    document: Document = msgspec.to_builtins(record)
    document["checksum"] = document_checksum(document)
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def decode_document(data: bytes, kind: type[_Record]) -> _Record:
    """Decode *data* as *kind* after checking its version and its checksum.

    Raises:
        msgspec.ValidationError: Version, checksum or a field is wrong.
        msgspec.DecodeError: *data* is not JSON.
    """
    document: Document = msgspec.json.decode(data, type=dict[str, Any])
    if document.get("checksum") != document_checksum(document):
        msg = "its checksum does not match its content"
        raise msgspec.ValidationError(msg)
    version = document.get("format_version")
    if not isinstance(version, int) or version > FORMAT_VERSION:
        msg = f"format version {version}; this program reads up to {FORMAT_VERSION}"
        raise msgspec.ValidationError(msg)
    return msgspec.convert(document, kind)


def document_checksum(document: Document) -> str:
    """Return the SHA-256 of *document* without its `checksum`, as the format specifies it."""
    content = {name: value for name, value in document.items() if name != "checksum"}
    return hashlib.sha256(msgspec.json.encode(content, order="sorted")).hexdigest()


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of manifests."""
    # Through JSON, so that defaults are what a file can hold: lists, not tuples.
    schema: Document = msgspec.json.decode(msgspec.json.encode(msgspec.json.schema(Manifest)))
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Manifest of a published partition",
        **schema,
    }
