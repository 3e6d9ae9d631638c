"""The sensor that tells Dagster of partitions published without it, by the command line say.

The manifests are the truth. A partition whose manifest names another run than Dagster's newest
event of it is reported once, with the same metadata a run of Dagster would have given.
"""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import monotonic

import dagster as dg

from export_assets.defs.above_elsewhere import find_above
from export_assets.defs.bundles import BundleRoot
from export_assets.defs.bundles_elsewhere import find_bundles
from export_assets.defs.change import Before
from export_assets.defs.event_log import is_unfinished, latest, observed, run_id_of
from export_assets.defs.history import History
from export_assets.defs.metadata import materialization
from export_assets.defs.partitions import Place, place_of
from export_assets.defs.sets import SetAsset
from export_assets.defs.sets_elsewhere import find_sets
from export_assets.defs.showing import Showing
from export_assets.defs.switches import sensor_status
from export_assets.defs.table import TableExport
from export_assets.defs.wording import counted
from export_assets.errors import ExportError
from export_assets.store.manifest import MANIFEST_NAME, Manifest
from export_assets.tables.partitions import TimePartitions

log = logging.getLogger(__name__)

SECONDS = 60
MOST_EVENTS = 1_000
"""Of one tick, about. Dagster's daemon takes ten milliseconds and more to write each."""
LONGEST_LOOK = 20.0
"""Seconds after which a look goes on in the next tick; Dagster gives a tick sixty."""
_MOST_LOOKS = 2_000
_BATCH = 100
_MOST_ROWS = 100_000
"""Of a partition whose rows a tick looks at for a chart; it has little time."""
# A manifest is written just before its directory is renamed into place, which is the time compared.
_SLACK_NS = 600 * 10**9


@dataclass(kw_only=True)
class Budget:
    """What one tick may still do."""

    events: int = MOST_EVENTS
    looks: int = _MOST_LOOKS
    until: float = field(default_factory=lambda: monotonic() + LONGEST_LOOK)

    @property
    def late(self) -> bool:
        """Whether its time is over."""
        return monotonic() >= self.until

    @property
    def spent(self) -> bool:
        """Whether the rest has to wait for the next tick."""
        return self.events <= 0 or self.looks <= 0 or self.late


@dataclass(frozen=True, kw_only=True)
class Seen:
    """How far one export was looked through."""

    stamp: int = 0
    """Time of change of its directory, in nanoseconds, when a look through it ended."""
    after: str = ""
    """Partition key after which a look that is not over goes on."""
    due: int = 0
    """When the next partition of the future becomes one of Dagster's, in Unix seconds; 0: never."""


@dataclass(kw_only=True)
class Findings:
    """What one tick found."""

    events: list[dg.AssetMaterialization] = field(default_factory=list)
    seen: dict[str, Seen] = field(default_factory=dict)
    left_out: int = 0
    """Partitions Dagster has no key for."""

    @property
    def says(self) -> str | None:
        """What the tick says of itself, None where it did all there was to do."""
        if not self.left_out:
            return None
        return (
            f"{counted(len(self.events), 'partition')} reported; {self.left_out} left out as "
            "outside Dagster's partitions: see the check `coverage`"
        )


