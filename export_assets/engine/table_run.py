"""The passes over one table in one run: read, write what is to be written, prove, publish."""

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from export_assets.engine.capacity import partitions_at_once
from export_assets.engine.changes import NEW, Changes
from export_assets.engine.choices import Choices
from export_assets.engine.destination import Destination, Opener
from export_assets.engine.following import Following, RowsLeft
from export_assets.engine.judge import Judge, refuse_incomplete
from export_assets.engine.lane import Lane, stop_all
from export_assets.engine.manifests import effective_hash
from export_assets.engine.report import ExportRecord
from export_assets.engine.request import ExportRequest, Run
from export_assets.engine.slicing import whole_partitions
from export_assets.engine.stamped import Stamped
from export_assets.engine.table_pass import Observer, PassResult, Progress, read_table, silent
from export_assets.engine.tables import TablePlan
from export_assets.engine.tombstones import KeyWatch, Stones, Undertaker
from export_assets.engine.workspace import ConfiguredSource
from export_assets.formats.base import Format
from export_assets.sources.base import Snapshot
from export_assets.store.layout import ExportKey
from export_assets.store.local import LocalStore
from export_assets.tables.partitions import UNDATED, TimePartitions, Window

_UNORDERED_WRITERS = 16
_PUBLISHERS = 8

Announce = Callable[[str, Callable[[], int]], None]
"""Called with a table's name before it is read, and with what counts its rows if asked."""


def unannounced(table: str, count: Callable[[], int]) -> None:
    """Announce nothing, and so count nothing."""
    del table, count


