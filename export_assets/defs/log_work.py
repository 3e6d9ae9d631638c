"""What a sensor of event logs asks for, and what has become of that.

The work is known from files: `engine.logs.due` says which partitions are made of something new,
manifests say which of these are published. Dagster's runs only tell what is under way and how
often something was tried; forgetting them costs a run that changes nothing.
"""

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import dagster as dg

from export_assets.config.rules import FormatName
from export_assets.defs.partitions import place_of
from export_assets.defs.runs import partitions_per_run
from export_assets.defs.table import TableExport
from export_assets.engine.logs.due import EVERYTHING, Due
from export_assets.engine.memory import PassMemory
from export_assets.engine.published import has_its_files
from export_assets.engine.request import ExportRequest
from export_assets.engine.stamped import is_made_of
from export_assets.errors import ExportError
from export_assets.tables.partitions import ALL, ExportPartitions, NoPartitions, TimePartitions

OF = "export_assets/logs"
"""Tag of the runs that read and export: the source."""
ARCHIVES_OF = "export_assets/archives"
"""Tag of the runs that archive: the source."""
WORK = "export_assets/work"
"""Tag of the runs asked for: what exactly they are to do."""
DUE = "export_assets/due"
"""Tag of the runs that export: the look that found due what they are asked for."""

FIRST_WAIT = timedelta(seconds=60)
LONGEST_WAIT = timedelta(hours=1)
STUCK = timedelta(hours=6)
"""A run nothing was heard of for so long is not waited for; one that still lives holds locks."""
_DOUBLINGS = 6
_LOOKED_AT = 100
_UNFINISHED = (
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
)


@dataclass(frozen=True, kw_only=True)
class Work:
    """One run's worth of work."""

    assets: tuple[dg.AssetKey, ...]
    keys: tuple[str, ...] = (ALL,)
    """Consecutive partitions, or `all` alone."""
    stamp: str
    """Of what it is to be made of."""
    tag: str = OF
    """What says which source the run is of."""
    due: str = ""
    """Id of the look that found it due; no part of what it is."""

    @property
    def id(self) -> str:
        """What it is called in tags: the same for the same work."""
        names = sorted(asset.to_user_string() for asset in self.assets)
        text = repr((names, self.keys, self.stamp))
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]

    def request(self, source: str, attempt: "Attempts") -> dg.RunRequest:
        """Return the request of a run that does it.

        Its key holds the run before, so it was never used; the same request made twice, because
        a tick was killed, is one run.
        """
        tags = {self.tag: source, WORK: self.id}
        if self.due:
            tags[DUE] = self.due
        if len(self.keys) > 1:
            tags["dagster/asset_partition_range_start"] = self.keys[0]
            tags["dagster/asset_partition_range_end"] = self.keys[-1]
        single = self.keys[0] if len(self.keys) == 1 and self.keys[0] != ALL else None
        return dg.RunRequest(
            run_key=f"{source}:{self.id}#{attempt.count + 1}:{attempt.last_run or 'first'}",
            asset_selection=list(self.assets),
            partition_key=single,
            tags=tags,
        )


@dataclass(frozen=True, kw_only=True)
class Attempts:
    """How often some work was tried."""

    count: int = 0
    last_run: str = ""
    last_at: datetime | None = None

    def waits(self, now: datetime) -> timedelta:
        """Return how long to wait before the next; less than nothing where it is time."""
        if self.last_at is None:
            return timedelta(0)
        wait = min(FIRST_WAIT * 2 ** min(self.count - 1, _DOUBLINGS), LONGEST_WAIT)
        left = self.last_at + wait - now
        # A clock that went back would have us wait for as long as it went.
        return left if left <= wait else timedelta(0)


def attempts_of(instance: dg.DagsterInstance, work: Work) -> Attempts:
    """Return how often *work* was tried, as far as Dagster remembers."""
    filters = dg.RunsFilter(tags={WORK: work.id})
    records = instance.get_run_records(filters, limit=1)
    if not records:
        return Attempts()
    return Attempts(
        count=instance.get_runs_count(filters),
        last_run=records[0].dagster_run.run_id,
        last_at=records[0].update_timestamp.astimezone(UTC),
    )


def is_under_way(
    instance: dg.DagsterInstance, source: str, *, now: datetime, tag: str = OF
) -> bool:
    """Whether a run that was asked for is not over."""
    filters = dg.RunsFilter(tags={tag: source}, statuses=list(_UNFINISHED))
    records = instance.get_run_records(filters, limit=_LOOKED_AT)
    return any(abs(now - one.update_timestamp.astimezone(UTC)) < STUCK for one in records)


def was_done(instance: dg.DagsterInstance, work: Work) -> bool:
    """Whether a run did *work*, as far as Dagster remembers."""
    filters = dg.RunsFilter(tags={WORK: work.id}, statuses=[dg.DagsterRunStatus.SUCCESS])
    return instance.get_runs_count(filters) > 0


def pending_of(
    tables: Sequence[TableExport], due: Due, *, newer: Collection[tuple[str, str]] = ()
) -> dict[str, dict[str, str]]:
    """Return what is due and not published, in the order of tables: by key the stamp.

    What is published of *newer*, by table and partition, is right whatever it is made of.
    """
    found: dict[str, dict[str, str]] = {}
    for table in tables:
        wanted = due.tables.get(table.name, {})
        left = {}
        if wanted:
            standing = _Standing(table)
            left = {
                key: stamp
                for key, stamp in wanted.items()
                if not standing.has(key, stamp, newer=_is_among(newer, table.name, key))
            }
        if left:
            found[table.name] = dict(sorted(left.items()))
    return found


