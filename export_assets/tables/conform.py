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
from export_assets.tables.numeric import to_boolean, to_decimal, to_float, to_integer
from export_assets.tables.reading import exact_integers
from export_assets.tables.schema import Column, LogicalType, TableSchema
from export_assets.tables.temporal import (
    Read,
    localize,
    read_epoch,
    read_epoch_texts,
    read_naive,
    read_timestamps,
    to_microseconds,
    within_calendar,
)
from export_assets.tables.times_of_day import to_date, to_time

_AS_THEY_ARE: dict[pa.DataType, pl.DataType] = {
    pa.int64(): pl.Int64(),
    pa.float64(): pl.Float64(),
    pa.bool_(): pl.Boolean(),
    pa.large_string(): pl.String(),
    pa.large_binary(): pl.Binary(),
}
"""Arrow types of a batch's Arrow view, and the Polars types of the same columns."""


_PLAIN_NAME = "values"
_TEMPORAL = frozenset(
    {LogicalType.DATE, LogicalType.TIME, LogicalType.TIMESTAMP, LogicalType.NAIVE_TIMESTAMP}
)


class Conformer:
    """Turns the raw batches of one table into frames of exactly `schema.polars`."""

    def __init__(self, schema: TableSchema, *, assume_timezone: str) -> None:
        self.schema = schema
        self.coerced: Counter[str] = Counter()
        """Per column, values read as the nearest instant there is; see `tables.temporal`."""
        self.coerced_rows: pl.Series | None = None
        """How many such values each row of the last frame holds, None where no row holds any."""
        self.nulled: Counter[str] = Counter()
        """Per column, texts that stand for no value, as configured."""
        self.unread: Counter[str] = Counter()
        """Per column, values that `count_misfits` found may be exported as null, as configured."""
        self._zone = assume_timezone

    def conform(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Select and convert the schema's columns from *frame*.

        Raises:
            ValueMismatch: A value cannot be carried exactly by its column's type, or the column
                is missing.
        """
        done: dict[str, pl.Series] = {}
        self.coerced_rows = None
        for column in self.schema.columns:
            if column.name not in frame.columns:
                raise ValueMismatch(self.schema.name, column.name, "the source has no such column")
            raw = _plainly_named(frame.get_column(column.name))
            done[column.name] = raw if _is_conformed(raw, column) else self._convert(raw, column)
        # By name: a list of columns would rename one called "".
        return pl.DataFrame(done)

    def count_misfits(self, frame: pl.DataFrame) -> dict[str, int]:
        """Count per column the values of *frame* that `conform` would refuse.

        A column that cannot be converted at all counts with all its values.
        """
        found = {}
        for column in self.schema.columns:
            raw = _plainly_named(frame.get_column(column.name))
            if _is_conformed(raw, column):
                continue
            before = self.nulled[column.name]
            try:
                lost = self._read(raw, column).null_count() - raw.null_count()
                lost -= self.nulled[column.name] - before
            except (pl.exceptions.PolarsError, OverflowError):
                lost = len(raw) - raw.null_count()
            if lost and column.reading is not None and column.reading.on_mismatch == "null":
                self.unread[column.name] += lost
            elif lost:
                found[column.name] = lost
        return found

    def conform_batch(self, batch: Batch) -> Batch:
        """Conform *batch*, leaving columns in Arrow that are there already and need no work.

        Raises:
            ValueMismatch: As `conform`.
        """
        if not batch.is_arrow:
            return Batch(self.conform(batch.frame))
        present = frozenset(batch.arrow.column_names)
        done = []
        self.coerced_rows = None
        for column in self.schema.columns:
            if column.name not in present:
                raise ValueMismatch(self.schema.name, column.name, "the source has no such column")
            array = batch.values(column.name)
            if _AS_THEY_ARE.get(array.type) != column.dtype or _has_rules(column):
                raw = pl.Series(_PLAIN_NAME, array)
                series = raw if _is_conformed(raw, column) else self._convert(raw, column)
                array = series.to_arrow(compat_level=pl.CompatLevel.oldest())
            done.append(array)
        return Batch(table=pa.Table.from_arrays(done, names=list(self.schema.names)))

    def _convert(self, raw: pl.Series, column: Column) -> pl.Series:
        try:
            converted = self._read(raw, column)
        except (pl.exceptions.PolarsError, OverflowError) as error:
            fact = f"{raw.dtype} values do not convert to {column.logical}"
            raise ValueMismatch(self.schema.name, column.name, fact) from error
        lost = converted.null_count() - raw.null_count()
        if column.fidelity.verdict == "lossy":
            lost = 0  # they are counted there
        if lost or converted.dtype != column.dtype:
            fact = f"{lost} of {len(raw)} values in a batch are no exact {column.logical}"
            raise ValueMismatch(self.schema.name, column.name, fact)
        return converted

    def _read(self, raw: pl.Series, column: Column) -> pl.Series:
        """Convert *raw*, by the column's own rules where it has some."""
        rules = column.reading
        if rules is None or not rules.from_text or raw.dtype != pl.String:
            return self._by_type(raw, column)
        texts = rules.without_nulls(raw)
        self.nulled[column.name] += texts.null_count() - raw.null_count()
        if column.logical is LogicalType.BOOLEAN and rules.true_values:
            return rules.booleans(texts)
        if not rules.format or column.logical not in _TEMPORAL:
            read = self._by_type(texts, column)
            return exact_integers(texts, read) if column.logical is LogicalType.FLOAT else read
        if column.logical is LogicalType.TIME:
            return rules.times(texts)
        return self._by_type(rules.moments(texts), column)

    def _by_type(self, raw: pl.Series, column: Column) -> pl.Series:
        match column.logical:
            case LogicalType.TIMESTAMP | LogicalType.NAIVE_TIMESTAMP:
                return self._moments(raw, column)
            case LogicalType.DATE if raw.dtype.is_numeric():
                return to_date(self._moments(raw, column))
            case LogicalType.DATE:
                return to_date(raw)
            case LogicalType.TIME if raw.dtype.is_numeric():
                return to_time(self._moments(raw, column))
            case LogicalType.TIME:
                return to_time(raw)
            case _:
                return _by_plain_type(raw, column)

    def _moments(self, raw: pl.Series, column: Column) -> pl.Series:
        """Return instants, or wall-clock readings for a column without a zone."""
        naive = column.logical is LogicalType.NAIVE_TIMESTAMP
        own = column.reading.timezone if column.reading else ""
        zone = own or self._zone
        if naive:
            moments, coerced = _read_naive(raw, column)
        else:
            moments, coerced = _read_instants(raw, column, zone)
        if coerced is not None:
            self._note_coerced(column.name, coerced)
        return moments

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


def _has_rules(column: Column) -> bool:
    return column.reading is not None and column.reading.from_text


def _plainly_named(raw: pl.Series) -> pl.Series:
    """Rename *raw*: Polars takes names like `*` and `^a.*$` for patterns, on series too."""
    return raw.alias(_PLAIN_NAME)


def _by_plain_type(raw: pl.Series, column: Column) -> pl.Series:  # noqa: PLR0911 - a table
    match column.logical:
        case LogicalType.BOOLEAN:
            return to_boolean(raw)
        case LogicalType.INTEGER:
            return to_integer(raw)
        case LogicalType.FLOAT:
            return to_float(raw)
        case LogicalType.DECIMAL:
            dtype = column.dtype
            assert isinstance(dtype, pl.Decimal)  # noqa: S101 - Column.dtype of a DECIMAL
            return to_decimal(raw, dtype)
        case LogicalType.BINARY if raw.dtype != pl.String:
            return _nothing(raw, column)
        case LogicalType.NESTED:
            return _nested(raw, column)
        case _ if raw.dtype.is_nested():
            return _nothing(raw, column)
        case _ if raw.dtype == pl.Time:
            return raw.dt.to_string("%H:%M:%S%.f")  # which a cast leaves without its fraction
        case _:
            return raw.cast(column.dtype, strict=True)


def _nested(raw: pl.Series, column: Column) -> pl.Series:
    converted = raw.cast(column.dtype, strict=True)
    # Polars truncates numbers inside.
    back = converted.cast(raw.dtype, strict=False)
    return converted.set(back.ne_missing(raw), None) if not back.equals(raw) else converted


def _read_instants(raw: pl.Series, column: Column, zone: str) -> Read:
    epoch = column.encoding.startswith("epoch")
    if isinstance(raw.dtype, pl.Datetime):
        moments = to_microseconds(raw)
        if raw.dtype.time_zone is not None:
            return moments.dt.convert_time_zone("UTC"), None
        return localize(moments, zone)
    if raw.dtype == pl.String:
        if epoch:
            return read_epoch_texts(raw, column.encoding, zone)
        return read_timestamps(raw, zone)
    if raw.dtype == pl.Date:
        return localize(within_calendar(raw).cast(pl.Datetime("us")), zone)
    return read_epoch(raw, column.encoding)


def _read_naive(raw: pl.Series, column: Column) -> Read:
    """Read wall-clock readings; of instants, the reading of UTC."""
    if raw.dtype == pl.String and not column.encoding.startswith("epoch"):
        return read_naive(raw)
    if isinstance(raw.dtype, pl.Datetime):
        moments = to_microseconds(raw)
        if raw.dtype.time_zone is not None:
            moments = moments.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        return moments, None
    if raw.dtype == pl.Date:
        return within_calendar(raw).cast(pl.Datetime("us")), None
    if raw.dtype == pl.String:
        moments, coerced = read_epoch_texts(raw, column.encoding, "UTC")
    else:
        moments, coerced = read_epoch(raw, column.encoding)
    return moments.dt.replace_time_zone(None), coerced


def _is_conformed(raw: pl.Series, column: Column) -> bool:
    """Whether *raw* can stay as it is: of the type promised, and of years that have a name."""
    if raw.dtype != column.dtype or _has_rules(column):
        return False
    temporal = raw.dtype == pl.Date or isinstance(raw.dtype, pl.Datetime)
    return not temporal or within_calendar(raw) is raw


def _nothing(raw: pl.Series, column: Column) -> pl.Series:
    return pl.Series(raw.name, [None] * len(raw), dtype=column.dtype)
