"""What the last passes over a source covered, so that an unchanged source is not read again.

Kept in `<exports>/.state/<source>.json`. Only an optimisation: losing or damaging it costs one
pass. It is believed only where the manifests it names are still published.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime

import msgspec

from export_assets.config.incremental import FullEvery
from export_assets.engine.manifests import code_version, effective_hash
from export_assets.engine.partitioning import partitions_of
from export_assets.engine.published import has_its_files
from export_assets.engine.report import ExportRecord
from export_assets.engine.request import ExportRequest
from export_assets.engine.slicing import whole_partitions
from export_assets.engine.workspace import ConfiguredSource
from export_assets.errors import IntegrityError
from export_assets.store.durable import write_durably
from export_assets.store.layout import ExportKey, safe_name
from export_assets.store.local import LocalStore
from export_assets.tables.partitions import UNDATED, ExportPartitions, Partitions, TimePartitions

STATE = ".state"
_DONE = {"success", "empty", "unchanged"}


class TableState(msgspec.Struct, kw_only=True):
    """What is known of one table in one format."""

    config_hash: str
    complete: bool = False
    """Whether every partition the source has is among `partitions`."""
    partitions: dict[str, str] = {}
    """Run id of the published generation by partition key."""
    whole: bool = True
    """Whether all rows were read to know that, not only those a cursor showed."""


class Followed(msgspec.Struct, kw_only=True, frozen=True):
    """How a table with a cursor was read lately, in one format."""

    column: str
    full_at: datetime
    """When it was last read whole."""
    passes: int = 0
    """How often it was read by its cursor since."""


class Inputs(msgspec.Struct, kw_only=True, frozen=True):
    """What a partition was found unchanged from, other than what its manifest says."""

    run_id: str
    """Of the published generation."""
    stamp: str
    """Of what its rows are made of; see `engine.stamped`."""


class SourceState(msgspec.Struct, kw_only=True):
    """What is known of a source at one fingerprint."""

    fingerprint: str
    code_version: str
    tables: list[str] = []
    """Every table and view, in the source's order."""
    formats: dict[str, dict[str, TableState]] = {}
    """By table, then format."""
    followed: dict[str, dict[str, Followed]] = {}
    """By table, then format; holds at any fingerprint."""
    inputs: dict[str, dict[str, dict[str, Inputs]]] = {}
    """By table, format and partition key; holds at any fingerprint."""


_Version = tuple[int, int, int, int]
"""A file as it was: it is replaced when it changes, never written into."""


