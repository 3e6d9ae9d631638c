"""Which partition each row belongs to, and which rows a request leaves out."""

from collections.abc import Iterator

import polars as pl

from export_assets.engine.request import ExportRequest
from export_assets.engine.tables import TablePlan
from export_assets.tables.partitions import ALL, UNDATED, TimePartitions, Window

_KEY = "__partition_key__"


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

    def split(self, frame: pl.DataFrame) -> Iterator[tuple[str, pl.DataFrame]]:
        """Yield (partition key, its rows) in order of first appearance."""
        frame = self._within(frame)
        if not frame.height:
            return
        if not isinstance(self._partitions, TimePartitions):
            yield ALL, frame
            return
        keys = frame.select(self._partitions.key_expr().fill_null(UNDATED)).to_series()
        if keys.n_unique() == 1:
            parts = {keys[0]: frame}
        else:
            keyed = frame.with_columns(keys.alias(_KEY))
            groups = keyed.partition_by(_KEY, maintain_order=True, include_key=True)
            parts = {group.get_column(_KEY)[0]: group.drop(_KEY) for group in groups}
        for key, rows in parts.items():
            if self.wanted is None or key in self.wanted:
                yield key, rows

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
