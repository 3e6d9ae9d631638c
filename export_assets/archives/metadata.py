"""What an archive says about itself: the JSON of its last member.

Specified in docs/on-disk-format.md, section Archives.
"""

from datetime import UTC, date, datetime
from typing import Annotated, TypeVar

import msgspec

from export_assets.errors import IntegrityError
from export_assets.store.manifest import decode_document, encode_document
from export_assets.translate import one_line

FORMAT_VERSION = 1
MATCH_METADATA = "metadata.json"
OFFLOAD_METADATA = "offload_metadata.json"


_Size = Annotated[int, msgspec.Meta(ge=0)]
# What the kernel takes.
_Nanoseconds = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]


class ArchivedMember(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One file in an archive, as it was when it was read."""

    name: str
    """The member's name inside the zip."""
    path: str = ""
    """The file's own relative path, percent-encoded, where a zip cannot carry it as it is."""
    bytes: _Size
    sha256: str
    mtime_ns: _Nanoseconds
    content_start: datetime | None = None
    """The first and the last moment its content is about, where somebody knows."""
    content_end: datetime | None = None

    def is_about(self, day: date) -> bool:
        """Whether some of the content is known to be of *day*, in UTC."""
        if self.content_end is None:
            return False
        start = self.content_start or self.content_end
        return start.astimezone(UTC).date() <= day <= self.content_end.astimezone(UTC).date()


class ArchiveMetadata(msgspec.Struct, frozen=True, kw_only=True):
    """What every archive says."""

    format_version: int = FORMAT_VERSION
    created_at: datetime
    run_id: str = ""
    code_version: str = ""
    members: tuple[ArchivedMember, ...] = ()
    """In the order they stand in the zip; the metadata itself, which follows, is not listed."""
    packed_sha256: str = ""
    """Of all bytes of the zip in front of the metadata; empty in archives of earlier programs."""
    checksum: str = ""

    @property
    def total_bytes(self) -> int:
        """Bytes of all members, unpacked."""
        return sum(member.bytes for member in self.members)


class MatchMetadata(ArchiveMetadata, frozen=True, kw_only=True):
    """Everything of one match."""

    match_id: str
    schema_version: str = "1.0.0"
    formats: tuple[str, ...] = ()
    """Formats of the exports that really are inside."""
    config_hash: str = ""
    """Of what the exports were made by besides the logs; empty where there are none."""
    counts: dict[str, int] = {}


class OffloadMetadata(ArchiveMetadata, frozen=True, kw_only=True):
    """Files moved away from a directory because their content is old."""

    source_dir: str
    cutoff: datetime


KINDS: dict[str, type[ArchiveMetadata]] = {
    MATCH_METADATA: MatchMetadata,
    OFFLOAD_METADATA: OffloadMetadata,
}
"""What the metadata is, by the name of the member that holds it."""

_Any = TypeVar("_Any", bound=ArchiveMetadata)


def encode_metadata(metadata: ArchiveMetadata) -> bytes:
    """Return *metadata* as JSON with its checksum."""
    return encode_document(metadata)


def decode_metadata(data: bytes, kind: type[_Any], *, subject: str) -> _Any:
    """Return the metadata in *data*, proven by its checksum.

    Raises:
        IntegrityError: It is damaged, or of a version this program does not know.
    """
    try:
        return decode_document(data, kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        msg = f"{subject}: its metadata cannot be read: {one_line(error)}"
        raise IntegrityError(msg) from error
