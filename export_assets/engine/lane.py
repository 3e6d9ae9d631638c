"""One format of one table: a thread that writes what it is fed, closes it and reads it back.

The lanes of a table run side by side; the libraries that write and read release the GIL. A lane
keeps going when one partition fails: the failure is kept, its later rows are dropped.
"""

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from queue import Empty, Full, Queue
from threading import Event, Thread

from export_assets.engine.destination import Destination, Slot
from export_assets.engine.handed import Handed, Hashed
from export_assets.engine.prefetch import reading_ahead
from export_assets.engine.tables import TablePlan
from export_assets.engine.value_directories import ValueDirectories
from export_assets.errors import ExportError, InternalError
from export_assets.formats.base import Format, FormatOptions, FormatWriter
from export_assets.store.manifest import FileRecord
from export_assets.tables.batch import Batch
from export_assets.tables.digest import Digest, DigestBuilder
from export_assets.tables.schema import VERDICTS, Fidelity, TableSchema
from export_assets.translate import translate

_QUEUED_BATCHES = 2
_WAIT = 0.2

Place = tuple[str, str]
"""A partition, and the directory of it that a part is in."""
Message = tuple[str, Batch | None, Hashed | None] | None


@dataclass(kw_only=True)
class Written:
    """One partition as a lane left it: written, closed and read back, not yet visible."""

    key: str
    slot: Slot | None = None
    """None where it could not be taken; `error` then says why."""
    files: list[FileRecord] = field(default_factory=list)
    read_back: Digest | None = None
    handed: Digest | None = None
    """Of what was to be in the files, where they do not hold all of the rows."""
    fidelity: dict[str, Fidelity] = field(default_factory=dict)
    error: ExportError | None = None


