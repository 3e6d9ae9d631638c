"""Which partition each row belongs to, and which rows a request leaves out."""

from dataclasses import dataclass

import polars as pl

from export_assets.engine.request import ExportRequest
from export_assets.engine.tables import TablePlan
from export_assets.tables.batch import Batch
from export_assets.tables.partitions import ALL, UNDATED, TimePartitions, Window


@dataclass(frozen=True, kw_only=True)
class Slice:
    """Neighbouring rows of one partition in a frame."""

    key: str
    offset: int
    rows: int


class Slicer:
    """Splits conformed frames of one table by partition."""

    def __init__(self, plan: TablePlan, request: ExportRequest) -> None:
        self._partitions = plan.partitions
        self._time_column = plan.time_column
        self._window = request.window
        self.wanted = None if not request.partitions else frozenset(request.partitions)
        """Keys asked for by name; None for whatever there is."""
        if isinstance(plan.partitions, TimePartitions) and self._window.bounded:
            self._window = whole_partitions(plan.partitions, self._window)

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
        return Window(start=min(starts), end=max(ends))

    def split(self, batch: Batch) -> tuple[Batch, list[Slice]]:
        """Return the rows wanted, those of one partition side by side, and where each lies.

        Rows keep their order within a partition.
        """
        filtered = self._time_column is not None and self._window.bounded
        if not isinstance(self._partitions, TimePartitions):
            batch = Batch(self._within(batch.frame)) if filtered else batch
            return batch, [Slice(key=ALL, offset=0, rows=batch.rows)] if batch.rows else []
        frame = self._within(batch.frame)
        keys = frame.select(self._partitions.key_expr().fill_null(UNDATED)).to_series()
        if self.wanted is not None:
            chosen = keys.is_in(list(self.wanted))
            if not chosen.all():
                frame, keys = frame.filter(chosen), keys.filter(chosen)
        runs = keys.rle().struct.unnest()
        if runs.get_column("value").n_unique() != runs.height:
            order = frame.select(pl.arg_sort_by(keys, maintain_order=True)).to_series()
            frame, runs = frame[order], keys.gather(order).rle().struct.unnest()
        slices, offset = [], 0
        for rows, key in runs.iter_rows():
            slices.append(Slice(key=key, offset=offset, rows=rows))
            offset += rows
        return Batch(frame), slices

    def _within(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Keep the rows inside the window; an unbounded window keeps rows without a time too."""
        window = self._window
        if self._time_column is None or not window.bounded:
            return frame
        time = pl.col(self._time_column).cast(pl.Datetime("us"))
        if window.start is not None:
            frame = frame.filter(time >= window.start.replace(tzinfo=None))
        if window.end is not None:
            frame = frame.filter(time < window.end.replace(tzinfo=None))
        return frame


def whole_partitions(partitions: TimePartitions, window: Window) -> Window:
    """Widen *window* to whole partitions: only complete ones are ever published."""
    start = window.start and partitions.window(partitions.key_of(window.start)).start
    end = window.end
    if end is not None:
        last = partitions.window(partitions.key_of(end))
        end = end if last.start == end else last.end
    return Window(start=start, end=end)
