"""Which type holds for every value of a column, given the storage classes found in it."""

from dataclasses import dataclass, replace

from export_assets.sources.sqlite_types import TEMPORAL
from export_assets.tables.schema import Column, Encoding, Fidelity, LogicalType

# Magnitudes no other unit reaches with a plausible date: 1973 to 2286 in each.
_EPOCHS: tuple[tuple[float, float, Encoding, str], ...] = (
    (1e8, 1e10, "epoch_s", "seconds"),
    (1e11, 1e13, "epoch_ms", "milliseconds"),
    (1e14, 1e16, "epoch_us", "microseconds"),
)


@dataclass(frozen=True, kw_only=True)
class Classes:
    """How many values of a column are of each storage class."""

    integers: int = 0
    reals: int = 0
    texts: int = 0
    blobs: int = 0
    beyond_float: int = 0
    """Integers a float cannot carry exactly."""
    low: float | None = None
    """Smallest and largest number other than zero, as floats."""
    high: float | None = None

    @property
    def numbers(self) -> int:
        """Integers and reals."""
        return self.integers + self.reals

    @property
    def values(self) -> int:
        """Everything but NULL."""
        return self.numbers + self.texts + self.blobs

    def names(self) -> str:
        """Return the classes present, for people: `integer, text`."""
        present = (
            ("integer", self.integers),
            ("real", self.reals),
            ("text", self.texts),
            ("blob", self.blobs),
        )
        return ", ".join(name for name, count in present if count)


def by_values(column: Column, found: Classes) -> Column:
    """Return *column*, whose declaration says nothing, with the type its values have."""
    if not found.values or found.texts == found.values:
        return _as(column, LogicalType.TEXT)
    if found.blobs == found.values:
        return _as(column, LogicalType.BINARY)
    if found.integers == found.values:
        return _as(column, LogicalType.INTEGER)
    if found.numbers == found.values and not found.beyond_float:
        return _as(column, LogicalType.FLOAT)
    return mixed(column, found)


def mixed(column: Column, found: Classes) -> Column:
    """Return *column* as text, or as binary where it holds a blob; nothing fits better."""
    logical = LogicalType.BINARY if found.blobs else LogicalType.TEXT
    kept = found.blobs or found.texts
    reason = f"holds {found.names()} values"
    return _as(column, logical, reason=reason, count=found.values - kept)


def fit(column: Column, found: Classes) -> Column:
    """Return *column* with a type that holds for the storage classes *found*.

    What a class cannot tell (does a text parse, is a number 0 or 1) is judged by converting.
    """
    logical = column.logical
    if not found.values:
        return column
    if column.reading is not None and column.reading.from_text:
        return mixed(column, found) if found.blobs else column
    if logical in TEMPORAL:
        return _temporal(column, found)
    if found.texts or found.blobs:
        return _with_text(column, found)
    if logical in (LogicalType.INTEGER, LogicalType.BOOLEAN) and not found.reals:
        return column
    if logical in (LogicalType.FLOAT, LogicalType.DECIMAL) and not found.beyond_float:
        return column
    return numeric(column, found)


def numeric(column: Column, found: Classes) -> Column:
    """Return *column*, which holds numbers only, with the narrowest type that is exact."""
    reason = f"holds {found.names()} values that are not all {column.logical}"
    if not found.reals:
        return _as(column, LogicalType.INTEGER, reason=reason, count=found.integers)
    if not found.beyond_float:
        return _as(column, LogicalType.FLOAT, reason=reason, count=found.reals)
    reason = "holds reals beside integers that a float cannot carry"
    return _as(column, LogicalType.TEXT, reason=reason, count=found.numbers)


def _with_text(column: Column, found: Classes) -> Column:
    logical = column.logical
    textual = logical in (LogicalType.TEXT, LogicalType.JSON, LogicalType.UUID)
    if textual and found.texts == found.values:
        return column
    if logical is LogicalType.BINARY and found.blobs == found.values:
        return column
    if logical is LogicalType.JSON and not found.blobs:
        reason = "holds numbers that SQLite took out of their JSON text"
        return _as(column, logical, reason=reason, count=found.numbers)
    if found.texts == found.values:
        reason = f"every value is text, not {logical}"
        return _as(column, LogicalType.TEXT, reason=reason, count=found.texts)
    return mixed(column, found)


def _temporal(column: Column, found: Classes) -> Column:
    if found.texts == found.values:
        if column.encoding in {"iso", "native"}:
            # SQLite holds no times of its own: text is what one that is configured is held as.
            return replace(column, encoding="iso")
        reason = "every value is text, not a number"
        return replace(_as(column, column.logical, reason=reason), encoding="iso")
    if found.texts or found.blobs:
        return mixed(column, found)
    instant = column.logical in (LogicalType.TIMESTAMP, LogicalType.NAIVE_TIMESTAMP)
    if not instant or found.beyond_float:
        return numeric(column, found)
    if column.encoding.startswith("epoch"):
        return column
    if found.low is None or found.high is None:
        return numeric(column, found)
    for least, limit, encoding, unit in _EPOCHS:
        if least <= found.low and found.high < limit:
            reason = f"numbers read as {unit} since 1970"
            epoch = _as(column, LogicalType.TIMESTAMP, reason=reason, count=found.numbers)
            return replace(epoch, encoding=encoding)
    return numeric(column, found)


def _as(column: Column, logical: LogicalType, *, reason: str = "", count: int = 0) -> Column:
    fidelity = Fidelity(verdict="widened", reason=reason, count=count) if reason else Fidelity()
    encoding: Encoding = column.encoding if logical in TEMPORAL else "native"
    decimal = logical is LogicalType.DECIMAL
    return replace(
        column,
        logical=logical,
        encoding=encoding,
        fidelity=fidelity,
        precision=column.precision if decimal else None,
        scale=column.scale if decimal else None,
        reading=column.reading if logical is column.logical else None,
    )