class Lane(Thread):
    """Writes the partitions of one table in one format."""

    def __init__(
        self,
        plan: TablePlan,
        schema: TableSchema,
        fmt: Format,
        options: FormatOptions,
        destination: Destination,
        *,
        open_writers: int,
        max_rows_per_file: int | None,
    ) -> None:
        super().__init__(name=f"{plan.name}-{fmt.name}", daemon=True)
        self.format = fmt
        self.options = options
        self.written: dict[str, Written] = {}
        self.failure: ExportError | KeyboardInterrupt | None = None
        """What ended the thread before its time."""
        self._plan = plan
        self._schema = schema
        self._destination = destination
        self._carried = fmt.carried(schema, options)
        self._handed: dict[str, DigestBuilder] = {}
        by = options.partition_by
        self._divide = ValueDirectories.of(schema, plan.time_column, by) if by else None
        # Where a partition is one file it must stay open until its last row.
        splits = destination.splits or self._divide is not None
        self._open_writers = open_writers if splits else None
        limits = [limit for limit in (max_rows_per_file, fmt.most_rows) if limit is not None]
        self._max_rows = min(limits) if splits and limits else None
        self._queue: Queue[Message] = Queue(_QUEUED_BATCHES)
        self._stopped = Event()
        self._ended = Event()
        self._parts: OrderedDict[Place, _Part] = OrderedDict()
        self._builders: dict[str, DigestBuilder] = {}
        self._next_part: Counter[Place] = Counter()

    def put(self, key: str, batch: Batch | None, hashed: Hashed | None = None) -> None:
        """Hand over rows of partition *key*; None makes the partition exist even without rows.

        With their hashes, a file that reads back as these very rows is proven without hashing.
        The partition's slot is taken here, by the thread that feeds all lanes: two runs over the
        same partitions then take their locks in the same order, and neither waits for the other
        while the other waits for it.

        Raises:
            ExportError: The lane is dead.
            KeyboardInterrupt: It was interrupted.
        """
        if key not in self.written:
            self._take(key)
        self._send((key, batch, hashed))

    def finish(self) -> None:
        """Wait until everything handed over is written, closed and read back.

        Raises:
            ExportError: The lane died.
            KeyboardInterrupt: It was interrupted.
        """
        self._send(None)
        self._wait()
        if self.failure is not None:
            raise self.failure

    def cancel(self) -> None:
        """Let the thread end as soon as it can; see `stop`."""
        self._stopped.set()

    def stop(self) -> None:
        """End the thread as soon as it can and drop what is open.

        An exception of a signal may end the waiting early; see `stop_all`.
        """
        self.cancel()
        if self.ident is not None:
            self._wait()

    def run(self) -> None:
        """Take messages until the last; see `put`."""
        try:
            while (message := self._receive()) is not None:
                self._guard(message[0], self._write, *message)
            while self._parts and not self._stopped.is_set():
                self._guard(next(iter(self._parts))[0], self._close_oldest)
            for key, builder in self._builders.items():
                self.written[key].read_back = builder.digest()
                if self._carried is not self._schema:
                    self.written[key].handed = self._handed_of(key).digest()
        except KeyboardInterrupt as interrupt:
            # Polars raises it in whatever thread it works for.
            self.failure = interrupt
        except BaseException as error:  # noqa: BLE001 - raised again where rows are handed over
            self.failure = translate(error, subject=self.name)
        finally:
            self._stopped.set()
            try:
                for part in self._parts.values():
                    _give_up(part)
                self._parts.clear()
            finally:
                self._ended.set()

    def _wait(self) -> None:
        # An interrupted join() takes the thread for ended (Python 3.11), and the next one returns
        # at once; a process whose thread is still inside Arrow then never ends.
        self._ended.wait()
        self.join()

    def _send(self, message: Message) -> None:
        while not self._stopped.is_set():
            try:
                self._queue.put(message, timeout=_WAIT)
            except Full:
                continue
            return
        msg = f"{self.name}: the writer stopped before its rows were handed over"
        raise self.failure or InternalError(msg)

    def _receive(self) -> Message:
        while not self._stopped.is_set():
            try:
                return self._queue.get(timeout=_WAIT)
            except Empty:
                continue
        return None

    def _guard(self, key: str, action: Callable[..., None], *values: object) -> None:
        """Run *action*; what goes wrong is the failure of partition *key* alone."""
        try:
            action(*values)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - Polars panics are no Exception
            for place in [place for place in self._parts if place[0] == key]:
                _give_up(self._parts.pop(place))
            written = self.written[key]
            written.error = translate(error, subject=self._subject(key))

    def _write(self, key: str, batch: Batch | None, hashed: Hashed | None) -> None:
        written = self.written[key]
        if written.error is not None or written.slot is None:
            return
        if batch is None:
            # Without rows there is no value to name a directory by.
            if not any(place[0] == key for place in self._next_part):
                self._part(written.slot, (key, ""))
            return
        for directory, rows, places in self._divided(batch, hashed):
            self._write_into((key, directory), written.slot, rows, places)

    def _divided(
        self, batch: Batch, hashed: Hashed | None
    ) -> Iterator[tuple[str, Batch, Hashed | None]]:
        if self._divide is None:
            yield "", batch, hashed
            return
        for directory, frame in self._divide.split(batch.frame):
            yield directory, Batch(frame), None

    def _write_into(self, place: Place, slot: Slot, batch: Batch, hashed: Hashed | None) -> None:
        key = place[0]
        for piece in self._pieces(place, batch):
            part = self._part(slot, place)
            part.writer.write(piece)
            held = piece
            if self._carried is not self._schema:
                held = self.format.carried_rows(piece, self._schema, self.options)
                self._hold(key, held, hashed if held is piece else None)
            part.handed.add(piece, hashed if held is piece else None)
            hashed = hashed and hashed.after(piece.rows)
            part.rows += piece.rows
            if self._max_rows is not None and part.rows >= self._max_rows:
                self._close(place)

    def _hold(self, key: str, held: Batch, hashed: Hashed | None) -> None:
        """Add what a file holds of a batch; with its hashes where that is all of it."""
        builder = self._handed_of(key)
        if hashed is None:
            builder.update(held)
        else:
            builder.add(hashed.hashes, hashed.offset, held.rows)

    def _handed_of(self, key: str) -> DigestBuilder:
        return self._handed.setdefault(key, DigestBuilder(self._carried))

    def _pieces(self, place: Place, batch: Batch) -> list[Batch]:
        """Cut *batch* where a part is full."""
        if self._max_rows is None:
            return [batch]
        open_part = self._parts.get(place)
        room = self._max_rows - (open_part.rows if open_part else 0)
        begin, pieces = 0, []
        while begin < batch.rows:
            pieces.append(batch.slice(begin, min(room, batch.rows - begin)))
            begin, room = begin + room, self._max_rows
        return pieces

    def _take(self, key: str) -> None:
        written = self.written[key] = Written(key=key)
        suffix = self.format.suffix(self.options)
        try:
            how = self._destination
            take = how.open if self._divide is None else how.open_tree
            written.slot = take(self._plan, self.format.name, suffix, key)
        except Exception as error:  # noqa: BLE001 - the failure of this partition alone
            written.error = translate(error, subject=self._subject(key))

    def _subject(self, key: str) -> str:
        return f"{self._plan.name}/{self.format.name}/{key}"

    def _part(self, slot: Slot, place: Place) -> "_Part":
        """Return the open part of a partition, opening the next one where there is none."""
        key, directory = place
        if place in self._parts:
            self._parts.move_to_end(place)
            return self._parts[place]
        while self._open_writers is not None and len(self._parts) >= self._open_writers:
            self._guard(next(iter(self._parts))[0], self._close_oldest)
        suffix = self.format.suffix(self.options)
        path = slot.part(self._next_part[place], suffix, directory=directory)
        self._next_part[place] += 1
        metadata = {"source_table": self._plan.name, "partition": key}
        writer = self.format.open(path, self._schema, self.options, metadata)
        self._parts[place] = _Part(path=path, writer=writer, handed=Handed(self._schema))
        return self._parts[place]

    def _close_oldest(self) -> None:
        self._close(next(iter(self._parts)))

    def _close(self, place: Place) -> None:
        """Finish a part and prove it: what it reads back as is added to the partition's digest."""
        key, part = place[0], self._parts[place]
        part.writer.close()
        del self._parts[place]
        written = self.written[key]
        for column, fidelity in part.writer.fidelity().items():
            written.fidelity[column] = _worse(written.fidelity.get(column), fidelity)
        builder = self._builders.setdefault(key, DigestBuilder(self._carried))
        if part.handed.are(self._read(part.path)):
            builder.merge(part.handed.digest)
        else:
            # The digest of what is read proves every value; see `Format.read`.
            with reading_ahead(self._read(part.path)) as batches:
                for batch in batches:
                    builder.update(batch)
        if written.slot is not None and not self._stopped.is_set():
            written.files.append(written.slot.record(part.path, part.rows))

    def _read(self, path: Path) -> Iterator[Batch]:
        """Read a part back, as far as the lane is not stopped."""
        for batch in self.format.read(path, self._schema, self.options, strict=False):
            if self._stopped.is_set():
                return
            yield batch


def stop_all(lanes: Sequence[Lane]) -> None:
    """End all *lanes*, however often interrupted; the first interrupt is raised at the end."""
    interrupt: BaseException | None = None
    while True:
        try:
            for lane in lanes:
                lane.cancel()
            for lane in lanes:
                lane.stop()
        except BaseException as error:  # noqa: BLE001 - raised below; nothing else ends waiting
            interrupt = interrupt or error
        else:
            break
    if interrupt is not None:
        raise interrupt


@dataclass(kw_only=True)
class _Part:
    path: Path
    writer: FormatWriter
    handed: Handed
    rows: int = 0


def _give_up(part: _Part) -> None:
    """Abort a part; what goes wrong with that hides nothing, for the file is thrown away."""
    with suppress(Exception, KeyboardInterrupt):
        part.writer.abort()


def _worse(old: Fidelity | None, new: Fidelity) -> Fidelity:
    """Add up the same finding over the parts of a partition; the graver verdict stays."""
    if old is None:
        return new
    graver = max(old, new, key=lambda fidelity: VERDICTS.index(fidelity.verdict))
    return replace(graver, count=old.count + new.count)
