"""Rows in flight: a batch seen as Polars or as Arrow, converted at most once."""

from threading import Lock

import polars as pl
import pyarrow as pa


class Batch:
    """Some rows of one table, all batches of a table having the same schema.

    Writers take the view that suits them; the other is made when first asked for and kept.
    Arrow text is `large_string`, binary `large_binary`, with 64-bit offsets.
    """

    def __init__(self, frame: pl.DataFrame | None = None, table: pa.Table | None = None) -> None:
        """Wrap a frame, a table, or both views of the same rows."""
        if frame is None and table is None:
            msg = "a batch is made from a frame or from a table"
            raise TypeError(msg)
        self._frame = frame
        self._table = table
        # Several writers may ask for the missing view at once; it is made by the first.
        self._lock = Lock()
        self._places: dict[str, int] | None = None

    @property
    def is_arrow(self) -> bool:
        """Whether the Arrow view is at hand."""
        return self._table is not None

    @property
    def frame(self) -> pl.DataFrame:
        """The rows as a Polars frame."""
        with self._lock:
            if self._frame is None:
                assert self._table is not None  # noqa: S101 - the constructor saw to it
                names = self._table.column_names
                # Polars renames a column called "", to a name that another one may have.
                plain = self._table.rename_columns([str(place) for place in range(len(names))])
                frame = pl.from_arrow(plain, rechunk=False)
                assert isinstance(frame, pl.DataFrame)  # noqa: S101 - a table gives a frame
                frame.columns = names
                self._frame = frame
            return self._frame

    @property
    def arrow(self) -> pa.Table:
        """The rows as an Arrow table with large string and binary types."""
        with self._lock:
            if self._table is None:
                assert self._frame is not None  # noqa: S101 - the constructor saw to it
                self._table = self._frame.to_arrow(compat_level=pl.CompatLevel.oldest())
            return self._table

    def values(self, name: str) -> pa.ChunkedArray:
        """Return the column called *name*, exactly so: Polars takes some names for patterns."""
        table = self.arrow
        if self._places is None:
            # Kept: asking a wide table for its names takes time, and every column is asked for.
            self._places = {known: place for place, known in enumerate(table.column_names)}
        return table.column(self._places[name])

    @property
    def rows(self) -> int:
        """Number of rows."""
        return self._frame.height if self._frame is not None else self.arrow.num_rows

    def slice(self, offset: int, rows: int) -> "Batch":
        """Return *rows* rows from *offset*, sharing the memory of the views at hand."""
        if offset == 0 and rows == self.rows:
            return self
        frame = None if self._frame is None else self._frame.slice(offset, rows)
        table = None if self._table is None else self._table.slice(offset, rows)
        return Batch(frame, table)
