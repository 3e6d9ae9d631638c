"""All files of a set into one directory, and the record of what they hold."""

from dataclasses import dataclass
from pathlib import Path

from export_assets.engine.sets.documents import Nester
from export_assets.engine.sets.joined import bundled, write_joined
from export_assets.engine.sets.spec import ExportSet, Moment, SetDocument, SetFile
from export_assets.engine.sets.tables import SetTables
from export_assets.errors import ContractViolation
from export_assets.store.contents import BundledTable, DocumentRecord, SetRecord
from export_assets.store.hashing import hash_file
from export_assets.store.manifest import FileRecord

_MB = 1_000_000


@dataclass(frozen=True, kw_only=True)
class WrittenSet:
    """A set, or one record's share of it, as it was written, not yet visible."""

    record: SetRecord
    files: tuple[FileRecord, ...]

    @property
    def digest(self) -> str:
        """The sum of the digests of all it holds: equal for equal content."""
        parts = [int(table.row_digest, 16) for table in self.record.tables]
        for document in self.record.documents:
            parts += [int(level.digest, 16) for level in document.root.walk()]
        return f"{sum(parts) % 2**64:016x}"


@dataclass(frozen=True, kw_only=True)
class SetWriter:
    """Writes one set."""

    one: ExportSet
    tables: SetTables
    moment: Moment

    def write(self, directory: Path) -> WrittenSet:
        """Write every file into *directory*.

        Raises:
            ContractViolation: They are larger than the set may be; nothing may be published then.
            SetFailed: A table could not be written.
            IntegrityError: A document holds other records than the snapshot.
        """
        files: list[FileRecord] = []
        tables: list[BundledTable] = []
        dialects: dict[str, dict[str, str]] = {}
        for table, wanted in self._by_table().items():
            proven = self.tables.write(table, wanted, directory)
            for manifest in proven.values():
                files += manifest.files
                dialects[manifest.files[0].path] = dict(manifest.dialect)
            self._refuse_large(files)
            tables.append(bundled(table, proven))
        documents = []
        for document in self.one.documents:
            path = directory / document.name
            documents.append(self.nester(document).write(path))
            files.append(file_record(path, documents[-1]))
            self._refuse_large(files)
        for joined in self.one.joined:
            file, inside = write_joined(joined, self.tables, self.moment, directory)
            files.append(file)
            tables += inside
            self._refuse_large(files)
        record = SetRecord(
            tables=tuple(tables),
            documents=tuple(documents),
            dialects=dialects,
            profile=self.one.profile,
        )
        return WrittenSet(record=record, files=tuple(files))

    def nester(self, document: SetDocument) -> Nester:
        """Return what writes *document*."""
        return Nester(document=document, tables=self.tables, moment=self.moment)

    def _by_table(self) -> dict[str, list[SetFile]]:
        found: dict[str, list[SetFile]] = {}
        for file in self.one.files:
            found.setdefault(file.table, []).append(file)
        return found

    def _refuse_large(self, files: list[FileRecord]) -> None:
        size, most = sum(file.bytes for file in files), self.one.most_bytes
        if most is not None and size > most:
            msg = f"{self.one.name}: is larger than the {most / _MB:g} MB it may have; nothing of "
            msg += "it was published. Raise the limit, or leave files out"
            raise ContractViolation(msg)


def share_of(one: ExportSet, path: Path, record: DocumentRecord) -> WrittenSet:
    """Return the document of one record as a set of its own."""
    files = (file_record(path, record),)
    return WrittenSet(record=SetRecord(documents=(record,), profile=one.profile), files=files)


def file_record(path: Path, record: DocumentRecord) -> FileRecord:
    """Return the entry of the document at *path* for a manifest."""
    size, sha256 = hash_file(path)
    rows = sum(level.rows for level in record.root.walk())
    return FileRecord(path=record.path, bytes=size, rows=rows, sha256=sha256)