class PassMemory:
    """Recalls and remembers passes over one source."""

    def __init__(
        self,
        store: LocalStore,
        source: ConfiguredSource,
        request: ExportRequest,
        *,
        now: datetime,
    ) -> None:
        self._store = store
        self._source = source
        self._request = request
        self._now = now
        self._path = store.root / STATE / f"{safe_name(source.name)}.json"
        self._usable = request.output_dir is None and not (request.overwrite or request.full)
        self._kept: list[Callable[[SourceState], None]] = []
        self._decoded: tuple[_Version, SourceState] | None = None
        """What was read last, of all tables at once: each of thousands asks."""
        self._stamped: tuple[str, str] | None = None

    def tables(self, fingerprint: str) -> list[str] | None:
        """Return the tables of the source at *fingerprint*, None where they are not known."""
        state = self._load(fingerprint)
        return state.tables if state is not None and self._usable else None

    def recall(
        self, table: str, formats: Sequence[str], fingerprint: str
    ) -> list[ExportRecord] | None:
        """Return `unchanged` records where nothing of *table* needs to be read again."""
        state = self._load(fingerprint)
        if state is None or not self._usable:
            return None
        records: list[ExportRecord] = []
        for fmt in formats:
            known = state.formats.get(table, {}).get(fmt)
            if known is None or known.config_hash != self._hash(table, fmt):
                return None
            if not known.whole and self._is_due(table, fmt):
                return None
            found = self._published(table, fmt, known)
            if found is None:
                return None
            records += found
        return records

    def followed(self, table: str, fmt: str) -> Followed | None:
        """Return how *table* was read lately by its cursor, None where that is not known."""
        state = self._read()
        return None if state is None else state.followed.get(table, {}).get(fmt)

    def inputs(self, table: str, fmt: str) -> Mapping[str, Inputs]:
        """Return by key what partitions were found unchanged from, since they were published."""
        state = self._read()
        return {} if state is None else state.inputs.get(table, {}).get(fmt, {})

    def remember(
        self,
        tables: Sequence[str],
        table: str,
        records: Sequence[ExportRecord],
        *,
        formats: Sequence[str],
        whole: bool = True,
        followed: Mapping[str, Followed] | None = None,
        stamps: Mapping[str, str] | None = None,
    ) -> None:
        """Note what *records* of *formats* say is published now; `keep` writes it down.

        *whole* says that all rows were read, *followed* by format how a cursor was, *stamps* by
        partition key what the partitions that were read are made of.
        """

        def note(state: SourceState) -> None:
            state.tables = list(tables)
            for fmt in formats:
                self._note(
                    state, table, fmt, [one for one in records if one.format == fmt], whole=whole
                )
            for fmt, lately in (followed or {}).items():
                state.followed.setdefault(table, {})[fmt] = lately
            _note_inputs(state, records, stamps or {})

        self._kept.append(note)

    def keep(self, fingerprint: str) -> None:
        """Write down what was remembered, unless that is known already.

        Called when the run is over and the snapshot has proven sound: a failed run is not done.
        """
        # Where no table could be exported, nothing is known of which there are.
        if self._request.output_dir is not None or not self._kept:
            return
        # What changes below must be nobody else's.
        self._decoded = None
        state = self._load(fingerprint)
        before = b"" if state is None else msgspec.json.encode(state)
        if state is None:
            old = self._read()
            state = SourceState(
                fingerprint=self._stamp(fingerprint),
                code_version=code_version(),
                followed={} if old is None else old.followed,
                inputs={} if old is None else old.inputs,
            )
        self._decoded = None
        for note in self._kept:
            note(state)
        self._kept.clear()
        after = msgspec.json.encode(state)
        if after != before:
            # What cannot be remembered costs the next run a pass, and this one nothing.
            with suppress(OSError):
                self._path.parent.mkdir(parents=True, exist_ok=True)
                write_durably(self._path, after + b"\n")

    def _note(
        self,
        state: SourceState,
        table: str,
        fmt: str,
        records: Sequence[ExportRecord],
        *,
        whole: bool,
    ) -> None:
        config_hash = self._hash(table, fmt)
        known = state.formats.setdefault(table, {}).get(fmt)
        if known is None or known.config_hash != config_hash:
            known = TableState(config_hash=config_hash)
            state.formats[table][fmt] = known
        everything = not self._request.partitions and not self._request.window.bounded
        if everything:
            known.complete = all(record.status in _DONE for record in records)
            known.whole = whole
            known.partitions.clear()
        for record in records:
            known.partitions.pop(record.partition, None)
            if record.status in _DONE and record.manifest is not None:
                known.partitions[record.partition] = record.manifest.run_id

    def _published(self, table: str, fmt: str, known: TableState) -> list[ExportRecord] | None:
        partitions = partitions_of(self._source.config, table)
        keys = self._keys(partitions, known)
        if keys is None:
            return None
        records = []
        export = ExportKey(self._source.name, table, fmt)
        for key in keys:
            manifest = None
            directory = partitions.directory(key)
            with suppress(IntegrityError):
                manifest = self._store.manifest(export, directory)
            if manifest is None or manifest.run_id != known.partitions[key]:
                return None
            path = self._store.partition_path(export, directory)
            if not has_its_files(path, manifest):
                return None
            records.append(
                ExportRecord(
                    source=self._source.name,
                    table=table,
                    format=fmt,
                    partition=key,
                    status="unchanged",
                    rows=manifest.rows,
                    bytes=manifest.bytes,
                    path=path,
                    manifest=manifest,
                )
            )
        return records

    def _keys(self, partitions: Partitions, known: TableState) -> list[str] | None:
        """Return the keys asked for, None where the memory does not cover them."""
        if self._request.partitions:
            covered = all(key in known.partitions for key in self._request.partitions)
            return list(self._request.partitions) if covered else None
        if not known.complete:
            return None
        if isinstance(partitions, ExportPartitions):
            present = partitions.key_of(self._now)
            return [present] if present in known.partitions else None
        if not self._request.window.bounded or not isinstance(partitions, TimePartitions):
            return sorted(known.partitions)
        window = whole_partitions(partitions, self._request.window)
        return [
            key
            for key in sorted(known.partitions)
            if key != UNDATED and window.holds(partitions.window(key))
        ]

    def _is_due(self, table: str, fmt: str) -> bool:
        """Whether all of a table that was last read by its cursor is to be read again."""
        rule = self._source.config.table(table)
        lately = self.followed(table, fmt)
        return due(rule.full_every, rule.cursor, lately, now=self._now) is not None

    def _hash(self, table: str, fmt: str) -> str:
        return effective_hash(self._source.config, table, fmt, self._request)

    def _stamp(self, fingerprint: str) -> str:
        if self._stamped is None or self._stamped[0] != fingerprint:
            self._stamped = fingerprint, self._stamp_of(fingerprint)
        return self._stamped[1]

    def _stamp_of(self, fingerprint: str) -> str:
        config = self._source.config
        # A statement that changed may change which tables there are, and what others are made of.
        queries = sorted(
            (name, table.query) for name, table in config.tables.items() if table.query
        )
        matches = config.log.model_dump_json(include={"matches"}) if config.log.matches else ""
        text = f"{self._source.url.text} {fingerprint} {queries!r}{matches}"
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]

    def _read(self) -> SourceState | None:
        """Return what is written down, decoded again only where the file has become another."""
        try:
            found = self._path.stat()
            version = (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
            if self._decoded is None or self._decoded[0] != version:
                state = msgspec.json.decode(self._path.read_bytes(), type=SourceState)
                self._decoded = version, state
            return self._decoded[1]
        except (OSError, ValueError, RecursionError):  # msgspec's own errors are ValueErrors
            return None

    def _load(self, fingerprint: str) -> SourceState | None:
        state = self._read()
        if state is None:
            return None
        current = state.fingerprint == self._stamp(fingerprint)
        return state if current and state.code_version == code_version() else None


def _note_inputs(
    state: SourceState, records: Sequence[ExportRecord], stamps: Mapping[str, str]
) -> None:
    """Note of partitions that were read what they are made of, where no manifest says it."""
    for record in records:
        seen = state.inputs.setdefault(record.table, {}).setdefault(record.format, {})
        if record.status != "unchanged":
            seen.pop(record.partition, None)
        elif record.manifest is not None and record.partition in stamps:
            stamp = stamps[record.partition]
            seen[record.partition] = Inputs(run_id=record.manifest.run_id, stamp=stamp)


def due(
    every: FullEvery, column: str | None, lately: Followed | None, *, now: datetime
) -> str | None:
    """Return why all of a table is to be read now, None where following its cursor is enough."""
    if lately is None or lately.column != column:
        return "nobody knows when all of it was last read"
    if every.runs is not None and lately.passes >= every.runs:
        return f"its cursor was followed {lately.passes} times since all of it was read"
    age = (now - lately.full_at).total_seconds()
    if age < 0 or (every.seconds is not None and age >= every.seconds):
        return f"all of it was last read at {lately.full_at.isoformat(timespec='seconds')}"
    return None
