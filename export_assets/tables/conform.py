"""From raw batches to the promised types: every value as it was, or a `ValueMismatch`.

A raw column arrives in the type its source can deliver fastest (see `sources.base`); `Conformer`
turns it into `Column.dtype`. No value is rounded, clipped, wrapped or blanked on the way: what
does not fit stops the table, which is then profiled and started over with a wider type.
"""

from collections import Counter

import polars as pl
import pyarrow as pa

from export_assets.tables.batch import Batch
from export_assets.tables.mismatch import ValueMismatch
from export_assets.tables.schema import Column, LogicalType, TableSchema
from export_assets.tables.temporal import (
    from_epoch,
    mark_localized,
    mark_timestamps,
    parse_naive,
)

_LARGEST_EXACT_INTEGER = 2**53

_AS_THEY_ARE: dict[pa.DataType, pl.DataType] = {
    pa.int64(): pl.Int64(),
    pa.float64(): pl.Float64(),
    pa.bool_(): pl.Boolean(),
    pa.large_string(): pl.String(),
    pa.large_binary(): pl.Binary(),
}
"""Arrow types of a batch's Arrow view, and the Polars types of the same columns."""


class Conformer:
    """Turns the raw batches of one table into frames of exactly `schema.polars`."""

    def __init__(self, schema: TableSchema, *, assume_timezone: str) -> None:
        self.schema = schema
        self.coerced: Counter[str] = Counter()
        """Per column, wall-clock readings that were ambiguous or skipped by the clock."""
        self.coerced_rows: pl.Series | None = None
        """How many such readings each row of the last frame holds, None where no row holds any."""
        self._zone = assume_timezone

    def conform(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Select and convert the schema's columns from *frame*.

        Raises:
            ValueMismatch: A value cannot be carried exactly by its column's type, or the column
                is missing.
        """
        done = []
        self.coerced_rows = None
        for column in self.schema.columns:
            if column.name not in frame.columns:
                raise ValueMismatch(self.schema.name, column.name, "the source has no such column")
            raw = frame.get_column(column.name)
            done.append(raw if raw.dtype == column.dtype else self._convert(raw, column))
        return pl.DataFrame(done)

    def count_misfits(self, frame: pl.DataFrame) -> dict[str, int]:
        """Count per column the values of *frame* that `conform` would refuse."""
        found = {}
        for column in self.schema.columns:
            raw = frame.get_column(column.name)
            if raw.dtype == column.dtype:
                continue
            try:
                lost = self._by_type(raw, column).null_count() - raw.null_count()
            except (pl.exceptions.PolarsError, OverflowError):
                lost = len(raw) - raw.null_count()
            if lost:
                found[column.name] = lost
        return found

    def conform_batch(self, batch: Batch) -> Batch:
        """Conform *batch*, leaving columns in Arrow that are there already and need no work.

        Raises:
            ValueMismatch: As `conform`.
        """
        if not batch.is_arrow:
            return Batch(self.conform(batch.frame))
        table = batch.arrow
        done = []
        self.coerced_rows = None
        for column in self.schema.columns:
            if column.name not in table.column_names:
                raise ValueMismatch(self.schema.name, column.name, "the source has no such column")
            array = table.column(column.name)
            if _AS_THEY_ARE.get(array.type) != column.dtype:
                raw = pl.Series(column.name, array)
                series = raw if raw.dtype == column.dtype else self._convert(raw, column)
                array = series.to_arrow(compat_level=pl.CompatLevel.oldest())
            done.append(array)
        return Batch(table=pa.Table.from_arrays(done, names=list(self.schema.names)))

    def _convert(self, raw: pl.Series, column: Column) -> pl.Series:
        try:
            converted = self._by_type(raw, column)
        except (pl.exceptions.PolarsError, OverflowError) as error:
            fact = f"{raw.dtype} values do not convert to {column.logical}"
            raise ValueMismatch(self.schema.name, column.name, fact) from error
        lost = converted.null_count() - raw.null_count()
        if lost or converted.dtype != column.dtype:
            fact = f"{lost} of {len(raw)} values in a batch are no exact {column.logical}"
            raise ValueMismatch(self.schema.name, column.name, fact)
        return converted

    def _by_type(self, raw: pl.Series, column: Column) -> pl.Series:  # noqa: PLR0911 - a table
        match column.logical:
            case LogicalType.TIMESTAMP:
                return self._timestamp(raw, column)
            case LogicalType.NAIVE_TIMESTAMP:
                return parse_naive(raw) if raw.dtype == pl.String else raw.cast(column.dtype)
            case LogicalType.BOOLEAN:
                return _boolean(raw)
            case LogicalType.DECIMAL:
                return _decimal(raw, column.dtype)
            case LogicalType.FLOAT:
                return _float(raw)
            case LogicalType.INTEGER:
                return _integer(raw)
            case LogicalType.DATE if raw.dtype == pl.String:
                return _date(raw)
            case LogicalType.TIME if raw.dtype == pl.String:
                return raw.str.to_time("%H:%M:%S%.f", strict=False)
            case _:
                return raw.cast(column.dtype, strict=True)

    def _timestamp(self, raw: pl.Series, column: Column) -> pl.Series:
        if isinstance(raw.dtype, pl.Datetime):
            if raw.dtype.time_zone is not None:
                return raw.dt.convert_time_zone("UTC").cast(column.dtype)
            instants, marked = mark_localized(_microseconds(raw), self._zone)
        elif raw.dtype == pl.String:
            instants, marked = mark_timestamps(raw, self._zone)
        elif raw.dtype == pl.Date:
            instants, marked = mark_localized(raw.cast(pl.Datetime("us")), self._zone)
        elif column.encoding == "native":
            return pl.Series(raw.name, [None] * len(raw), dtype=column.dtype)
        else:
            return from_epoch(raw, column.encoding)
        if marked is not None:
            self._note_coerced(column.name, marked)
        return instants

    def _note_coerced(self, name: str, marked: pl.Series) -> None:
        counts = marked.cast(pl.UInt32)
        self.coerced[name] += int(counts.sum())
        self.coerced_rows = counts if self.coerced_rows is None else self.coerced_rows + counts


def conform(frame: pl.DataFrame, schema: TableSchema, *, assume_timezone: str) -> pl.DataFrame:
    """Convert one *frame*; see `Conformer.conform`.

    Raises:
        ValueMismatch: A value cannot be carried exactly by its column's type.
    """
    return Conformer(schema, assume_timezone=assume_timezone).conform(frame)


def _boolean(raw: pl.Series) -> pl.Series:
    if not raw.dtype.is_integer():
        return raw.cast(pl.Boolean, strict=True)
    return raw.set((~raw.is_between(0, 1)).fill_null(value=False), None).cast(pl.Boolean)


def _integer(raw: pl.Series) -> pl.Series:
    """Convert to Int64, null where the number or its text would not come back the same."""
    numbers = raw.cast(pl.Int64, strict=False)
    if raw.dtype.is_integer():
        return numbers
    changed = numbers.cast(raw.dtype) != raw
    return numbers.set(changed.fill_null(value=False), None)


def _float(raw: pl.Series) -> pl.Series:
    if raw.dtype.is_integer():
        fits = raw.is_between(-_LARGEST_EXACT_INTEGER, _LARGEST_EXACT_INTEGER)
        raw = raw.set((~fits).fill_null(value=False), None)
    return raw.cast(pl.Float64, strict=True)


def _decimal(raw: pl.Series, dtype: pl.DataType) -> pl.Series:
    """Convert texts and numbers to *dtype*, null where a digit would be lost."""
    assert isinstance(dtype, pl.Decimal)  # noqa: S101 - Column.dtype of a DECIMAL
    if raw.dtype == pl.String:
        wide = raw.str.to_decimal(scale=min(dtype.scale + 1, 38))
        exact = wide.cast(dtype, strict=False)
        digits = raw.str.extract(r"\.(\d*?)0*$").str.len_bytes().fill_null(0)
        return exact.set((digits > dtype.scale).fill_null(value=False), None)
    exact = raw.cast(dtype, strict=False)
    if raw.dtype.is_float():
        changed = exact.cast(pl.Float64) != raw
        return exact.set(changed.fill_null(value=False), None)
    return exact


def _date(raw: pl.Series) -> pl.Series:
    days = raw.str.to_date("%Y-%m-%d", strict=False)
    if days.null_count() == raw.null_count():
        return days
    # A date written as its midnight is still that date.
    midnights = parse_naive(raw)
    days = midnights.cast(pl.Date)
    later = midnights != days.cast(pl.Datetime("us"))
    return days.set(later.fill_null(value=False), None)


def _microseconds(raw: pl.Series) -> pl.Series:
    """Cast to microseconds, null where nanoseconds would be lost."""
    assert isinstance(raw.dtype, pl.Datetime)  # noqa: S101 - the caller looked
    if raw.dtype.time_unit != "ns":
        return raw.cast(pl.Datetime("us"))
    finer = (raw.to_physical() % 1_000) != 0
    return raw.set(finer.fill_null(value=False), None).cast(pl.Datetime("us"))
