"""The nested documents of a set: lines of each level, merged, read back and compared."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any

import msgspec

from export_assets.engine.sets.spec import Moment, SetDocument, SetFile
from export_assets.engine.sets.tables import SetTables
from export_assets.errors import ContractViolation, IntegrityError
from export_assets.formats.nesting.layout import Frame, Level, check_level
from export_assets.formats.nesting.lines import LevelLines
from export_assets.formats.nesting.read import Content, read_nested
from export_assets.formats.nesting.write import DocumentWriter
from export_assets.store.contents import ColumnRecord, DocumentRecord, LevelRecord
from export_assets.store.layout import safe_name
from export_assets.translate import translating

LINES = "ndjson"


@dataclass(frozen=True, kw_only=True)
class Nester:
    """Writes one document, or one for each record of its uppermost level."""

    document: SetDocument
    tables: SetTables
    moment: Moment
    _columns: dict[str, tuple[ColumnRecord, ...]] = field(default_factory=dict)

    def write(self, path: Path) -> DocumentRecord:
        """Write all of the document to *path*.

        Raises:
            IntegrityError: It does not hold every record once, as it is.
            SetFailed: A table of it could not be read.
        """
        with self._levels() as (lines, moment):
            writer = DocumentWriter(self.document.root, lines, self._frame)
            with translating(path.name), path.open("xb") as file:
                self._document(writer, file, moment)
            writer.finish()
            expected = _content(lines)
        return self._proven(path, expected)

    def write_each(self, placing: Callable[[int], Path]) -> Iterator[tuple[str, DocumentRecord]]:
        """Write a document for each record, and yield the record's `id` with what was written.

        Args:
            placing: Gives, by the number of the document, from 0, where to write it.
        """
        with self._levels() as (lines, moment):
            writer = DocumentWriter(self.document.root, lines, self._frame)
            number, before, known = 0, _content(lines), set[str]()
            while writer.more:
                path, name = placing(number), self._name(lines, known)
                with translating(path.name), path.open("xb") as file:
                    self._document(writer, file, moment, most=1)
                after = _content(lines)
                yield name, self._proven(path, _difference(after, before))
                number, before = number + 1, after
            writer.finish()

    def _name(self, lines: Mapping[str, LevelLines], known: set[str]) -> str:
        """Return the `id` of the next record, and add it to those *known*.

        Raises:
            ContractViolation: It has none to be called by, or another has the same.
        """
        name = lines[self.document.root.table].peek("id")
        if name is None or str(name) in known:
            what = "a record has no id" if name is None else f"two records have the id {name}"
            msg = f"{self.document.root.name}: {what}, and a partition is called by it"
            raise ContractViolation(msg)
        known.add(str(name))
        return str(name)

    def write_none(self, path: Path) -> DocumentRecord:
        """Write the document of a record that is gone: its list is empty."""
        moment = self.moment
        nothing: dict[str, LevelLines] = {}
        empty = self.tables.spool / "nothing"
        empty.touch()
        with ExitStack() as stack:
            for level in self.document.root.walk():
                nothing[level.table] = stack.enter_context(LevelLines(level, empty, root=True))
            writer = DocumentWriter(self.document.root, nothing, self._frame)
            with translating(path.name), path.open("xb") as file:
                self._document(writer, file, moment)
            expected = _content(nothing)
        return self._proven(path, expected)

    @property
    def _frame(self) -> Frame:
        return Frame(pretty=self.document.pretty)

    def _document(
        self, writer: DocumentWriter, file: IO[bytes], moment: Moment, *, most: int | None = None
    ) -> None:
        head, tail = self.document.head(moment), self.document.tail(moment)
        writer.write(file, head, tail, most=most)

    @contextmanager
    def _levels(self) -> Iterator[tuple[Mapping[str, LevelLines], Moment]]:
        """Hold the lines of every level open, and tell the moment with its summary."""
        root, moment = self.document.root, self.moment
        paths = {level.table: self.lines_of(level.table, level) for level in root.walk()}
        if self.document.summary is not None:
            line = self.lines_of(self.document.summary, None).read_bytes()
            moment = replace(moment, summary=msgspec.json.decode(line, type=dict[str, Any]))
        with ExitStack() as stack:
            yield (
                {
                    level.table: stack.enter_context(
                        LevelLines(level, paths[level.table], root=level is root)
                    )
                    for level in root.walk()
                },
                moment,
            )

    def lines_of(self, table: str, level: Level | None) -> Path:
        """Return the rows of *table* as lines in the spool."""
        directory = self.tables.spool
        stem = safe_name(table)
        path = directory / f"{stem}.{LINES}"
        if not path.exists():
            if level is not None:
                names = self.tables.plan(table).exported
                check_level(level, names, root=level is self.document.root)
            file = SetFile(stem=stem, table=table, format=LINES)
            self._columns[table] = self.tables.write(table, [file], directory)[LINES].columns
        return path

    def _proven(self, path: Path, expected: Content) -> DocumentRecord:
        root = self.document.root
        found = read_nested(path, root, self._frame)
        for level in root.walk():
            if found.rows[level.table] != expected.rows[level.table]:
                rows, wanted = found.rows[level.table], expected.rows[level.table]
                msg = f"{path.name}: holds {rows} records of {level.table}, not {wanted}"
                raise IntegrityError(msg)
            if found.totals[level.table] != expected.totals[level.table]:
                msg = f"{path.name}: records of {level.table} differ from the snapshot"
                raise IntegrityError(msg)
        record = level_record(root, found, self._columns)
        return DocumentRecord(path=path.name, root=record, pretty=self.document.pretty)


def _content(lines: Mapping[str, LevelLines]) -> Content:
    return Content(
        rows={table: one.rows for table, one in lines.items()},
        totals={table: one.total for table, one in lines.items()},
    )


def _difference(after: Content, before: Content) -> Content:
    return Content(
        rows={table: rows - before.rows[table] for table, rows in after.rows.items()},
        totals={
            table: (total - before.totals[table]) % 2**64 for table, total in after.totals.items()
        },
    )


def level_record(
    level: Level, content: Content, columns: Mapping[str, tuple[ColumnRecord, ...]]
) -> LevelRecord:
    """Return what a manifest says of *level* and all below it; *columns* are by table."""
    return LevelRecord(
        name=level.name,
        table=level.table,
        rows=content.rows[level.table],
        digest=f"{content.totals[level.table]:016x}",
        columns=columns.get(level.table, ()),
        children=tuple(level_record(child, content, columns) for child in level.children),
    )


def recorded_level(record: LevelRecord) -> Level:
    """Return the level that *record* tells of, as far as reading needs it."""
    return Level(
        name=record.name,
        table=record.table,
        children=tuple(recorded_level(child) for child in record.children),
    )
