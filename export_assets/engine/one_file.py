"""A whole source as one file in an output directory: all of its tables, or no file."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from export_assets.config.rules import Relation
from export_assets.engine.destination import Committed, Destination, Kept, Slot
from export_assets.engine.joining import proven_part, references_of
from export_assets.engine.report import ExportRecord
from export_assets.engine.request import ExportRequest, Run
from export_assets.engine.tables import TablePlan
from export_assets.errors import IntegrityError
from export_assets.formats.base import Format, FormatOptions
from export_assets.formats.joiners import joiner_of
from export_assets.formats.joining import Origin
from export_assets.store.adhoc import DirectoryTarget
from export_assets.store.manifest import Manifest
from export_assets.tables.schema import ForeignKey
from export_assets.translate import translating


@dataclass(frozen=True, kw_only=True)
class _Room:
    """A table on its way into the file."""

    path: Path
    keys: tuple[ForeignKey, ...]
    manifest: Manifest | None = None
    """None until its own file is proven."""


class OneFileDestination(Destination):
    """Takes in the file of each table, proven like any other, and joins them at the end."""

    splits = False
    holds_files = False

    def __init__(
        self,
        target: DirectoryTarget,
        *,
        source: str,
        relations: Sequence[Relation],
        request: ExportRequest,
        run: Run,
        fmt: Format,
        options: FormatOptions,
    ) -> None:
        """Name the file after *source*, and write it in *fmt* with *options*."""
        self._target = target
        self._source = source
        self._relations = relations
        self._request = request
        self._run = run
        self._format = fmt
        self._options = options
        self._rooms: dict[str, _Room] = {}
        self._name = target.file_name(source, fmt.suffix(options))

    def open(self, plan: TablePlan, fmt: str, suffix: str, key: str) -> "OneFileSlot":
        """Stage the file of one table.

        Raises:
            Kept: The file of all exists and may not be replaced.
        """
        del fmt, key  # one file of whole tables, in the one format
        path = self._target.directory / self._name
        if not self._request.overwrite and (path.is_symlink() or path.exists()):
            raise Kept(path)
        part = f"part-{len(self._rooms):05d}{suffix}"
        self._target.discard(part)
        keys = references_of(plan.schema, self._relations)
        self._rooms[plan.name] = _Room(path=self._target.staged(part), keys=keys)
        return OneFileSlot(self, plan.name, path)

    def staged(self, table: str) -> Path:
        """Return where the file of *table* is written."""
        return self._rooms[table].path

    def take(self, table: str, manifest: Manifest) -> None:
        """Count the file of *table* in: it has been proven."""
        self._rooms[table] = replace(self._rooms[table], manifest=manifest)

    def finish(self, records: Sequence[ExportRecord]) -> list[ExportRecord]:
        """Write, prove and publish the file, unless something of it failed.

        Returns:
            The records, as they stand then.

        Raises:
            ExportError: The disk refused, or the file holds something else than its tables; what
                was there before is still there.
        """
        broken = [record for record in records if record.status in {"failed", "skipped"}]
        if broken or not records:
            return [self._left_out(record, broken[0]) for record in records]
        with translating(f"{self._source}/{self._name}"):
            rows = self._join([record.table for record in records])
        outcome = self._target.publish(
            self._name, rows=rows, source=self._source, table="*", fmt=self._format.name
        )
        for room in self._rooms.values():
            self._target.discard(room.path.name)
        if outcome.status == "skipped":
            told = str(Kept(outcome.path))
            return [replace(record, status="skipped", error=told) for record in records]
        return [replace(record, path=outcome.path) for record in records]

    def _join(self, tables: Sequence[str]) -> int:
        """Write the file and read it back; return how many rows it holds."""
        rooms = [self._rooms[table] for table in tables]
        manifests = [room.manifest for room in rooms if room.manifest is not None]
        parts = {
            manifest.table: proven_part(room.path, manifest, room.keys, self._format, self._options)
            for room, manifest in zip(rooms, manifests, strict=True)
        }
        origin = Origin(
            source=self._source,
            taken_at=min(manifest.snapshot.taken_at for manifest in manifests),
            exported_at=self._run.now,
        )
        told = origin if self._request.document_metadata else None
        path, joiner = self._target.staged(self._name), joiner_of(self._format.name)
        joiner.join(path, parts, self._options, origin=told)
        joiner.prove(path, parts, self._options, origin=told)
        return sum(part.digest.rows for part in parts.values())

    def _left_out(self, record: ExportRecord, first: ExportRecord) -> ExportRecord:
        if record.status in {"failed", "skipped"}:
            return record
        fact = f"no file was written, for {first.table} is not in it"
        return replace(record, status="skipped", path=None, error=fact)


class OneFileSlot(Slot):
    """The file of one table on its way into that of all."""

    def __init__(self, whole: OneFileDestination, table: str, path: Path) -> None:
        self._whole = whole
        self._table = table
        self.path = path

    def part(self, index: int, suffix: str, *, directory: str = "") -> Path:
        """Return the staged path of the one file."""
        del suffix, directory
        if index:
            msg = f"{self._table}: its rows arrived out of order"
            raise IntegrityError(msg)
        return self._whole.staged(self._table)

    def commit(self, manifest: Manifest) -> tuple[Committed, Path, Manifest]:
        """Hand the file to that of all tables, which is published once it has them all."""
        self._whole.take(self._table, manifest)
        assert self.path is not None  # noqa: S101 - set above
        return "success", self.path, manifest
