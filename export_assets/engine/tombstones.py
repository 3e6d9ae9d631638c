"""Keys that were published and are no longer in the source, kept beside the rows they left.

They lie in the partition's own directory, listed in its manifest, and so become visible in the
same step as the rows without them. docs/on-disk-format.md specifies the file.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import msgspec
import polars as pl

from export_assets.engine.changes import Changes
from export_assets.engine.lane import Lane, Written
from export_assets.engine.published import has_its_files, read_part
from export_assets.engine.table_pass import Observer
from export_assets.engine.tables import TablePlan
from export_assets.errors import IntegrityError
from export_assets.sources.base import KeySet, Scan, Snapshot
from export_assets.store.manifest import Manifest
from export_assets.tables.batch import Batch
from export_assets.tables.conform import Conformer
from export_assets.tables.redaction import Redactor
from export_assets.tables.schema import LogicalType, TableSchema

TOMBSTONES = "_tombstones.ndjson"
MOST = 100_000
"""Lines kept for one partition; the oldest go first."""

_AS_THEY_ARE = frozenset(
    {
        LogicalType.INTEGER,
        LogicalType.BOOLEAN,
        LogicalType.FLOAT,
        LogicalType.TEXT,
        LogicalType.UUID,
        LogicalType.JSON,
    }
)

_TOLD_BY_JSON = frozenset({LogicalType.INTEGER, LogicalType.TEXT})
_MOST_ASKED = 1_000
"""Keys that a source is asked for one by one; for more, all of its keys are read."""


class Tombstone(msgspec.Struct, frozen=True, kw_only=True):
    """One key that left, as a line of the file."""

    key: msgspec.Raw
    """The key's columns by name."""
    deleted_seen_at: datetime
    previous_run_id: str
    """The run that last published the row."""
    run_id: str
    """The run that found it gone."""

    @property
    def text(self) -> str:
        """The key as `key_texts` writes it."""
        return bytes(self.key).decode("utf-8")


_LINES = msgspec.json.Decoder(Tombstone)


def key_texts(frame: pl.DataFrame, schema: TableSchema, key: Sequence[str]) -> pl.Series:
    """Return the key of every row as a JSON object, dates, numbers of a scale and bytes as text."""
    shown: dict[str, pl.Series] = {}
    for name in key:
        values, logical = frame.get_column(name), schema.column(name).logical
        if logical is LogicalType.BINARY:
            values = values.bin.encode("hex")
        elif logical not in _AS_THEY_ARE:
            values = values.cast(pl.String)
        shown[name] = values
    return pl.DataFrame(shown).to_struct("key").struct.json_encode()


def read_tombstones(directory: Path, manifest: Manifest) -> list[Tombstone]:
    """Return the tombstones of the partition at *directory*.

    Raises:
        IntegrityError: Their file is missing or not what was written.
    """
    if manifest.tombstones is None:
        return []
    path = directory / manifest.tombstones.path
    try:
        return _LINES.decode_lines(path.read_bytes())
    except (OSError, msgspec.DecodeError) as error:
        msg = f"{path}: cannot be read as tombstones: {error}"
        raise IntegrityError(msg) from error


@dataclass(frozen=True, kw_only=True)
class Stones:
    """The tombstones of one partition as it is published."""

    lines: bytes
    count: int
    deleted: int
    """How many of them are new."""
    lost: str = ""
    """Why the generation before could not be asked, where it could not."""


@dataclass(kw_only=True)
class KeyWatch(Observer):
    """Sees which keys leave, partition by partition, and which dead ones live again."""

    plan: TablePlan
    schema: TableSchema
    """Of the rows that leave."""
    changes: Changes
    graves: Mapping[tuple[str, str], frozenset[str]]
    """Keys of the tombstones published, by format and partition."""
    keys: dict[str, list[pl.Series]] = field(default_factory=dict)
    alive: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Gather all dead keys once."""
        dead = {text for texts in self.graves.values() for text in texts}
        self._dead = pl.Series(sorted(dead), dtype=pl.String)
        self._formats = sorted({fmt for fmt, _ in self.graves} | set(self.changes.formats))

    def leaving(self, key: str, batch: Batch) -> None:
        """See `Observer.leaving`."""
        replaced = any(
            self.changes.writes(fmt, key) and self.changes.manifest(fmt, key) is not None
            for fmt in self._formats
        )
        if not replaced and self._dead.is_empty():
            return
        texts = key_texts(batch.frame, self.schema, self.plan.tombstone_key)
        if replaced:
            self.keys.setdefault(key, []).append(texts)
        if not self._dead.is_empty():
            self.alive.update(texts.filter(texts.is_in(self._dead.implode())).to_list())

    def is_back(self, fmt: str, key: str) -> bool:
        """Whether a key of the partition's tombstones is in the source again."""
        return not self.alive.isdisjoint(self.graves.get((fmt, key), frozenset()))


