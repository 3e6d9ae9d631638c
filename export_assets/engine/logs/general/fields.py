"""The keys of events that become columns, declared or found, and their values as columns."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import polars as pl

from export_assets.config.rules import ColumnType
from export_assets.engine.logs.numbers import as_json, decode_exactly
from export_assets.sources.logs.moments import LocalTime
from export_assets.tables.conform import Conformer
from export_assets.tables.mismatch import ValueMismatch
from export_assets.tables.reading import Reading, exact_integers
from export_assets.tables.schema import Column, Fidelity, LogicalType, TableSchema

_PLAIN: Final = "values"
_TEMPORAL: Final = frozenset(
    {LogicalType.DATE, LogicalType.TIME, LogicalType.TIMESTAMP, LogicalType.NAIVE_TIMESTAMP}
)
_READ_FROM_CSV: Final = frozenset(
    {LogicalType.BOOLEAN, LogicalType.INTEGER, LogicalType.FLOAT, LogicalType.JSON}
)
_EXACT: Final = 2**53
_UUID: Final = re.compile("[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

Values = tuple[pl.Series, set[int]]
"""A column, and which of its values are null because they are none of its type."""


@dataclass(frozen=True)
class Field:
    """A key that is a column."""

    column: Column
    clock: LocalTime
    """Of times without an offset."""

    @property
    def name(self) -> str:
        """The key, and the column's name."""
        return self.column.name

    @property
    def reads_csv(self) -> bool:
        """Whether a text means another value of the type in CSV than in JSON."""
        return self.column.logical in _READ_FROM_CSV and self.column.reading is None

    def series(self, values: Sequence[Any], from_csv: Sequence[int] = ()) -> Values:
        """Return *values* as the column, null for those that are none of its type, and which.

        Args:
            values: As they were logged.
            from_csv: Which of them are texts only because CSV has nothing else.
        """
        if values.count(None) == len(values):
            nothing = pl.repeat(None, len(values), dtype=self.column.dtype, eager=True)
            return nothing.alias(self.name), set()
        rule = _RULES.get(self.column.logical)
        if rule is None or self.column.reading is not None:
            return self._read(values)
        if not from_csv or not self.reads_csv:
            return self._converted(values, rule)
        if len(from_csv) == len(values):
            return self._read(values)
        logged = list(values)
        for index in from_csv:
            logged[index] = None
        series, misfits = self._converted(logged, rule)
        read, unread = self._read([values[index] for index in from_csv])
        return series.scatter(from_csv, read), misfits | {from_csv[index] for index in unread}

    def _converted(self, values: Sequence[Any], rule: "_Rule") -> Values:
        accepts, convert = rule
        misfits = {
            index for index, value in enumerate(values) if value is not None and not accepts(value)
        }
        kept = [
            None if value is None or index in misfits else convert(value)
            for index, value in enumerate(values)
        ]
        return pl.Series(self.name, kept, dtype=self.column.dtype), misfits

    def _read(self, values: Sequence[Any]) -> Values:
        """Read texts as the rules of tables do; what cannot be read is none of the type."""
        texts = pl.Series(
            _PLAIN, [None if one is None else _as_text(one) for one in values], dtype=pl.String
        )
        encoding = self.column.encoding
        if encoding == "native" and self.column.logical in _TEMPORAL:
            encoding = "iso"
        # What cannot be read becomes null instead of ending the pass.
        how = replace(
            self.column, name=_PLAIN, encoding=encoding, fidelity=Fidelity(verdict="lossy")
        )
        given = how.reading.without_nulls(texts) if how.reading else texts
        read = self._by_type(texts, how)
        misfits = set((read.is_null() & given.is_not_null()).arg_true().to_list())
        return read.alias(self.name), misfits

    def _by_type(self, texts: pl.Series, how: Column) -> pl.Series:
        conformer = Conformer(_alone(how), assume_timezone=self.clock.zone)
        try:
            read = conformer.conform(texts.to_frame())[_PLAIN]
        except ValueMismatch:
            return pl.Series(_PLAIN, [None] * len(texts), dtype=how.dtype)
        if how.logical is LogicalType.FLOAT:
            return exact_integers(texts, read)
        if how.logical in {LogicalType.JSON, LogicalType.UUID}:
            accepts = _is_json if how.logical is LogicalType.JSON else _is_uuid
            return pl.Series(_PLAIN, [one if accepts(one) else None for one in read], pl.String)
        if how.logical is LogicalType.TIMESTAMP and conformer.coerced_rows is not None:
            return self._settled(texts, read, how, conformer.coerced_rows)
        return read

    def _settled(
        self, texts: pl.Series, read: pl.Series, how: Column, coerced: pl.Series
    ) -> pl.Series:
        """Read by policy what the clock showed twice or never; null where it is refused."""
        rows = (coerced > 0).fill_null(value=False).arg_true()
        naive_how = replace(how, logical=LogicalType.NAIVE_TIMESTAMP)
        conformer = Conformer(_alone(naive_how), assume_timezone=self.clock.zone)
        naive = conformer.conform(texts.gather(rows).to_frame())[_PLAIN]
        own = how.reading.timezone if how.reading else ""
        clock = replace(self.clock, zone=own) if own else self.clock
        # Without a wall clock it was a second 60, with an offset.
        placed = clock.place(naive).instants
        return read.scatter(rows, placed.zip_with(naive.is_not_null(), read.gather(rows)))


