"""From what was seen of a file to a published segment: read, account, publish in one step."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec
import polars as pl

from export_assets.engine.ingest.ahead import in_order
from export_assets.engine.ingest.look import Look
from export_assets.engine.ingest.policy import Policy
from export_assets.engine.ingest.prefix import FULL, survey
from export_assets.engine.ingest.rows import Rows, placed_rows, placed_schema
from export_assets.engine.ingest.segment_writer import SegmentWriter
from export_assets.engine.ingest.segments import Known, SegmentsKey
from export_assets.engine.manifests import code_version
from export_assets.errors import InternalError, SourceChanged
from export_assets.sources.logs.judge import Rejected
from export_assets.sources.logs.quarantine import Quarantined
from export_assets.sources.logs.reading import Account, LogFile, LogReader, Piece, Reading
from export_assets.sources.logs.streams import open_stream
from export_assets.store.local import ANY, LocalStore
from export_assets.store.manifest import (
    Counters,
    Manifest,
    SegmentMark,
    SegmentRecord,
    SnapshotRecord,
)
from export_assets.store.staging import Staging
from export_assets.tables.schema import TableSchema
from export_assets.translate import translating

NO_DIGEST: Final = "none"
"""What manifests of segments say: the sums of content and files prove all that digests could."""


@dataclass(frozen=True)
class _Made:
    """What was made of one piece, in any thread."""

    read: Reading | Quarantined
    rows: pl.DataFrame | None = None
    rejected: Sequence[Rejected] = ()


class _Stretch:
    """What is new in the content, hashed as it passes."""

    def __init__(self, look: Look) -> None:
        self.damage = look.survey.damage if look.sealed else None
        self.digest = hashlib.sha256()
        self._whole = look.survey.going_on(look.start) if look.start else None
        """Of all bytes of the content so far; None where that is `digest`, or not known."""
        self._inner = open_stream(
            look.descriptor,
            start=look.start,
            end=look.size if look.survey.gzip else look.end,
            name=look.name,
        )
        self._start = look.start
        self._left = look.end - look.start
        self._name = look.name

    @property
    def print(self) -> str:
        """The fingerprint of the content up to here, of all its bytes; empty where unknown."""
        whole = self._whole if self._start else self.digest
        return f"{FULL}{whole.hexdigest()}" if whole else ""

    def read(self, size: int) -> bytes:
        with translating(self._name, side="source"):
            data = self._inner.read(min(size, self._left)) if self._left else b""
        self._hash(data)
        self._left -= len(data)
        return data

    def skip_nuls(self) -> int:
        with translating(self._name, side="source"):
            count = min(self._inner.skip_nuls(), self._left) if self._left else 0
        self._left -= count
        zeros, whole = bytes(1 << 20), count
        while whole:
            self._hash(zeros[:whole])
            whole -= min(whole, len(zeros))
        return count

    def _hash(self, data: bytes) -> None:
        self.digest.update(data)
        if self._whole:
            self._whole.update(data)


def identity_of(look: Look, known: Known) -> str:
    """Return the identity under which what is new in *look* is published."""
    if look.base is not None and known.tip(look.base.identity) == look.base.end:
        return look.base.identity
    identity = look.survey.prints[look.end]
    while True:
        # Should other content have been known by this name before it went on, another is taken.
        identity = hashlib.sha256(identity.encode("ascii")).hexdigest()[:32]
        if not known.of(identity):
            return identity


@dataclass(frozen=True, kw_only=True)
class Target:
    """Where a segment is published, by which run, and what it takes the place of."""

    store: LocalStore
    source: str
    run_id: str
    now: datetime
    replaces: str | None = None
    """The run that published the segment of the same start before; None where there is none."""
    replaces_damaged: bool = False
    """Replace the one before though its manifest cannot be read."""
    origin: str = ""
    """A hash of the log directory's address."""

    @contextmanager
    def staging(self, directory: str) -> Iterator[Staging]:
        """Stage the segment *directory*."""
        key = SegmentsKey(self.source)
        with (
            translating(f"{key}/{directory}"),
            self.store.stage(
                key,
                directory,
                self.run_id,
                expected_run_id=ANY if self.replaces_damaged else self.replaces,
                replace_damaged=self.replaces_damaged,
            ) as staging,
        ):
            yield staging


def publish_segment(
    look: Look,
    identity: str,
    rows: Rows,
    *,
    target: Target,
    policy: Policy,
    follows: str,
    marks: tuple[SegmentMark, ...] = (),
) -> Manifest:
    """Publish what is new in *look* and return its manifest.

    *marks* are where the segment of the same start ended before.

    Raises:
        SourceChanged: The file was rewritten while it was read; nothing was published.
        InternalError: Its bytes do not add up; nothing was published.
        DestinationError: The disk refused, or somebody else published the same.
    """
    with target.staging(f"{identity}-{look.start}") as staging:
        with SegmentWriter(staging, placed_schema(rows.schema)) as writer:
            account, sha256, next_line = _read(look, identity, rows, writer, policy)
        _check(look, account, writer.rows)
        record = SegmentRecord(
            identity=identity,
            file=look.name,
            start=look.start,
            end=look.end,
            sha256=sha256,
            prefix=look.survey.prints[look.end],
            first_line=look.base.next_line if look.base else 1,
            next_line=next_line,
            exported_bytes=account.exported_bytes,
            quarantined_bytes=account.quarantined_bytes,
            blank_bytes=account.blank_bytes,
            pending_bytes=look.survey.length - look.end,
            sealed=look.sealed,
            follows=follows,
            shares=_shared(look, identity),
            quarantine=writer.quarantine(),
            marks=marks,
        )
        seen = _snapshot(target, record.prefix)
        manifest = _manifest(staging, writer, record, account, version=rows.version, seen=seen)
        return staging.publish(manifest)


