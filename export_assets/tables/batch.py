"""Rows in flight: a batch seen as Polars or as Arrow, converted at most once."""

from functools import cached_property

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

    @cached_property
    def frame(self) -> pl.DataFrame:
        """The rows as a Polars frame."""
        if self._frame is not None:
            return self._frame
        assert self._table is not None  # noqa: S101 - the constructor saw to it
        frame = pl.from_arrow(self._table, rechunk=False)
        assert isinstance(frame, pl.DataFrame)  # noqa: S101 - a table always gives a frame
        frame.columns = self._table.column_names  # Polars renames a column called ""
        return frame

    @cached_property
    def arrow(self) -> pa.Table:
        """The rows as an Arrow table with large string and binary types."""
        if self._table is not None:
            return self._table
        assert self._frame is not None  # noqa: S101 - the constructor saw to it
        return self._frame.to_arrow(compat_level=pl.CompatLevel.oldest())

    @property
    def rows(self) -> int:
        """Number of rows."""
        return self._table.num_rows if self._table is not None else self.frame.height

    def slice(self, offset: int, rows: int) -> "Batch":
        """Return *rows* rows from *offset*, sharing the memory of both views."""
        if offset == 0 and rows == self.rows:
            return self
        return Batch(self.frame.slice(offset, rows), self.arrow.slice(offset, rows))
