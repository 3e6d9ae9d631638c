"""What is published below a root, as rows: the answer of `export-assets list`, made quickly."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec

from export_assets.errors import ExportError, IntegrityError
from export_assets.store.layout import ExportKey
from export_assets.store.manifest import MANIFEST_NAME, ManifestHead, WindowRecord, decode_document
from export_assets.store.tree import has_no_manifest, scan_partitions
from export_assets.translate import one_line, translate


@dataclass(frozen=True, kw_only=True)
class Published:
    """One published partition."""

    source: str
    table: str
    format: str
    partition: str
    window: WindowRecord | None
    rows: int
    bytes: int
    files: int
    created_at: datetime
    run_id: str
    generation: int
    path: Path

    @property
    def key(self) -> ExportKey:
        """The export, by the directory names it was found under."""
        return ExportKey(*self.path.parts[-4:-1])

    @property
    def directory(self) -> str:
        """The partition's directory name."""
        return self.path.name


@dataclass(frozen=True, kw_only=True)
class Damaged:
    """A partition directory whose manifest cannot be read."""

    path: Path
    message: str


@dataclass(frozen=True, kw_only=True)
class Unproven:
    """A partition directory that holds files but no manifest; nothing replaces or removes it."""

    path: Path
    message: str


def list_published(
    root: Path, *, source: str | None = None, table: str | None = None, fmt: str | None = None
) -> Iterator[Published | Damaged | Unproven]:
    """Yield what is published below *root*, in order of path; its parts are not looked at.

    Empty directories are passed over.
    """
    for path in scan_partitions(root, source=source, table=table, fmt=fmt):
        try:
            data = (path / MANIFEST_NAME).read_bytes()
        except FileNotFoundError:
            if has_no_manifest(path):
                message = f"{path}: holds files but no manifest; move it away, or nothing is "
                yield Unproven(path=path, message=f"{message}published there")
            continue
        except OSError as error:
            told: ExportError = translate(error, subject=str(path), side="source")
            yield Damaged(path=path, message=str(told))
            continue
        yield _row(path, data)


def _row(path: Path, data: bytes) -> Published | Damaged:
    try:
        head = decode_document(data, ManifestHead)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        told = IntegrityError(f"{path / MANIFEST_NAME}: not a valid manifest: {one_line(error)}")
        return Damaged(path=path, message=str(told))
    return Published(
        source=head.source,
        table=head.table,
        format=head.format,
        partition=head.partition,
        window=head.window,
        rows=head.rows,
        bytes=sum(file.bytes for file in head.files),
        files=len(head.files),
        created_at=head.created_at,
        run_id=head.run_id,
        generation=head.generation,
        path=path,
    )