def declared_fields(types: Mapping[str, ColumnType], clock: LocalTime) -> list[Field]:
    """Return the columns of *types*."""
    return [Field(_declared(name, kind), clock) for name, kind in types.items()]


def found_fields(kinds: Mapping[str, frozenset[str]], clock: LocalTime) -> list[Field]:
    """Return a column for each of *kinds*, of a type that holds all its values."""
    return [
        Field(
            Column(
                name=name,
                logical=_found(found),
                declared=" or ".join(sorted(found - {"null"})) or "null",
            ),
            clock,
        )
        for name, found in kinds.items()
    ]


def _alone(column: Column) -> TableSchema:
    return TableSchema(name="events", columns=(column,))


def _declared(name: str, kind: ColumnType) -> Column:
    return Column(
        name=name,
        logical=LogicalType(kind.type),
        declared=kind.type,
        encoding=kind.encoding,
        precision=kind.precision,
        scale=kind.scale,
        reading=Reading(**kind.reading) if kind.reading else None,
    )


def _found(kinds: frozenset[str]) -> LogicalType:
    values = kinds - {"null"}
    return _OF_KIND.get(next(iter(values)), LogicalType.TEXT) if len(values) == 1 else _TEXT


_TEXT: Final = LogicalType.TEXT
_OF_KIND: Final = {
    "boolean": LogicalType.BOOLEAN,
    "integer": LogicalType.INTEGER,
    "float": LogicalType.FLOAT,
    "nested": LogicalType.JSON,
}


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else as_json(value)


def _is_float(value: object) -> bool:
    exact = type(value) is int and abs(value) <= _EXACT
    return isinstance(value, float) or exact


def _is_integer(value: object) -> bool:
    return type(value) is int and -(2**63) <= value < 2**63


def _is_uuid(value: object) -> bool:
    return isinstance(value, str) and _UUID.fullmatch(value) is not None


def _is_json(value: object) -> bool:
    if not isinstance(value, str):
        return False
    try:
        decode_exactly(value)
    except (ValueError, RecursionError):
        return False
    return True


_Rule = tuple[Callable[[object], bool], Callable[[Any], object]]

_RULES: Final[Mapping[LogicalType, _Rule]] = {
    LogicalType.BOOLEAN: (lambda value: type(value) is bool, bool),
    LogicalType.INTEGER: (_is_integer, int),
    LogicalType.FLOAT: (_is_float, float),
    LogicalType.JSON: (lambda _: True, as_json),
    LogicalType.UUID: (_is_uuid, str),
    LogicalType.TEXT: (lambda _: True, _as_text),
}
"""Which values a type takes, and how they become it."""
