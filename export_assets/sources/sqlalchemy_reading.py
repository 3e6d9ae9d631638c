"""How a column of a server is asked for, and how what the driver gives becomes a raw series."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import polars as pl
import sqlalchemy as sa

from export_assets.sources.sqlalchemy_values import TEXTUAL
from export_assets.tables.schema import Column, Encoding, Fidelity, LogicalType

Values = Callable[[Sequence[Any]], tuple[pl.Series, int]]
"""From a driver's values to a series, null where one does not fit, and how many do not."""


def _as_it_is(column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    return column


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How one column is read."""

    dtype: pl.DataType
    """Of the raw series, whatever values it is made of."""
    values: Values
    expression: Callable[[sa.ColumnElement[Any]], sa.ColumnElement[Any]] = _as_it_is


@dataclass(kw_only=True)
class Pace:
    """How many rows to fetch at once, so that as many bytes come whatever the rows hold."""

    most: int
    target: int = 8 * 1024 * 1024
    rows: int = 64

    def seen(self, rows: int, size: int) -> None:
        """Take into account that *rows* rows were *size* bytes."""
        fitting = self.target * rows // max(size, 1)
        self.rows = max(1, min(self.most, fitting, self.rows * 8))


def frame(
    rows: Sequence[Sequence[Any]], names: Sequence[str], readings: Sequence[Reading]
) -> tuple[pl.DataFrame, dict[str, int]]:
    """Return *rows* as a raw frame, and how many values of each column did not fit."""
    done: dict[str, pl.Series] = {}
    misfits: dict[str, int] = {}
    for name, reading, values in zip(names, readings, zip(*rows, strict=True), strict=True):
        series, lost = reading.values(values)
        done[name] = series
        if lost:
            misfits[name] = lost
    return pl.DataFrame(done), misfits


@dataclass(frozen=True, kw_only=True)
class Nature:
    """What a declared type means and how it is read, whatever is promised for the column."""

    logical: LogicalType
    reading: Reading
    textual: Reading
    """How it is read where it is promised as text."""
    binary: Reading | None = None
    """How it is read where it is promised as binary, if otherwise."""
    compared: sa.types.TypeEngine[Any] = field(default_factory=sa.types.NullType)
    """The type that values compared with it are bound as."""
    reason: str = ""
    """Why the type is not carried as such, for the fidelity report."""
    fact: str = ""
    """What values are that the type cannot carry, for people."""
    wider: LogicalType = LogicalType.TEXT
    """The type that carries those, too."""
    encoding: Encoding = "native"
    precision: int | None = None
    scale: int | None = None
    aware: bool = False
    """Whether the server compares it with moments that have a zone."""
    zone: str | None = None
    """The zone of its wall-clock readings, where that is known."""
    odd: Callable[[sa.ColumnElement[Any]], sa.ColumnElement[bool]] | None = None
    """Holds for values that are no moments, and so may belong anywhere."""

    def describe(self, name: str, *, declared: str, nullable: bool, comment: str) -> Column:
        """Return the column called *name* as its declaration promises it."""
        fidelity = Fidelity(verdict="widened", reason=self.reason) if self.reason else Fidelity()
        return Column(
            name=name,
            logical=self.logical,
            declared=declared,
            encoding=self.encoding,
            nullable=nullable,
            precision=self.precision,
            scale=self.scale,
            description=comment,
            fidelity=fidelity,
        )

    def reads(self, column: Column) -> Reading:
        """Return how *column*, which is of this nature, is read for what is promised of it."""
        own = column.logical is self.logical and not column.fidelity.count
        if column.logical is LogicalType.BINARY and self.binary is not None and not own:
            return self.binary
        widened = column.logical in TEXTUAL and column.fidelity.count > 0
        naive = column.logical is LogicalType.NAIVE_TIMESTAMP
        if self.is_rendered(column) or widened or naive:
            return self.textual
        return self.reading

    def is_rendered(self, column: Column) -> bool:
        """Whether *column* is promised as text although it is no text."""
        plain = self.logical in TEXTUAL or self.logical is LogicalType.BINARY
        return column.logical in TEXTUAL and not plain

    def may_misfit(self, column: Column) -> bool:
        """Whether there may be values that even *column*, once widened, cannot carry."""
        if column.logical is LogicalType.TEXT:
            return self.binary is not None
        return column.logical is not LogicalType.BINARY

    def widen(self, column: Column, count: int) -> Column:
        """Return *column*, *count* values of which its type cannot carry, with one that can."""
        own = column.logical is self.logical
        wider = self.wider if own else LogicalType.TEXT
        if column.logical is LogicalType.TEXT and column.fidelity.count:
            wider = LogicalType.BINARY  # being text was not wide enough
        reason = (self.fact if own else "") or f"holds values that are no {column.logical}"
        return replace(
            column,
            logical=wider,
            encoding="native",
            precision=None,
            scale=None,
            fidelity=Fidelity(verdict="widened", reason=reason, count=count),
        )
