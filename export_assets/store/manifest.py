"""The manifest: the record of one published partition, and the truth about it.

The JSON form is specified in docs/on-disk-format.md; `json_schema` gives its JSON Schema.
"""

from datetime import datetime
from typing import Any

import msgspec

FORMAT_VERSION = 1
MANIFEST_NAME = "_manifest.json"


class ColumnRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one column of the partition."""

    name: str
    logical_type: str
    physical_type: str
    declared_type: str = ""
    nullable: bool = True
    nulls: int = 0
    min: str | None = None
    max: str | None = None
    digest: str = ""
    fidelity: str = "exact"
    fidelity_reason: str = ""
    fidelity_count: int = 0


class FileRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One part of the partition."""

    path: str
    """Relative to the manifest's directory."""
    bytes: int
    rows: int
    sha256: str


class SnapshotRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The moment the rows come from."""

    kind: str
    id: str
    taken_at: datetime
    consistency: str


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
    row_digest: str
    digest_algorithm: str
    counters: Counters
    dialect: dict[str, str] = {}
    watermark: dict[str, str] = {}
    created_at: datetime
    run_id: str

    @property
    def rows(self) -> int:
        """Rows over all files."""
        return sum(file.rows for file in self.files)

    @property
    def bytes(self) -> int:
        """Bytes over all files."""
        return sum(file.bytes for file in self.files)


_decoder = msgspec.json.Decoder(Manifest)


def encode_manifest(manifest: Manifest) -> bytes:
    """Return the JSON form, indented for people, ending in a newline."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"


def decode_manifest(data: bytes) -> Manifest:
    """Parse the JSON form.

    Raises:
        msgspec.ValidationError: A field is missing or of the wrong type.
        msgspec.DecodeError: *data* is not JSON.
    """
    return _decoder.decode(data)


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of manifests."""
    return msgspec.json.schema(Manifest)
