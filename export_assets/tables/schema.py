"""What a table is: named columns with logical types, keys and a fidelity verdict each."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Literal, get_args

import polars as pl

from export_assets.tables.reading import Reading

if TYPE_CHECKING:
    import pyarrow as pa

Verdict = Literal["exact", "widened", "lossy", "refused"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
"""From the best to the gravest."""

Encoding = Literal["native", "iso", "epoch_s", "epoch_ms", "epoch_us"]
"""How a raw column holds its logical values: `native` as the type itself, `iso` as ISO 8601 text,
`epoch_…` as a number counted from 1970-01-01 UTC."""


class LogicalType(StrEnum):
    """What the values of a column mean, whatever file format carries them."""

    BOOLEAN = "boolean"
    INTEGER = "integer"
    FLOAT = "float"
    DECIMAL = "decimal"
    TEXT = "text"
    DATE = "date"
    TIME = "time"
    TIMESTAMP = "timestamp"
    """An instant: UTC, microseconds."""
    NAIVE_TIMESTAMP = "naive_timestamp"
    """A wall-clock reading of an unknown zone, microseconds."""
    JSON = "json"
    """JSON text, byte for byte as the source holds it."""
    UUID = "uuid"
    BINARY = "binary"
    NESTED = "nested"
    """Lists and structs; the Polars type is kept in `Column.nested`."""


@dataclass(frozen=True, kw_only=True)
class Fidelity:
    """How truly the exported column carries the source's values."""

    verdict: Verdict = "exact"
    reason: str = ""
    """One clause a person can act on, empty when exact."""
    count: int = 0
    """Values concerned, where they were counted."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of a table as it is exported."""

    name: str
    logical: LogicalType
    declared: str = ""
    """The type as the source declares it, for people."""
    encoding: Encoding = "native"
    """How raw batches hold the values; see `tables.conform`."""
    nullable: bool = True
    precision: int | None = None
    scale: int | None = None
    nested: pl.DataType | None = None
    description: str = ""
    fidelity: Fidelity = field(default_factory=Fidelity)
    reading: Reading | None = None
    """How its values are read, where the configuration says so."""

    @property
    def dtype(self) -> pl.DataType:
        """The Polars type of the conformed column."""
        if self.logical is LogicalType.DECIMAL:
            return pl.Decimal(self.precision or 38, self.scale or 0)
        if self.logical is LogicalType.NESTED:
            return self.nested or pl.String()
        return _DTYPES[self.logical]


_DTYPES: dict[LogicalType, pl.DataType] = {
    LogicalType.BOOLEAN: pl.Boolean(),
    LogicalType.INTEGER: pl.Int64(),
    LogicalType.FLOAT: pl.Float64(),
    LogicalType.TEXT: pl.String(),
    LogicalType.DATE: pl.Date(),
    LogicalType.TIME: pl.Time(),
    LogicalType.TIMESTAMP: pl.Datetime("us", "UTC"),
    LogicalType.NAIVE_TIMESTAMP: pl.Datetime("us"),
    LogicalType.JSON: pl.String(),
    LogicalType.UUID: pl.String(),
    LogicalType.BINARY: pl.Binary(),
}


@dataclass(frozen=True, kw_only=True)
class ForeignKey:
    """`columns` of this table point at `ref_columns` of `ref_table`."""

    columns: tuple[str, ...]
    ref_table: str
    ref_columns: tuple[str, ...]
    exact: bool = True
    """Whether values that differ in case or in blanks at the end are different for the source."""


@dataclass(frozen=True, kw_only=True)
class TableSchema:
    """A named, ordered set of columns with its keys."""

    name: str
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    description: str = ""

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Column names in order."""
        return tuple(column.name for column in self.columns)

    @property
    def polars(self) -> pl.Schema:
        """The Polars schema of the conformed frame."""
        return pl.Schema({column.name: column.dtype for column in self.columns})

    @cached_property
    def arrow(self) -> "pa.Schema":
        """The Arrow schema of the conformed table; made once, for every file of it asks."""
        frame = pl.DataFrame(schema=self.polars)
        return frame.to_arrow(compat_level=pl.CompatLevel.oldest()).schema.remove_metadata()

    @cached_property
    def _by_name(self) -> Mapping[str, Column]:
        return {column.name: column for column in self.columns}

    def column(self, name: str) -> Column:
        """Return the column called *name*.

        Raises:
            KeyError: There is no such column.
        """
        return self._by_name[name]

    def select(self, names: tuple[str, ...]) -> "TableSchema":
        """Return this schema with only *names*, in that order."""
        return replace(self, columns=tuple(self.column(name) for name in names))

    def with_column(self, column: Column) -> "TableSchema":
        """Return this schema with the column of the same name replaced."""
        columns = tuple(column if old.name == column.name else old for old in self.columns)
        return replace(self, columns=columns)
