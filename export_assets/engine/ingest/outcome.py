"""What one pass over a log directory did."""

from dataclasses import dataclass, field

from export_assets.engine.ingest.segments import Known
from export_assets.errors import ExportError
from export_assets.store.manifest import SegmentRecord


@dataclass(frozen=True, kw_only=True)
class Truncation:
    """A file whose content, read before, is found under no name any more: `truncation_detected`.

    It was truncated, or replaced by another one.
    """

    file: str
    identity: str
    read_bytes: int
    """How far it had been read."""
    unread_bytes: int
    """Bytes known to have been there unread, at least."""


@dataclass(kw_only=True)
class IngestReport:
    """What became of every file; names are escaped as in manifests."""

    known: Known = field(default_factory=Known, repr=False)
    """Every segment there is after the pass."""
    published: list[SegmentRecord] = field(default_factory=list)
    lines: int = 0
    """Lines read that were not read before, or by other rules."""
    unchanged: list[str] = field(default_factory=list)
    duplicates: dict[str, str] = field(default_factory=dict)
    """By name, the file with the same content."""
    truncations: list[Truncation] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    """Removed between listing and opening."""
    unknown: list[str] = field(default_factory=list)
    """Files of which no line means anything to whoever makes the rows; nothing was read."""
    ignored: dict[str, str] = field(default_factory=dict)
    """By name, why it is not read."""
    failed: dict[str, ExportError] = field(default_factory=dict)
    """By name, why it could not be read this time."""
    outdated_lines: int = 0
    """Lines whose rows were made by other rules, and whose logs are gone."""
    pending_bytes: int = 0
    """Over all files, what is no whole line yet."""
