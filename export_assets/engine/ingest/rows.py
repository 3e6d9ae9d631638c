"""The seam to what knows the records: a schema, a judge of lines, and frames made of records."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Protocol

import numpy as np
import polars as pl

from export_assets.errors import InternalError
from export_assets.sources.logs.framing import Framer, Lines
from export_assets.sources.logs.judge import Rejected
from export_assets.sources.logs.reading import Batch, Judge
from export_assets.sources.logs.streams import open_stream
from export_assets.tables.schema import Column, LogicalType, TableSchema

_PLACE: Final = (
    Column(
        name="_src",
        logical=LogicalType.TEXT,
        nullable=False,
        description="Identity of the content that the line is in.",
    ),
    Column(
        name="_off",
        logical=LogicalType.INTEGER,
        nullable=False,
        description="Where the line begins, in bytes of the content.",
    ),
    Column(
        name="_len",
        logical=LogicalType.INTEGER,
        nullable=False,
        description="Bytes of the line, terminator included.",
    ),
    Column(
        name="_line",
        logical=LogicalType.INTEGER,
        nullable=False,
        description="Number of the line, from 1.",
    ),
)


class Rows(Protocol):
    """What a kind of log makes of its records."""

    @property
    def schema(self) -> TableSchema:
        """The columns of the rows."""

    @property
    def judge(self) -> Judge:
        """What tells records from other lines."""

    @property
    def version(self) -> str:
        """Whatever decides the rows besides the bytes; recorded as the configuration hash."""

    def frame(self, batch: Batch) -> tuple[pl.DataFrame, Sequence[Rejected]]:
        """Return one row of `schema` per record of *batch*, in order, and the records refused.

        Equal records must give equal rows, whatever the batch.
        """


_HEAD: Final = 64 << 10


@dataclass(frozen=True)
class Head:
    """The beginning of an open log, by which it is told what is in it."""

    name: str
    """Below the log directory, escaped."""
    descriptor: int
    size: int
    """On disk."""

    @cached_property
    def lines(self) -> list[bytes]:
        """The first lines, without terminators: those of 64 KB, and of more where none is whole."""
        stream = open_stream(self.descriptor, end=self.size, name=self.name)
        framer = Framer(stream, max_line_bytes=_HEAD, block_bytes=_HEAD, sealed=True)
        for record in framer:
            if isinstance(record, Lines):
                return record.split()[0]
        return []


class RowsByLog(Protocol):
    """What tells by a log's beginning which rows are made of it."""

    @property
    def version(self) -> str:
        """Whatever decides the rows of any log besides its bytes, that of all its `Rows`."""

    def rows_of(self, head: Head) -> Rows | None:
        """Return what makes rows of the log; None where no line of it means anything."""


@dataclass(frozen=True)
class SameRows:
    """The same rows for every log."""

    rows: Rows

    @property
    def version(self) -> str:
        """That of the rows."""
        return self.rows.version

    def rows_of(self, head: Head) -> Rows:
        """Return the rows, whatever the log."""
        del head
        return self.rows


def placed_schema(schema: TableSchema) -> TableSchema:
    """Return *schema* with the columns that say where each row is from.

    Raises:
        InternalError: It has a column of such a name.
    """
    taken = {column.name for column in _PLACE} & set(schema.names)
    if taken:
        msg = f"{schema.name}: column {min(taken)} has a name that is reserved"
        raise InternalError(msg)
    return TableSchema(
        name=schema.name,
        columns=(*schema.columns, *_PLACE),
        primary_key=("_src", "_off"),
        description=schema.description,
    )


def placed_rows(
    rows: Rows, batch: Batch, schema: TableSchema
) -> tuple[pl.DataFrame, Sequence[Rejected]]:
    """Return the rows of *batch* in *schema*, which is that of *rows* with their places.

    Raises:
        InternalError: *rows* gave fewer or more rows than records.
    """
    frame, rejected = rows.frame(batch)
    kept = np.ones(len(batch), dtype=np.bool_)
    kept[[one.index for one in rejected]] = False
    if frame.height != np.count_nonzero(kept):
        msg = (
            f"{batch.file.name}: {frame.height} rows were made of {np.count_nonzero(kept)} records"
        )
        raise InternalError(msg)
    placed = frame.with_columns(
        pl.lit(batch.file.identity).alias("_src"),
        pl.Series("_off", batch.offsets[kept]),
        pl.Series("_len", batch.lengths[kept]),
        pl.Series("_line", batch.numbers[kept]),
    )
    if placed.schema != schema.polars:
        placed = placed.select(schema.names).cast(schema.polars)
    return placed, rejected
