"""The keys of events that become columns, declared or found, and their values as columns."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import polars as pl

from export_assets.config.event_logs import LogConfig
from export_assets.config.rules import ColumnType
from export_assets.engine.logs.view import SegmentView
from export_assets.tables.conform import Conformer
from export_assets.tables.mismatch import ValueMismatch
from export_assets.tables.partitions import Window
from export_assets.tables.reading import Reading
from export_assets.tables.schema import Column, Fidelity, LogicalType, TableSchema

_TEXT: Final = LogicalType.TEXT
_PLAIN: Final = "values"
_TEMPORAL: Final = frozenset(
    {LogicalType.DATE, LogicalType.TIME, LogicalType.TIMESTAMP, LogicalType.NAIVE_TIMESTAMP}
)
_EXACT: Final = 2**53


@dataclass(frozen=True)
class Field:
    """A key that is a column."""

    column: Column
    zone: str = "UTC"
    """Of times without an offset."""

    @property
    def name(self) -> str:
        """The key, and the column's name."""
        return self.column.name

    def series(self, values: Sequence[Any]) -> tuple[pl.Series, set[int]]:
        """Return *values* as the column, null for those that are none of its type, and which."""
        rule = _RULES.get(self.column.logical)
        if rule is None or self.column.reading is not None:
            return self._read(values)
        accepts, convert = rule
        misfits = {
            index for index, value in enumerate(values) if value is not None and not accepts(value)
        }
        kept = [
            None if value is None or index in misfits else convert(value)
            for index, value in enumerate(values)
        ]
        return pl.Series(self.name, kept, dtype=self.column.dtype), misfits

    def _read(self, values: Sequence[Any]) -> tuple[pl.Series, set[int]]:
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
        schema = TableSchema(name="events", columns=(how,))
        conformer = Conformer(schema, assume_timezone=self.zone)
        try:
            read = conformer.conform(texts.to_frame())[_PLAIN]
        except ValueMismatch:
            read = pl.Series(_PLAIN, [None] * len(texts), dtype=self.column.dtype)
        given = how.reading.without_nulls(texts) if how.reading else texts
        misfits = set((read.is_null() & given.is_not_null()).arg_true().to_list())
        return read.alias(self.name), misfits


def fields_of(
    view: SegmentView, log: LogConfig, *, zone: str, reserved: frozenset[str]
) -> list[Field]:
    """Return the keys that become columns: those declared, or else all there are."""
    declared = log.typed_fields
    if declared is not None:
        return [
            Field(_declared(name, kind), zone)
            for name, kind in declared.items()
            if name not in reserved
        ]
    kinds = kinds_of(view)
    names = [name for name in kinds if name not in reserved][: log.max_fields]
    return [
        Field(
            Column(
                name=name,
                logical=_found(kinds[name]),
                declared=" or ".join(sorted(kinds[name] - {"null"})) or "null",
            )
        )
        for name in names
    ]


def kinds_of(view: SegmentView) -> dict[str, set[str]]:
    """Return the keys of all events with the kinds of their values, in order of name."""
    rows = view.scan(Window(), ["shape"])
    if rows is None:
        return {}
    found: dict[str, set[str]] = {}
    for shape in rows.unique().collect(engine="streaming")["shape"].to_list():
        for name, kind in json.loads(shape).items():
            found.setdefault(name, set()).add(kind)
    return {name: found[name] for name in sorted(found)}


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


def _found(kinds: set[str]) -> LogicalType:
    values = kinds - {"null"}
    if values == {"boolean"}:
        return LogicalType.BOOLEAN
    if values == {"integer"}:
        return LogicalType.INTEGER
    if values == {"float"}:
        return LogicalType.FLOAT
    if values == {"nested"}:
        return LogicalType.JSON
    return _TEXT


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _is_float(value: object) -> bool:
    exact = type(value) is int and abs(value) <= _EXACT
    return type(value) is float or exact


def _is_integer(value: object) -> bool:
    return type(value) is int and -(2**63) <= value < 2**63


_Rule = tuple[Callable[[object], bool], Callable[[Any], object]]

_RULES: Final[Mapping[LogicalType, _Rule]] = {
    LogicalType.BOOLEAN: (lambda value: type(value) is bool, bool),
    LogicalType.INTEGER: (_is_integer, int),
    LogicalType.FLOAT: (_is_float, float),
    LogicalType.JSON: (lambda _: True, lambda value: json.dumps(value, ensure_ascii=False)),
    LogicalType.TEXT: (lambda _: True, _as_text),
}
"""Which values a type takes, and how they become it."""
