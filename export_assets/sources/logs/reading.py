"""A log file read from one offset on: batches of records, what is quarantined, and the count.

Every byte consumed is accounted for: what is exported, quarantined, blank (a CSV header too) and
pending adds up to what was read.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, Final

import numpy as np

from export_assets.sources.logs.blocks import Places
from export_assets.sources.logs.framing import (
    BLOCK_BYTES,
    BOM,
    MAX_LINE_BYTES,
    Framer,
    Lines,
    Unread,
)
from export_assets.sources.logs.judge import Judged, Rejected, judge_lines
from export_assets.sources.logs.quarantine import Quarantined, quarantine_line, quarantine_unread
from export_assets.sources.logs.streams import Stream

Judge = Callable[[Sequence[bytes]], Judged]
"""What tells records from other lines: `judge_lines`, or one of `csv_judge`."""

_TERMINATORS: Final = (b"", b"\n", b"\r\n")


@dataclass(frozen=True, kw_only=True)
class LogFile:
    """The file that is read, as its records name it."""

    name: str
    """Path below the log directory, with `/`."""
    identity: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """Some records of one file, in order of offset."""

    file: LogFile
    lines: Sequence[bytes]
    """Content of each line, without terminator."""
    records: Sequence[Any]
    """An object of JSON, or the list of CSV fields, of each."""
    offsets: Places
    lengths: Places
    numbers: Places
    """Line numbers, from 1."""

    def __len__(self) -> int:
        """Return the number of records."""
        return len(self.records)


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """Whole lines that are yet to be judged."""

    lines: Lines
    first: int
    """Number of the first line, from 1."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """What became of the lines of one piece."""

    batch: Batch
    quarantined: list[Quarantined]
    blank: int
    blank_bytes: int
    duplicate_keys: int


@dataclass(kw_only=True, slots=True)
class Account:
    """Where the bytes and lines of a range went."""

    exported_bytes: int = 0
    quarantined_bytes: int = 0
    blank_bytes: int = 0
    """Blank lines, and headers of CSV files."""
    pending_bytes: int = 0
    """After the last whole record; read again next time."""
    exported: int = 0
    quarantined: int = 0
    blank: int = 0
    duplicate_keys: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    """Records quarantined, by reason."""

    @property
    def bytes_seen(self) -> int:
        """All bytes accounted for."""
        return self.exported_bytes + self.quarantined_bytes + self.blank_bytes + self.pending_bytes

    def quarantine(self, record: Quarantined) -> None:
        """Count *record*."""
        self.quarantined += 1
        self.quarantined_bytes += record.length
        self.reasons[record.reason] = self.reasons.get(record.reason, 0) + 1


class LogReader:
    """Reads the records of *stream*; iterate once, then look at `account`.

    Args:
        stream: The content of the file from *offset* on.
        file: How its records name it.
        judge: What tells records from other lines.
        offset: Where the stream begins in the content.
        line: Number of the first line there, from 1.
        sealed: Nothing will be appended any more.
        max_line_bytes: Longer lines are quarantined by reference.
        block_bytes: How much is read at once; bounds the size of batches.
    """

    def __init__(
        self,
        stream: Stream,
        file: LogFile,
        *,
        judge: Judge = judge_lines,
        offset: int = 0,
        line: int = 1,
        sealed: bool = False,
        max_line_bytes: int = MAX_LINE_BYTES,
        block_bytes: int = BLOCK_BYTES,
    ) -> None:
        self.account = Account()
        self.next_line = line
        """Number of the line that begins where the range ends."""
        self._file = file
        self._judge = judge
        self._stream = stream
        self._quarantine: list[Quarantined] = []
        self._framer = Framer(
            stream,
            offset=offset,
            max_line_bytes=max_line_bytes,
            block_bytes=block_bytes,
            sealed=sealed,
        )

    @property
    def end(self) -> int:
        """The end of the range consumed so far."""
        return self._framer.offset

    def __iter__(self) -> Iterator[Batch]:
        """Give out the batches, none of them empty."""
        for piece in self.pieces():
            batch = self.take(self.read(piece) if isinstance(piece, Piece) else piece)
            if batch is not None:
                yield batch

    def pieces(self) -> Iterator[Piece | Quarantined]:
        """Give out what is to be judged, and what is no line, in order.

        All of it is to be given to `take` in the same order, pieces once they are read: that is
        what iterating does. It is for those who read some pieces at the same time.
        """
        name, identity = self._file.name, self._file.identity
        for record in self._framer:
            first = self.next_line
            if isinstance(record, Unread):
                self.next_line += record.reason == "too_long"
                yield quarantine_unread(record, file=name, identity=identity, line=first)
                continue
            self.next_line += record.data.count(b"\n") + (not record.data.endswith(b"\n"))
            yield Piece(lines=record, first=first)
        self.account.pending_bytes = self._framer.pending
        damage = self._stream.damage
        if damage is not None:
            yield Quarantined(
                file=name,
                identity=identity,
                offset=self.end + self.account.pending_bytes,
                length=0,
                line=self.next_line,
                sha256=None,
                reason=damage.reason,
                detail=damage.detail,
                head=b"",
            )

    def read(self, piece: Piece) -> Reading:
        """Judge the lines of *piece*; several threads may do so at once."""
        record = piece.lines
        lines, lengths = record.cut()
        offsets = record.offsets(lengths)
        numbers = np.arange(piece.first, piece.first + len(lines))
        judged = self._judge(lines)
        quarantined = []
        for one in judged.rejected:
            begin, length = int(offsets[one.index]) - record.offset, int(lengths[one.index])
            quarantined.append(
                quarantine_line(
                    record.data[begin : begin + length],
                    file=self._file.name,
                    identity=self._file.identity,
                    offset=begin + record.offset,
                    line=piece.first + one.index,
                    reason=one.reason,
                    detail=one.detail,
                )
            )
        blank_bytes = sum(int(lengths[index]) for index in judged.blank)
        if len(judged.kept) < len(lines):
            kept = np.array(judged.kept, dtype=np.int64)
            lines, lengths = lines.take(kept), lengths[kept]
            offsets, numbers = offsets[kept], numbers[kept]
        return Reading(
            batch=Batch(
                file=self._file,
                lines=lines,
                records=judged.records,
                offsets=offsets,
                lengths=lengths,
                numbers=numbers,
            ),
            quarantined=quarantined,
            blank=len(judged.blank),
            blank_bytes=blank_bytes,
            duplicate_keys=judged.duplicate_keys,
        )

    def take(self, read: Reading | Quarantined) -> Batch | None:
        """Count what became of a piece and return its records, None where it has none."""
        if isinstance(read, Quarantined):
            self._hold(read)
            return None
        account = self.account
        for record in read.quarantined:
            self._hold(record)
        account.blank += read.blank
        account.blank_bytes += read.blank_bytes
        account.duplicate_keys += read.duplicate_keys
        account.exported += len(read.batch)
        account.exported_bytes += int(read.batch.lengths.sum())
        return read.batch if len(read.batch) else None

    def refuse(self, batch: Batch, rejected: Sequence[Rejected]) -> None:
        """Quarantine records of *batch* after all, which their reader could not use."""
        for one in rejected:
            length = int(batch.lengths[one.index])
            self.account.exported -= 1
            self.account.exported_bytes -= length
            self._hold(
                quarantine_line(
                    _as_in_file(batch.lines[one.index], length),
                    file=self._file.name,
                    identity=self._file.identity,
                    offset=int(batch.offsets[one.index]),
                    line=int(batch.numbers[one.index]),
                    reason=one.reason,
                    detail=one.detail,
                )
            )

    def take_quarantine(self) -> list[Quarantined]:
        """Return what was quarantined since the last call, in order of offset."""
        taken, self._quarantine = self._quarantine, []
        return sorted(taken, key=attrgetter("offset"))

    def _hold(self, record: Quarantined) -> None:
        self.account.quarantine(record)
        self._quarantine.append(record)


def _as_in_file(line: bytes, length: int) -> bytes:
    """Return the *length* bytes of which *line* is the content."""
    missing = length - len(line)
    if missing >= len(BOM):
        line, missing = BOM + line, missing - len(BOM)
    return line + _TERMINATORS[missing]