def build_elsewhere_sensor(
    tables: Sequence[TableExport],
    roots: Sequence[BundleRoot] = (),
    sets: Sequence[SetAsset] = (),
    *,
    on: bool = True,
    name: str = "published_elsewhere",
) -> dg.SensorDefinition:
    """Return the sensor called *name* over *tables*, bundles of *roots* and *sets*."""

    def look(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        seen = read_cursor(context.cursor)
        above = find_above(context.instance, tables)
        found = find_unseen(context.instance, tables, seen)
        stamps = {name: one.stamp for name, one in seen.items()}
        bundles = find_bundles(context.instance, roots, stamps)
        whole = find_sets(context.instance, sets, stamps)
        stamped = {**bundles.stamps, **whole.stamps}
        found.seen |= {name: Seen(stamp=stamp) for name, stamp in stamped.items()}
        return dg.SensorResult(
            asset_events=[*above, *found.events, *bundles.events, *whole.events],
            dynamic_partitions_requests=[*bundles.added, *whole.added],
            cursor=write_cursor(found.seen),
            skip_reason=found.says,
        )

    return dg.SensorDefinition(
        name=name,
        evaluation_fn=look,
        asset_selection=dg.AssetSelection.groups(*_sources(tables, roots, sets)),
        minimum_interval_seconds=SECONDS,
        default_status=sensor_status(on=on),
        description="Reports what was published without Dagster, and what that is made of.",
    )


def _sources(
    tables: Sequence[TableExport], roots: Sequence[BundleRoot], sets: Sequence[SetAsset]
) -> list[str]:
    return sorted({one.source for parts in (tables, roots, sets) for one in parts})


def find_unseen(
    instance: dg.DagsterInstance, tables: Sequence[TableExport], seen: Mapping[str, Seen]
) -> Findings:
    """Return events for what is published and unknown to *instance*, within one tick's budget."""
    found, budget = Findings(), Budget()
    for table in tables:
        for fmt in table.formats:
            name = table.key(fmt).to_user_string()
            before = seen.get(name, Seen())
            found.seen[name] = _look_through(
                instance, table, fmt, before, budget=budget, found=found
            )
    return found


def _look_through(
    instance: dg.DagsterInstance,
    table: TableExport,
    fmt: str,
    before: Seen,
    *,
    budget: Budget,
    found: Findings,
) -> Seen:
    """Report what is new in one export, and return how far the look came."""
    try:
        stamp = table.export_path(fmt).stat().st_mtime_ns
    except OSError:
        return Seen()
    now = datetime.now(UTC)
    if 0 < before.due <= now.timestamp():
        before = Seen()  # what was of the future may have been published long ago
    if stamp == before.stamp and not before.after:
        return before
    keys = [key for key in _changed(table, fmt, before) if key > before.after]
    due, waiting = _due(table, fmt, now), False
    showing = Showing(table=table, warn=log.warning, most_rows=_MOST_ROWS)
    history = History(table, fmt)
    for start in range(0, len(keys), _BATCH):
        if budget.spent:
            after = keys[start - 1] if start else before.after
            return Seen(stamp=before.stamp, after=after, due=due)
        batch = keys[start : start + _BATCH]
        budget.looks -= len(batch)
        offered = [key for key in batch if _place(table, key, now) == "offered"]
        found.left_out += len(batch) - len(offered)
        known = latest(instance, table.key(fmt), offered)
        above = observed(instance, table.source_key, offered)
        for manifest in _manifests(table, fmt, offered):
            record = known.get(manifest.partition)
            if record is not None and run_id_of(record) == manifest.run_id:
                continue
            if is_unfinished(instance, manifest.run_id):
                waiting = True
                continue
            found.events.append(
                materialization(
                    table,
                    manifest,
                    status="published",
                    source_version=manifest.snapshot.id,
                    before=_before(record, manifest),
                    more=showing.describe(manifest, history),
                    pointer=above.get(manifest.partition),
                )
            )
            budget.events -= 1
            if budget.late and manifest.partition != batch[-1]:
                return Seen(stamp=before.stamp, after=manifest.partition, due=due)
    return Seen(stamp=before.stamp if waiting else stamp, due=due)


def _before(record: dg.EventLogRecord | None, manifest: Manifest) -> Before | None:
    """Return the generation before that of *manifest*, where Dagster was told of just that one."""
    if record is None or run_id_of(record) != manifest.previous_run_id:
        return None
    return Before.told_by(record.asset_materialization)


def _place(table: TableExport, key: str, now: datetime) -> Place:
    partitions = table.partitions
    return (
        place_of(partitions, key, now=now) if isinstance(partitions, TimePartitions) else "offered"
    )


def _due(table: TableExport, fmt: str, now: datetime) -> int:
    """Return when the first published partition of the future will have a key, 0 where none is."""
    partitions = table.partitions
    if not isinstance(partitions, TimePartitions):
        return 0
    keys = table.published_keys(fmt)
    coming = [key for key in keys if place_of(partitions, key, now=now) == "after"]
    start = partitions.window(coming[0]).start if coming else None
    return int(start.timestamp()) if start is not None else 0


def _changed(table: TableExport, fmt: str, before: Seen) -> Iterator[str]:
    """Yield, in order, the keys of partitions published since the last look ended."""
    for key in table.published_keys(fmt):
        try:
            written = (table.partition_path(fmt, key) / MANIFEST_NAME).stat().st_mtime_ns
        except OSError:
            continue
        if written >= before.stamp - _SLACK_NS:
            yield key


def _manifests(table: TableExport, fmt: str, keys: Sequence[str]) -> Iterator[Manifest]:
    for key in keys:
        try:
            manifest = table.manifest(fmt, key)
        except ExportError:
            continue  # the check `integrity` tells; this sensor has nothing to report
        if manifest is not None:
            yield manifest


def read_cursor(text: str | None) -> dict[str, Seen]:
    """Return how far every export was looked through; nothing where *text* is no cursor."""
    try:
        cursor = json.loads(text or "")
        return {
            name: Seen(stamp=int(stamp), after=str(after), due=int(due[0]) if due else 0)
            for name, (stamp, after, *due) in dict(cursor).items()
        }
    except (TypeError, ValueError):
        return {}


def write_cursor(seen: Mapping[str, Seen]) -> str:
    """Return *seen* as text."""
    known = {name: [one.stamp, one.after, one.due] for name, one in seen.items() if one != Seen()}
    return json.dumps(known)
