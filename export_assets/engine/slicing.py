"""Which partition each row belongs to, and which rows a request leaves out."""

from dataclasses import dataclass, replace
from datetime import UTC

import polars as pl
from polars import selectors

from export_assets.engine.request import ExportRequest
from export_assets.engine.tables import TablePlan
from export_assets.tables.batch import Batch
from export_assets.tables.partition_keys import key_expr, keys_of, start_expr
from export_assets.tables.partitions import UNDATED, TimePartitions, Window


@dataclass(frozen=True, kw_only=True)
class Slice:
    """Neighbouring rows of one partition in a frame."""

    key: str
    offset: int
    rows: int
    coerced: int = 0
    """Wall-clock readings in these rows that were ambiguous or skipped by the clock."""


class Slicer:
    """Splits conformed frames of one table by partition."""

    def __init__(self, plan: TablePlan, request: ExportRequest) -> None:
        self._view = plan.view.rows(plan.schema)
        self._partitions = plan.partitions
        self._time_column = plan.time_column
        self._window = request.window
        self.wanted = None if not request.partitions else frozenset(request.partitions)
        """Keys asked for by name; None for whatever there is."""
        if isinstance(plan.partitions, TimePartitions) and self._window.bounded:
            self._window = whole_partitions(plan.partitions, self._window)
        self.left_out = 0
        """Rows that the formats of the pass do not see."""
        self.counts = self._chooses and (request.limit is not None or request.offset > 0)
        """Whether rows are counted here: a source may deliver more than the time range asks for,
        and only rows inside it count towards limit and offset."""
        self._skip = request.offset if self.counts else 0
        self._left = request.limit if self.counts else None

    @property
    def done(self) -> bool:
        """Whether no further row is wanted."""
        return self._left == 0

    @property
    def window(self) -> Window:
        """The time range that holds every row wanted."""
        if self.wanted is None or not isinstance(self._partitions, TimePartitions):
            return self._window
        if UNDATED in self.wanted:
            return Window()
        windows = [self._partitions.window(key) for key in self.wanted]
        starts = [window.start for window in windows if window.start is not None]
        ends = [window.end for window in windows if window.end is not None]
        return Window(start=min(starts), end=max(ends) if len(ends) == len(windows) else None)

    def split(self, batch: Batch, coerced: pl.Series | None = None) -> tuple[Batch, list[Slice]]:
        """Return the rows wanted, those of one partition side by side, and where each lies.

        Rows keep their order within a partition. *coerced* is a number for each row of *batch*,
        added up slice by slice.
        """
        if coerced is None:
            return self._split(batch)
        beside = "coerced"
        while beside in batch.frame.columns:
            beside += "_"
        marked, slices = self._split(Batch(batch.frame.with_columns(coerced.alias(beside))))
        numbers = marked.frame.get_column(beside)
        counted = [
            replace(item, coerced=int(numbers.slice(item.offset, item.rows).sum()))
            for item in slices
        ]
        return Batch(marked.frame.drop(beside)), counted

    @property
    def _chooses(self) -> bool:
        return self._window.bounded or self.wanted is not None or self._view is not None

    def _split(self, batch: Batch) -> tuple[Batch, list[Slice]]:
        if self._view is not None:
            seen = batch.frame.filter(self._view)
            self.left_out += batch.rows - seen.height
            batch = Batch(seen)
        if not isinstance(self._partitions, TimePartitions):
            if self._chooses:
                batch = Batch(self._counted(self._within(batch.frame)))
            return batch, [
                Slice(key=self._partitions.key, offset=0, rows=batch.rows)
            ] if batch.rows else []
        frame = self._within(batch.frame)
        if self.wanted is not None:
            # Names are written of few starts, not of all rows, where nobody else's are among them.
            found = keys_of(_starts(frame, self._partitions).unique(), self._partitions)
            if not self.wanted.issuperset(found.fill_null(UNDATED)):
                key = key_expr(self._partitions).fill_null(UNDATED)
                frame = frame.filter(key.is_in(list(self.wanted)))
        frame = self._counted(frame)
        starts = _starts(frame, self._partitions)
        runs = starts.rle().struct.unnest()
        if runs.get_column("value").n_unique() != runs.height:
            order = frame.select(
                pl.arg_sort_by(starts, maintain_order=True, nulls_last=True)
            ).to_series()
            frame, runs = frame[order], starts.gather(order).rle().struct.unnest()
        keys = keys_of(runs.get_column("value"), self._partitions).fill_null(UNDATED)
        slices, offset = [], 0
        for rows, key_of_run in zip(runs.get_column("len"), keys, strict=True):
            slices.append(Slice(key=key_of_run, offset=offset, rows=rows))
            offset += rows
        return Batch(frame), slices

    def _within(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Keep the rows inside the window; an unbounded window keeps rows without a time too."""
        window = self._window
        if self._time_column is None or not window.bounded:
            return frame
        time = selectors.by_name(self._time_column).cast(pl.Datetime("us"))
        if window.start is not None:
            frame = frame.filter(time >= window.start.astimezone(UTC).replace(tzinfo=None))
        if window.end is not None:
            frame = frame.filter(time < window.end.astimezone(UTC).replace(tzinfo=None))
        return frame

    def _counted(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Keep what offset and limit leave, where they are counted here."""
        if not self.counts:
            return frame
        skipped = min(self._skip, frame.height)
        self._skip -= skipped
        frame = frame.slice(skipped, self._left)
        if self._left is not None:
            self._left -= frame.height
        return frame


def _starts(frame: pl.DataFrame, partitions: TimePartitions) -> pl.Series:
    return frame.select(start_expr(partitions)).to_series().alias("start")


def whole_partitions(partitions: TimePartitions, window: Window) -> Window:
    """Widen *window* to whole partitions: only complete ones are ever published."""
    start = window.start and partitions.window(partitions.key_of(window.start)).start
    end = window.end
    if end is not None:
        last = partitions.window(partitions.key_of(end))
        end = end if last.start == end else last.end
    return Window(start=start, end=end)
