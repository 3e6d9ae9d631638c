"""A whole source as one JSON document in an output directory: all of its tables, or no file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from export_assets.engine.destination import Committed, Destination, Kept, Slot
from export_assets.engine.report import ExportRecord
from export_assets.engine.request import ExportRequest, Run
from export_assets.engine.tables import TablePlan
from export_assets.errors import IntegrityError
from export_assets.formats.base import FormatOptions
from export_assets.formats.document import write_document
from export_assets.formats.json import JsonFormat
from export_assets.store.adhoc import DirectoryTarget
from export_assets.store.manifest import Manifest

FORMAT = "json"


class DocumentDestination(Destination):
    """Takes in the JSON file of each table, proven like any other, and joins them at the end."""

    splits = False
    holds_files = False

    def __init__(
        self,
        target: DirectoryTarget,
        *,
        source: str,
        request: ExportRequest,
        run: Run,
        options: FormatOptions,
    ) -> None:
        """Name the document after *source*, and write it with *options*."""
        self._target = target
        self._source = source
        self._request = request
        self._run = run
        self._options = options
        self._parts: dict[str, _Part] = {}
        self._name = target.file_name(source, JsonFormat().suffix(options))

    def open(self, plan: TablePlan, fmt: str, suffix: str, key: str) -> "DocumentSlot":
        """Stage the file of one table.

        Raises:
            Kept: The document exists and may not be replaced.
        """
        del fmt, key  # one file of whole tables, in the one format
        path = self._target.directory / self._name
        if not self._request.overwrite and (path.is_symlink() or path.exists()):
            raise Kept(path)
        part = f"part-{len(self._parts):05d}{suffix}"
        self._target.discard(part)
        self._parts[plan.name] = _Part(path=self._target.staged(part))
        return DocumentSlot(self, plan.name, path)

    def staged(self, table: str) -> Path:
        """Return where the file of *table* is written."""
        return self._parts[table].path

    def take(self, table: str, manifest: Manifest) -> None:
        """Count the file of *table* in: it has been proven."""
        self._parts[table] = replace(self._parts[table], rows=manifest.rows)

    def finish(self, records: Sequence[ExportRecord]) -> list[ExportRecord]:
        """Write and publish the document, unless something of it failed.

        Returns:
            The records, as they stand then.

        Raises:
            ExportError: The disk refused; what was there before is still there.
        """
        broken = [record for record in records if record.status in {"failed", "skipped"}]
        if broken or not records:
            return [self._left_out(record, broken[0]) for record in records]
        order = [record.table for record in records]
        parts = {table: self._parts[table] for table in order}
        write_document(
            self._target.staged(self._name),
            {table: part.path for table, part in parts.items()},
            self._options,
            metadata=self._metadata(parts) if self._request.document_metadata else None,
        )
        rows = sum(part.rows or 0 for part in parts.values())
        outcome = self._target.publish(
            self._name, rows=rows, source=self._source, table="*", fmt=FORMAT
        )
        for part in parts.values():
            self._target.discard(part.path.name)
        if outcome.status == "skipped":
            told = str(Kept(outcome.path))
            return [replace(record, status="skipped", error=told) for record in records]
        return [replace(record, path=outcome.path) for record in records]

    def _left_out(self, record: ExportRecord, first: ExportRecord) -> ExportRecord:
        if record.status in {"failed", "skipped"}:
            return record
        fact = f"no document was written, for {first.table} is not in it"
        return replace(record, status="skipped", path=None, error=fact)

    def _metadata(self, parts: Mapping[str, "_Part"]) -> dict[str, object]:
        counts = {table: part.rows or 0 for table, part in parts.items()}
        return {
            "source": self._source,
            "exported_at": self._run.now.isoformat(),
            "tables": list(counts),
            "record_counts": counts,
            "total_records": sum(counts.values()),
        }


@dataclass(frozen=True, kw_only=True)
class _Part:
    path: Path
    rows: int | None = None
    """None until it is proven."""


class DocumentSlot(Slot):
    """The file of one table on its way into the document."""

    def __init__(self, document: DocumentDestination, table: str, path: Path) -> None:
        self._document = document
        self._table = table
        self.path = path

    def part(self, index: int, suffix: str, *, directory: str = "") -> Path:
        """Return the staged path of the one file."""
        del suffix, directory
        if index:
            msg = f"{self._table}: its rows arrived out of order"
            raise IntegrityError(msg)
        return self._document.staged(self._table)

    def commit(self, manifest: Manifest) -> tuple[Committed, Path, Manifest]:
        """Hand the file to the document, which is published once it has them all."""
        self._document.take(self._table, manifest)
        assert self.path is not None  # noqa: S101 - set above
        return "success", self.path, manifest