def publish_rows(
    record: SegmentRecord,
    rows: pl.DataFrame,
    refused: Sequence[Quarantined],
    *,
    schema: TableSchema,
    target: Target,
    snapshot: str,
    version: str,
) -> Manifest:
    """Publish *rows* of *schema* that came from no log as the segment *record*.

    Their places are their numbers, from 0. *snapshot* is the fingerprint of where they are from,
    *version* that of the rules they were made by.

    Raises:
        DestinationError: The disk refused, or somebody else published the same.
    """
    placed = placed_schema(schema)
    frame = rows.with_row_index("_off").with_columns(
        pl.lit(record.identity).alias("_src"), pl.lit(0).alias("_len"), _line=pl.col("_off") + 1
    )
    account = Account(exported=rows.height)
    for one in refused:
        account.quarantine(one)
    with target.staging(f"{record.identity}-{record.start}") as staging:
        with SegmentWriter(staging, placed) as writer:
            writer.write(frame.select(placed.names).cast(placed.polars))
            writer.refuse(refused)
        record = msgspec.structs.replace(record, quarantine=writer.quarantine())
        seen = _snapshot(target, snapshot)
        return staging.publish(
            _manifest(staging, writer, record, account, version=version, seen=seen)
        )


def _shared(look: Look, identity: str) -> str:
    """Return the identity of other content whose beginning that of *look* has, if any."""
    base = look.base
    if base is None or base.identity != identity:
        return base.identity if base else ""
    # One that is made again stands where it stood; see `Known.before`.
    return base.shares if base.start == base.end else ""


def _read(
    look: Look, identity: str, rows: Rows, writer: SegmentWriter, policy: Policy
) -> tuple[Account, str, int]:
    before = _moved(look)
    stream = _Stretch(look)
    schema = placed_schema(rows.schema)
    reader = LogReader(
        stream,
        LogFile(name=look.name, identity=identity),
        judge=rows.judge,
        offset=look.start,
        line=look.base.next_line if look.base else 1,
        # What is read ends with a line feed, or is all there will be.
        sealed=True,
        max_line_bytes=policy.max_line_bytes,
        block_bytes=policy.block_bytes,
    )

    def made(piece: Piece | Quarantined) -> _Made:
        read = reader.read(piece) if isinstance(piece, Piece) else piece
        if isinstance(read, Quarantined) or not len(read.batch):
            return _Made(read)
        frame, rejected = placed_rows(rows, read.batch, schema)
        return _Made(read, frame, rejected)

    short = look.end - look.start <= policy.block_bytes
    for one in in_order(made, reader.pieces(), threads=1 if short else policy.threads):
        batch = reader.take(one.read)
        if batch is not None:
            reader.refuse(batch, one.rejected)
        if one.rows is not None:
            writer.write(one.rows)
        writer.refuse(reader.take_quarantine())
    if reader.end != look.end:
        msg = f"{look.name}: read up to byte {reader.end}, not {look.end}"
        raise InternalError(msg)
    _hold(look, stream, policy, moved=_moved(look) != before)
    return reader.account, stream.digest.hexdigest(), reader.next_line


def _moved(look: Look) -> tuple[int, int, int]:
    """Return what every write to the file changes."""
    status = os.fstat(look.descriptor)
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _hold(look: Look, stream: _Stretch, policy: Policy, *, moved: bool) -> None:
    """Hold what was read, and the file where it *moved* since, against what was seen before."""
    seen = look.survey.prints[look.end]
    read = stream.print if seen.startswith(FULL) else ""
    now = read
    if moved or not read:
        again = survey(
            look.descriptor, look.size, (look.end,), name=look.name, whole=policy.whole_bytes
        )
        now = again.prints.get(look.end, "")
    if now != seen or read not in {"", seen}:
        msg = f"{look.name}: was rewritten while it was read"
        raise SourceChanged(msg)


def _check(look: Look, account: Account, rows: int) -> None:
    """Hold the bytes against each other."""
    if account.bytes_seen != look.end - look.start or rows != account.exported:
        msg = (
            f"{look.name}: {account.bytes_seen} bytes accounted for of {look.end - look.start},"
            f" {rows} rows written of {account.exported} lines"
        )
        raise InternalError(msg)


def _snapshot(target: Target, fingerprint: str) -> SnapshotRecord:
    return SnapshotRecord(
        kind="log",
        id=fingerprint,
        taken_at=target.now,
        consistency="snapshot",
        origin=target.origin,
    )


def _manifest(
    staging: Staging,
    writer: SegmentWriter,
    record: SegmentRecord,
    account: Account,
    *,
    version: str,
    seen: SnapshotRecord,
) -> Manifest:
    part = writer.part()
    return Manifest(
        source=staging.key.source,
        table=staging.key.table,
        format=staging.key.format,
        partition=staging.directory,
        snapshot=seen,
        config_hash=version,
        code_version=code_version(),
        columns=writer.columns(),
        primary_key=("_src", "_off"),
        order_by=("_off",),
        files=(part,) if part else (),
        row_digest="",
        digest_algorithm=NO_DIGEST,
        counters=Counters(
            exported=account.exported, quarantined=dict(account.reasons), blank=account.blank
        ),
        segment=record,
        created_at=seen.taken_at,
        run_id=staging.run_id,
    )