@dataclass(frozen=True, kw_only=True)
class Undertaker:
    """Finds out, before partitions are replaced, which keys leave with the rows."""

    plan: TablePlan
    snapshot: Snapshot
    redactor: Redactor
    """Of the key's columns alone."""
    zone: str
    run_id: str
    now: datetime

    def bury(
        self, lanes: Iterable[Lane], watch: KeyWatch, *, hashes: Mapping[str, str]
    ) -> dict[tuple[str, str], Stones]:
        """Return the tombstones of every partition that *lanes* wrote, by format and key.

        *hashes* are the configuration hashes by format.

        Raises:
            SourceError: The source failed.
        """
        old: dict[tuple[str, str], list[Tombstone]] = {}
        lost: dict[tuple[str, str], Stones] = {}
        gone: dict[tuple[str, str], set[str]] = {}
        before: dict[tuple[str, str], set[str]] = {}
        for lane in lanes:
            for key, written in lane.written.items():
                pair, manifest = (lane.format.name, key), _previous(written)
                if manifest is None or not self._comparable(manifest, hashes[lane.format.name]):
                    continue
                assert written.slot is not None  # noqa: S101 - it has the manifest
                assert written.slot.path is not None  # noqa: S101 - the store has one
                # Formats of one generation of rows hold the same keys.
                same = (key, manifest.row_digest)
                try:
                    stones = read_tombstones(written.slot.path, manifest)
                    if same not in before:
                        before[same] = self._published(written.slot.path, manifest)
                except IntegrityError as error:
                    lost[pair] = Stones(lines=b"", count=0, deleted=0, lost=str(error))
                    continue
                old[pair] = stones
                here = {text for texts in watch.keys.get(key, []) for text in texts.to_list()}
                gone[pair] = before[same] - here
        suspects = {text for texts in gone.values() for text in texts}
        suspects |= {stone.text for stones in old.values() for stone in stones}
        alive = self._alive(suspects)
        runs = {
            (lane.format.name, key): _previous(written)
            for lane in lanes
            for key, written in lane.written.items()
        }
        return lost | {
            pair: self._stones(stones, gone[pair] - alive, alive, runs[pair])
            for pair, stones in old.items()
        }

    def _comparable(self, manifest: Manifest, config_hash: str) -> bool:
        """Whether keys of *manifest* are written as those of now."""
        types = {column.name: column.logical_type for column in manifest.columns}
        now = {one.name: str(one.logical) for one in self.redactor.schema.columns}
        hidden = self.redactor.hides and manifest.config_hash != config_hash
        return not hidden and all(types.get(name) == kind for name, kind in now.items())

    def _published(self, directory: Path, manifest: Manifest) -> set[str]:
        found: set[str] = set()
        for file in manifest.files:
            for batch in read_part(directory / file.path, manifest):
                texts = key_texts(batch.frame, self.redactor.schema, self.plan.tombstone_key)
                found.update(texts.to_list())
        return found

    def _alive(self, suspects: set[str]) -> set[str]:
        """Return those of *suspects* that are in the source: their rows moved, or came back."""
        if not suspects:
            return set()
        key = self.plan.tombstone_key
        schema = replace(self.plan.schema.select(key), primary_key=())
        conformer = Conformer(schema, assume_timezone=self.zone)
        wanted, alive = pl.Series(sorted(suspects), dtype=pl.String).implode(), set[str]()
        among = self._asked_for(suspects)
        scan = Scan(table=self.plan.name, schema=schema, assume_timezone=self.zone, among=among)
        for raw in self.snapshot.batches(scan):
            frame = self.redactor.apply(conformer.conform_batch(raw).frame)
            texts = key_texts(frame, self.redactor.schema, key)
            alive.update(texts.filter(texts.is_in(wanted)).to_list())
        return alive

    def _asked_for(self, suspects: set[str]) -> KeySet | None:
        """Return *suspects* as the source can look them up; None where all keys are read instead.

        Pseudonyms it does not know, and of many types a text does not tell the value.
        """
        key = self.plan.tombstone_key
        plain = all(self.plan.schema.column(name).logical in _TOLD_BY_JSON for name in key)
        if self.redactor.hides or not plain or len(suspects) > _MOST_ASKED:
            return None
        found = [
            msgspec.json.decode(text, type=dict[str, int | str | None]) for text in sorted(suspects)
        ]
        values = tuple(tuple(one[name] for name in key) for one in found)
        return None if any(None in one for one in values) else KeySet(columns=key, values=values)

    def _stones(
        self,
        old: Sequence[Tombstone],
        gone: set[str],
        alive: set[str],
        previous: Manifest | None,
    ) -> Stones:
        kept = [stone for stone in old if stone.text not in alive]
        known = {stone.text for stone in kept}
        new = [
            Tombstone(
                key=msgspec.Raw(text.encode()),
                deleted_seen_at=self.now,
                previous_run_id=previous.run_id if previous is not None else "",
                run_id=self.run_id,
            )
            for text in sorted(gone - known)
        ]
        lines = [*kept, *new][-MOST:]
        encoded = b"".join(msgspec.json.encode(stone) + b"\n" for stone in lines)
        return Stones(lines=encoded, count=len(lines), deleted=len(new))


def _previous(written: Written) -> Manifest | None:
    """Return the manifest of the generation that *written* replaces, where it can be read."""
    slot = written.slot
    if slot is None or written.error is not None or slot.previous is None or slot.path is None:
        return None
    return slot.previous if has_its_files(slot.path, slot.previous) else None


def graves_of(
    changes: Changes, paths: Mapping[tuple[str, str], Path]
) -> dict[tuple[str, str], frozenset[str]]:
    """Return the keys of all tombstones published, by format and partition.

    A file that cannot be read has none; when its partition is published again, that is told.
    """
    found = {}
    for (fmt, key), path in paths.items():
        manifest = changes.manifest(fmt, key)
        if manifest is not None and manifest.tombstones is not None:
            with suppress(IntegrityError):
                found[fmt, key] = frozenset(one.text for one in read_tombstones(path, manifest))
    return found