class _Standing:
    """What is published of a table, in all its formats."""

    def __init__(self, table: TableExport) -> None:
        self._table = table
        now = datetime.now(UTC)
        self._memory = PassMemory(table.store, table.configured, ExportRequest(), now=now)
        self._seen = {fmt: self._memory.inputs(table.name, fmt) for fmt in table.formats}
        self._hashes = {fmt: table.code_version(fmt) for fmt in table.formats}

    def has(self, key: str, stamp: str, *, newer: bool = False) -> bool:
        """Whether *key* is published, made of what *stamp* stands for or of what is newer."""
        table = self._table
        if key == EVERYTHING:
            return newer or self._memory.recall(table.name, table.formats, stamp) is not None
        return all(self._has(fmt, key, stamp, newer=newer) for fmt in table.formats)

    def _has(self, fmt: FormatName, key: str, stamp: str, *, newer: bool) -> bool:
        table = self._table
        try:
            manifest = table.manifest(fmt, key)
        except ExportError:
            return False
        return (
            manifest is not None
            and (newer or is_made_of(manifest, stamp, self._seen[fmt]))
            and manifest.config_hash == self._hashes[fmt]
            and manifest.snapshot.origin == table.configured.origin
            and has_its_files(table.partition_path(fmt, key), manifest)
        )


def _is_among(found: Collection[tuple[str, str]], table: str, key: str) -> bool:
    return (table, key) in found or (table, ALL) in found


def exported_since(
    instance: dg.DagsterInstance, source: str, tables: Sequence[TableExport], due: Due
) -> set[tuple[str, str]]:
    """Return table and partition of what runs exported that were asked for because of *due*.

    They read the logs later, and maybe more of them: what they published is not older.
    """
    filters = dg.RunsFilter(tags={OF: source, DUE: due.id}, statuses=[dg.DagsterRunStatus.SUCCESS])
    found: set[tuple[str, str]] = set()
    for record in instance.get_run_records(filters):
        run = record.dagster_run
        for table in tables:
            if set(table.keys) <= set(run.asset_selection or ()):
                found |= {(table.name, key) for key in _keys_of(table, run.tags)}
    return found


def failed_lately(
    instance: dg.DagsterInstance, source: str, tables: Sequence[TableExport], *, now: datetime
) -> set[tuple[str, str]]:
    """Return table and partition of what runs asked for and failed at, lately.

    They are tried on their own: one that cannot be exported holds up no other.
    """
    filters = dg.RunsFilter(
        tags={OF: source},
        statuses=[dg.DagsterRunStatus.FAILURE],
        updated_after=now - 3 * LONGEST_WAIT,
    )
    found: set[tuple[str, str]] = set()
    for record in instance.get_run_records(filters, limit=_LOOKED_AT):
        run = record.dagster_run
        for table in tables:
            if not (run.asset_selection or frozenset()).isdisjoint(table.keys):
                found |= {(table.name, key) for key in _keys_of(table, run.tags)}
    return found


def _keys_of(table: TableExport, tags: Mapping[str, str]) -> list[str]:
    single = tags.get("dagster/partition")
    first = tags.get("dagster/asset_partition_range_start")
    last = tags.get("dagster/asset_partition_range_end")
    if first is not None and last is not None and isinstance(table.partitions, TimePartitions):
        return list(table.partitions.keys(first, last))
    return [single if single is not None else ALL]


def export_works(
    pending: Mapping[str, Mapping[str, str]],
    tables: Sequence[TableExport],
    failed: Collection[tuple[str, str]],
    *,
    now: datetime,
) -> Iterator[Work]:
    """Yield runs that export what is *pending*: neighbours at once, tables of one beat together.

    A table of which something lies outside Dagster's partitions is exported by a run without a
    partition, which reads no more of it.
    """
    groups: dict[tuple[str, tuple[str, ...]], list[TableExport]] = {}
    for table in tables:
        for keys in _stretches(table, pending.get(table.name, {}), failed, now=now):
            slices = "" if table.partitions_def is None or keys == (ALL,) else _identity(table)
            alone = table.name if any((table.name, key) in failed for key in keys) else ""
            groups.setdefault((slices + alone, keys), []).append(table)
    for (_, keys), group in groups.items():
        stamps = [sorted(_of_keys(pending[table.name], keys).items()) for table in group]
        yield Work(
            assets=tuple(asset for table in group for asset in table.keys),
            keys=keys,
            stamp=repr(stamps),
        )


def _identity(table: TableExport) -> str:
    slices = table.partitions_def
    return "" if slices is None else slices.get_serializable_unique_identifier()


def _of_keys(stamps: Mapping[str, str], keys: Sequence[str]) -> Mapping[str, str]:
    return stamps if list(keys) == [ALL] else {key: stamps[key] for key in keys}


def _stretches(
    table: TableExport,
    wanted: Mapping[str, str],
    failed: Collection[tuple[str, str]],
    *,
    now: datetime,
) -> Iterator[tuple[str, ...]]:
    """Yield the partitions *wanted* in runs of neighbours, none too long."""
    partitions = table.partitions
    if not wanted:
        return
    if isinstance(partitions, ExportPartitions | NoPartitions) or any(
        key == EVERYTHING or place_of(partitions, key, now=now) != "offered" for key in wanted
    ):
        yield (ALL,)
        return
    held: list[str] = []
    most = partitions_per_run(table)
    for key in sorted(wanted):
        alone = (table.name, key) in failed
        if held and (alone or len(held) >= most or not _follows(partitions, held[-1], key)):
            yield tuple(held)
            held = []
        if alone:
            yield (key,)
        else:
            held.append(key)
    if held:
        yield tuple(held)


def _follows(partitions: TimePartitions, before: str, key: str) -> bool:
    return partitions.window(before).end == partitions.window(key).start