@dataclass(frozen=True, kw_only=True)
class TableRun:
    """One table in one run, in the formats that are not known to be up to date."""

    store: LocalStore
    source: ConfiguredSource
    request: ExportRequest
    run: Run
    choices: Choices
    plan: TablePlan
    formats: Sequence[Format]
    snapshot: Snapshot
    changes: Changes
    following: Following | None
    vanished: Callable[[ExportRequest, frozenset[str]], frozenset[str]]
    """Tells, of a request and the keys seen, which others are to be published without rows."""
    stamped: Stamped | None = None
    """What the partitions are made of, where the source knows."""
    watch: KeyWatch | None = None
    """Sees the keys of a table whose deleted keys are recorded."""
    progress: Progress = silent
    announce: Announce = unannounced

    def of(self, keys: Sequence[str]) -> "TableRun":
        """Return the same for some partitions."""
        if not isinstance(self.plan.partitions, TimePartitions):
            return self
        request = replace(self.request, partitions=tuple(keys), window=Window())
        return replace(self, request=request)

    def quietly(self) -> "TableRun":
        """Return the same without telling how it goes on: its rows were counted before."""
        return replace(self, progress=silent, announce=unannounced)

    def export_once(
        self,
        destinations: Opener,
        *,
        expected: Mapping[str, int] | None = None,
        last: bool = True,
    ) -> tuple[list[ExportRecord], Mapping[str, int]]:
        """Read the table once; write what is to be written, prove and publish it.

        *expected* are the rows an earlier pass counted; *last* says that no other pass follows.

        Returns:
            The records, and the rows by key of the partitions that must be read once more: they
            had no room, or turned out to differ from what is published.

        Raises:
            RowsLeft: A cursor does not show all changes; nothing was published.
        """
        with ExitStack() as slots:
            destination = destinations(slots)
            lanes = self._lanes(destination)
            try:
                for lane in lanes:
                    lane.start()
                self.announce(self.plan.name, lambda: self.snapshot.count(self.plan.name))
                room = partitions_at_once(len(lanes)) if destination.holds_files else None
                result = self.read(lanes=lanes, room=room)
                for lane in lanes:
                    lane.finish()
            finally:
                stop_all(lanes)
            if any(lane.written for lane in lanes):
                self.snapshot.check()
            refuse_incomplete(
                self.plan, self.snapshot, self.request, result, expected=expected or {}
            )
            if expected is None:
                self.refuse_gap(result)
            judge = self._judge(result)
            left, changed = self._compared(judge, lanes)
            waiting = {**result.waiting, **changed}
            records = self._published(judge, lanes, last=last and not waiting)
            return records + left, waiting

    def read(self, *, lanes: Sequence[Lane] = (), room: int | None = None) -> PassResult:
        """Read the rows of the request, count them all and hand the lanes what they write."""
        following = self.following
        observers: list[Observer] = []
        if following is not None and following.whole:
            observers.append(following.newest)
        if self.watch is not None:
            observers.append(self.watch)
        return read_table(
            self.plan,
            self.snapshot,
            self.request,
            assume_timezone=self.source.config.assume_timezone,
            redactor=self.choices.redactor(self.plan),
            contract=self.choices.contract(self.plan),
            vanished=lambda seen: self.vanished(self.request, seen),
            lanes=lanes,
            progress=self.progress,
            room=room,
            writes=self.changes.writes,
            observers=observers,
        )

    def refuse_gap(self, result: PassResult) -> None:
        """Compare, where only some partitions were read, all rows with those of the source.

        Raises:
            RowsLeft: They do not add up.
        """
        following = self.following
        if following is None or following.keys is None:
            return
        counted = self.snapshot.count(self.plan.name)
        for fmt in self.formats:
            others = self.changes.comparable(fmt.name).items()
            untouched = sum(one.rows for key, one in others if key not in following.keys)
            if untouched + result.rows != counted:
                raise RowsLeft

    def _lanes(self, destination: Destination) -> list[Lane]:
        schema = self.choices.redactor(self.plan).schema
        return [
            Lane(
                self.plan,
                schema,
                fmt,
                self.choices.options(self.plan.name, fmt),
                destination,
                open_writers=1 if self.snapshot.keeps_time_order else _UNORDERED_WRITERS,
                max_rows_per_file=self.source.config.table(self.plan.name).max_rows_per_file,
            )
            for fmt in self.formats
        ]

    def _judge(self, result: PassResult) -> Judge:
        consistency = self.snapshot.consistency_of(self.plan.name)
        return Judge(
            config=self.source.config,
            plan=self.plan,
            result=result,
            snapshot=replace(self.snapshot.info, consistency=consistency),
            origin=self.source.origin,
            request=self.request,
            run=self.run,
        )

    def _published(self, judge: Judge, lanes: Sequence[Lane], *, last: bool) -> list[ExportRecord]:
        """Publish what was written, of each format last of all what says how far it was read."""
        pairs = [(lane, key) for lane in lanes for key in sorted(lane.written)]
        finals, stones = [], self._buried(lanes)
        if last and self.following is not None:
            finals = [(lane, max(lane.written)) for lane in lanes if lane.written]

        def publish(pair: tuple[Lane, str], *, final: bool = False) -> ExportRecord:
            lane, key = pair
            mark = self._watermark(lane.format.name, key, final=final)
            left = stones.get((lane.format.name, key))
            record = judge.publish(lane, lane.written[key], watermark=mark, stones=left)
            self.note(record)
            return record

        # Publishing is mostly waiting for the disk, which serves several at once better.
        with ThreadPoolExecutor(min(_PUBLISHERS, len(pairs) or 1)) as publishers:
            records = list(publishers.map(publish, (one for one in pairs if one not in finals)))
            records += publishers.map(lambda pair: publish(pair, final=True), finals)
        return records

    def _watermark(self, fmt: str, key: str, *, final: bool) -> dict[str, str] | None:
        """Return what a manifest says of how far the table was read; None for what it said."""
        following = self.following
        if self.stamped is not None:
            return self.stamped.record(key)
        if following is None:
            return {}
        if following.partial:
            return None
        if not final:
            return following.record_before(fmt)
        redactor, zone = self.choices.redactor(self.plan), self.source.config.assume_timezone
        return following.record_after(fmt, self.plan, self.snapshot, redactor, zone)

    def note(self, record: ExportRecord) -> None:
        """Note that a partition has its record."""
        self.changes.settle(record.format, record.partition)
        if self.following is not None and record.status == "failed":
            self.following.failed.add(record.format)

    def _compared(
        self, judge: Judge, lanes: Sequence[Lane]
    ) -> tuple[list[ExportRecord], dict[str, int]]:
        """Return records of what is as published, and the rows by key of what is not."""
        records: list[ExportRecord] = []
        changed: dict[str, int] = {}
        for key, facts in judge.result.facts.items():
            self.changes.rows[key] = facts.digest.rows
            for lane in lanes:
                fmt = lane.format.name
                if key in lane.written or self.changes.is_settled(fmt, key):
                    continue
                reason = self.compare(fmt, key, judge.result)
                manifest = self.changes.manifest(fmt, key)
                if reason is not None or manifest is None:
                    self.changes.force(fmt, key, reason or NEW)
                    changed[key] = facts.digest.rows
                    continue
                path = self.path(fmt, key)
                records.append(judge.leave(fmt, key, manifest, path=path, facts=facts))
                self.note(records[-1])
        return records, changed

    def compare(self, fmt: str, key: str, result: PassResult) -> str | None:
        """Return how a partition differs from what is published, None where it does not."""
        reason = self.changes.compare(fmt, key, result.facts[key], result.schema)
        if reason is None and self.watch is not None and self.watch.is_back(fmt, key):
            return "a deleted key is in the source again"
        return reason

    def _buried(self, lanes: Sequence[Lane]) -> dict[tuple[str, str], Stones]:
        """Return the tombstones of the partitions written, by format and key."""
        if self.watch is None:
            return {}
        only = replace(self.plan, exported=self.plan.tombstone_key)
        undertaker = Undertaker(
            plan=self.plan,
            snapshot=self.snapshot,
            redactor=self.choices.redactor(only),
            zone=self.source.config.assume_timezone,
            run_id=self.run.id,
            now=self.run.now,
        )
        config, table = self.source.config, self.plan.name
        hashes = {
            fmt.name: effective_hash(config, table, fmt.name, self.request) for fmt in self.formats
        }
        return undertaker.bury(lanes, self.watch, hashes=hashes)

    def left_alone(self) -> list[ExportRecord]:
        """Return records of the partitions that need not be read."""
        keys = self._read_keys()
        if keys is None:
            return []
        return [
            ExportRecord(
                source=self.source.name,
                table=self.plan.name,
                format=fmt.name,
                partition=key,
                status="unchanged",
                rows=manifest.rows,
                bytes=manifest.bytes,
                path=self.path(fmt.name, key),
                manifest=manifest,
            )
            for fmt in self.formats
            for key, manifest in self.changes.comparable(fmt.name).items()
            if key not in keys and self._is_asked_for(key)
        ]

    def _read_keys(self) -> Collection[str] | None:
        """Return the partitions that are read; None for all that are asked for."""
        if self.stamped is not None:
            return frozenset(self.stamped.keys)
        return None if self.following is None else self.following.keys

    def _is_asked_for(self, key: str) -> bool:
        request, partitions = self.request, self.plan.partitions
        if request.partitions:
            return key in request.partitions
        if not request.window.bounded or not isinstance(partitions, TimePartitions):
            return True
        window = whole_partitions(partitions, request.window)
        return key != UNDATED and window.holds(partitions.window(key))

    def path(self, fmt: str, key: str) -> Path:
        """Return where a partition is, or would be."""
        export = ExportKey(self.source.name, self.plan.name, fmt)
        return self.store.partition_path(export, self.plan.partitions.directory(key))
