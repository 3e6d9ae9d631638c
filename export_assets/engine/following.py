"""Whether a table is read whole or where its cursor says, and how far that brought it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from export_assets.config.table import TableConfig
from export_assets.engine.changes import Changes
from export_assets.engine.cursor import (
    Newest,
    Watermark,
    behind,
    capped,
    digest_from,
    is_whole,
    latest,
    look_for_newer,
)
from export_assets.engine.memory import Followed, due
from export_assets.engine.tables import TablePlan
from export_assets.sources.base import Snapshot
from export_assets.store.manifest import Manifest
from export_assets.tables.mismatch import ValueMismatch
from export_assets.tables.partitions import ALL
from export_assets.tables.redaction import Redactor
from export_assets.tables.schema import TableSchema

Marks = Mapping[str, tuple[Watermark, Manifest]]


class RowsLeft(Exception):
    """The rows do not add up: some left the source, or moved, without the cursor showing it."""


@dataclass(kw_only=True)
class Following:
    """How one table with a cursor is read in one run."""

    column: str
    rule: TableConfig
    why: str
    """Why it is read whole, or from where on it is read."""
    now: datetime
    keys: tuple[str, ...] | None = None
    """The partitions to read; None for all of them."""
    partial: bool = False
    """Whether the request speaks of part of the table, so that nothing is known of the rest."""
    before: Mapping[str, Watermark] = field(default_factory=dict)
    """How far each format reached before."""
    newest: Newest
    passes: int = 0
    """How often the cursor was followed since all was read."""
    failed: set[str] = field(default_factory=set)
    """Formats of which something could not be published: they reach as far as before."""

    @property
    def why_not(self) -> str:
        """Why a partition is not read that the cursor does not name."""
        return f"unchanged, as far as {self.column} shows"

    @property
    def whole(self) -> bool:
        """Whether all rows are read."""
        return self.keys is None and not self.partial

    def record_before(self, fmt: str) -> dict[str, str]:
        """Return the watermark of a manifest after which others may still fail."""
        return self.before[fmt].record() if fmt in self.before else {}

    def record_after(
        self, fmt: str, plan: TablePlan, snapshot: Snapshot, redactor: Redactor, zone: str
    ) -> dict[str, str]:
        """Return the watermark of the manifest that is published last of all."""
        newest = self.newest.value
        if self.partial or newest is None or fmt in self.failed:
            return self.record_before(fmt)
        full_at = self.now if self.whole else self.before[fmt].full_at
        mark = Watermark(
            column=self.column,
            value=capped(newest, snapshot.info.taken_at),
            as_of=self.now,
            full_at=full_at,
        )
        if plan.time_column is None:
            lag = self.rule.lag
            start = behind(mark.value, lag)
            found = digest_from(plan, snapshot, start, redactor, assume_timezone=zone)
            mark = replace(mark, lag=lag, slice_rows=found.rows, slice_digest=found.row_digest)
        return mark.record()

    def lately(self, fmt: str) -> Followed | None:
        """Return what to remember of this run, None where nothing new is known."""
        if self.partial or fmt in self.failed:
            return None
        if self.whole:
            return Followed(column=self.column, full_at=self.now)
        full_at = self.before[fmt].full_at
        return Followed(column=self.column, full_at=full_at, passes=self.passes + 1)


@dataclass(frozen=True, kw_only=True)
class Guide:
    """Decides how a table with a cursor is read."""

    plan: TablePlan
    rule: TableConfig
    snapshot: Snapshot
    redactor: Redactor
    origin: str
    zone: str
    now: datetime

    def whole(self, why: str, *, partial: bool = False, marks: Marks | None = None) -> Following:
        """Return the decision to read all rows of the request."""
        column = self.plan.cursor or ""
        return Following(
            column=column,
            rule=self.rule,
            why=why,
            now=self.now,
            partial=partial,
            before={fmt: mark for fmt, (mark, _) in (marks or {}).items()},
            newest=Newest(column),
        )

    def decide(self, changes: Changes, known: Mapping[str, Followed | None]) -> Following:
        """Return how to read the table, of whose formats *known* is remembered.

        Raises:
            SourceError: The source failed.
        """
        column = self.plan.cursor or ""
        found = {fmt: latest(changes.comparable(fmt), column) for fmt in known}
        marks = {fmt: pair for fmt, pair in found.items() if pair is not None}
        lately = {fmt: self._latest(mark, known[fmt]) for fmt, (mark, _) in marks.items()}
        marks = {
            fmt: (replace(mark, full_at=lately[fmt].full_at), manifest)
            for fmt, (mark, manifest) in marks.items()
        }
        why = self._reason(marks, known, lately)
        if why is not None:
            return self.whole(why, marks=marks)
        passes = max(one.passes for one in lately.values())
        try:
            return self._narrowed(changes, marks, passes)
        except ValueMismatch:
            return self.whole("its types follow its values", marks=marks)

    def _latest(self, mark: Watermark, known: Followed | None) -> Followed:
        """Return when all was last read: what is remembered, or what manifests say at least."""
        if known is not None and known.column == mark.column and known.full_at >= mark.full_at:
            return known
        # Without a memory nobody counted; then the table has been followed often enough.
        passes = 0 if self.rule.full_every.runs is None else self.rule.full_every.runs
        return Followed(column=mark.column, full_at=mark.full_at, passes=passes)

    def _reason(
        self,
        marks: Marks,
        known: Mapping[str, Followed | None],
        lately: Mapping[str, Followed],
    ) -> str | None:
        if len(marks) < len(known):
            return "no manifest says how far it was read"
        for fmt, (mark, manifest) in marks.items():
            if manifest.snapshot.origin != self.origin:
                return "it was published from another database"
            if isinstance(mark.value, int) != is_whole(self.plan):
                return "its cursor has another type"
            if _shape(manifest) != _planned(self.redactor.schema):
                return "its columns changed, or follow its values"
            why = due(self.rule.full_every, mark.column, lately[fmt], now=self.now)
            if why is not None:
                return why
        return None

    def _narrowed(self, changes: Changes, marks: Marks, passes: int) -> Following:
        values = [mark.value for mark, _ in marks.values()]
        reached = max(values)
        start = behind(min(values), self.rule.lag)
        newer = look_for_newer(self.plan, self.snapshot, start, assume_timezone=self.zone)
        if newer.newest is None or newer.newest < reached:  # type: ignore[operator]  # as above
            return self.whole(f"its newest rows are gone: it was read up to {reached}", marks=marks)
        keys = newer.keys | {key for fmt in marks for key in changes.obstructed(fmt)}
        why = f"rows from {start} on"
        if self.plan.time_column is None:
            if not self._is_as_before(changes, marks):
                for fmt in marks:
                    changes.force(fmt, ALL, f"{why} differ")
                return self.whole(f"{why} differ", marks=marks)
            keys = set()
        found = self.whole(why, marks=marks)
        found.keys, found.newest.value, found.passes = tuple(sorted(keys)), newer.newest, passes
        return found

    def _is_as_before(self, changes: Changes, marks: Marks) -> bool:
        """Whether a table without partitions has the rows behind its cursor, and as many in all."""
        rows = self.snapshot.count(self.plan.name)
        for fmt, (mark, manifest) in marks.items():
            if changes.obstructed(fmt) or mark.lag != self.rule.lag or manifest.rows != rows:
                return False
            start = behind(mark.value, self.rule.lag)
            found = digest_from(
                self.plan, self.snapshot, start, self.redactor, assume_timezone=self.zone
            )
            if (found.rows, found.row_digest) != (mark.slice_rows, mark.slice_digest):
                return False
        return True


def _shape(manifest: Manifest) -> list[tuple[str, str, str]]:
    return [(one.name, one.logical_type, one.physical_type) for one in manifest.columns]


def _planned(schema: TableSchema) -> list[tuple[str, str, str]]:
    return [(one.name, str(one.logical), str(one.dtype)) for one in schema.columns]
