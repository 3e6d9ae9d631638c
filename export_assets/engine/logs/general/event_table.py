"""The table `events` of logs of any program: a column per key, and `extra` for all other keys."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any, Final

import msgspec
import polars as pl

from export_assets.config.models import SourceConfig
from export_assets.engine.logs.general.fields import Field, fields_of
from export_assets.engine.logs.kind import LogTable
from export_assets.engine.logs.redacting import KeyRedactor
from export_assets.engine.logs.view import SegmentView
from export_assets.tables.partitions import Window
from export_assets.tables.schema import Column, LogicalType, TableSchema

_BEFORE: Final = (
    Column(
        name="event_id",
        logical=LogicalType.TEXT,
        nullable=False,
        description="Identity of the log's content, and where in it the line begins.",
    ),
    Column(name="occurred_at", logical=LogicalType.TIMESTAMP, nullable=False, description="When."),
    Column(name="event_type", logical=LogicalType.TEXT, description="What happened."),
)
_EXTRA: Final = Column(
    name="extra", logical=LogicalType.JSON, description="All other keys, as JSON."
)
_AFTER: Final = (
    Column(
        name="source_file",
        logical=LogicalType.TEXT,
        nullable=False,
        description="Log file, below the log directory.",
    ),
    Column(
        name="source_offset",
        logical=LogicalType.INTEGER,
        nullable=False,
        description="Where in its content the line begins, in bytes.",
    ),
    Column(
        name="source_line",
        logical=LogicalType.INTEGER,
        nullable=False,
        description="Number of the line, from 1.",
    ),
)
RESERVED: Final = frozenset(column.name for column in (*_BEFORE, _EXTRA, *_AFTER))
"""Our own columns; keys of these names are kept in `extra`."""

_STORED: Final = ("occurred_at", "event_type", "raw", "source_file", "_src", "_off", "_line")
_DECODE = msgspec.json.Decoder().decode


class GeneralEvents(LogTable):
    """Events of all segments."""

    name = "events"
    time_column = "occurred_at"

    def __init__(self, config: SourceConfig) -> None:
        self._config = config
        self._of: SegmentView | None = None
        self._fields: Sequence[Field] = ()
        self._redactor = KeyRedactor(config, self.name)

    def schema(self, view: SegmentView) -> TableSchema:
        """Return the columns: declared ones, or those that the events have."""
        columns = [field.column for field in self.fields(view)]
        return TableSchema(
            name=self.name,
            columns=(*_BEFORE, *map(_as_made, columns), _EXTRA, *_AFTER),
            primary_key=("event_id",),
            description="Everything that was logged, one row per line.",
        )

    def fields(self, view: SegmentView) -> Sequence[Field]:
        """Return the keys that become columns."""
        if self._of is not view:
            self._fields = fields_of(
                view, self._config.log, zone=self._config.assume_timezone, reserved=RESERVED
            )
            self._of = view
        return self._fields

    def frames(
        self, view: SegmentView, window: Window, columns: Sequence[str]
    ) -> Iterator[pl.DataFrame]:
        """Yield the events of *window*, stretch by stretch."""
        fields = [field for field in self.fields(view) if field.name in columns]
        wants_values = bool(fields) or "extra" in columns
        known = frozenset(field.name for field in self.fields(view))
        json_columns = {one.name for one in fields if one.column.logical is LogicalType.JSON}
        json_columns.add("extra")
        for stretch in view.chunks(window):
            rows = view.read(stretch, _STORED)
            if rows is None:
                continue
            made = {}
            if wants_values:
                records = list(map(_DECODE, rows["raw"].to_list()))
                made = _columns(records, fields, known, extra="extra" in columns)
                made = {
                    name: self._redactor.texts(series) if name in json_columns else series
                    for name, series in made.items()
                }
            yield _whole(rows, made).select(columns)

    def stamps(self, view: SegmentView) -> Mapping[date, int]:
        """Return, by day, a number for its segments and the columns that all events have.

        A key that comes later is a column of every day, so that all files have the same.
        """
        shape = repr([(field.name, field.column.logical) for field in self.fields(view)])
        own = int.from_bytes(hashlib.sha256(shape.encode("utf-8")).digest()[:8], "little")
        return {day: (stamp + own) % 2**64 for day, stamp in view.day_stamps.items()}

    def notes(self) -> Sequence[str]:
        """Say whether something was hidden."""
        told = "events: values of secret keys are hidden inside logged objects"
        return [told] if self._redactor.hides else []


def _as_made(column: Column) -> Column:
    """Return a column as frames hold it: read already."""
    return replace(column, encoding="native", reading=None)


def _columns(
    records: Sequence[Mapping[str, Any]],
    fields: Sequence[Field],
    known: frozenset[str],
    *,
    extra: bool,
) -> dict[str, pl.Series]:
    """Return a column per field; values of another type than the field's go to `extra`."""
    made: dict[str, pl.Series] = {}
    astray: dict[str, set[int]] = {}
    for field in fields:
        series, misfits = field.series([record.get(field.name) for record in records])
        made[field.name] = series
        if misfits:
            astray[field.name] = misfits
    if extra:
        made["extra"] = pl.Series(
            "extra",
            [_rest(record, known, astray, index) for index, record in enumerate(records)],
            dtype=pl.String,
        )
    return made


def _rest(
    record: Mapping[str, Any], known: frozenset[str], astray: Mapping[str, set[int]], index: int
) -> str | None:
    if not astray and known.issuperset(record):
        return None
    rest = {
        key: value
        for key, value in record.items()
        if key not in known or index in astray.get(key, ())
    }
    return json.dumps(rest, ensure_ascii=False) if rest else None


def _whole(rows: pl.DataFrame, made: Mapping[str, pl.Series]) -> pl.DataFrame:
    return rows.select(
        pl.format("{}-{}", "_src", "_off").alias("event_id"),
        "occurred_at",
        "event_type",
        "source_file",
        pl.col("_off").alias("source_offset"),
        pl.col("_line").alias("source_line"),
    ).with_columns(**made)
