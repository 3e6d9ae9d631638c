"""The table `events` of logs of any program: a column per key, and `extra` for all other keys."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any, Final

import numpy as np
import polars as pl

from export_assets.config.models import SourceConfig
from export_assets.engine.ingest.segments import TIME
from export_assets.engine.logs.general.fields import Field, declared_fields, found_fields
from export_assets.engine.logs.general.keys import keys_of
from export_assets.engine.logs.general.rows import OF_CSV
from export_assets.engine.logs.kind import LogTable
from export_assets.engine.logs.numbers import as_json, decode_record
from export_assets.engine.logs.redacting import KeyRedactor
from export_assets.engine.logs.view import CHUNK_ROWS, SegmentView
from export_assets.sources.logs.moments import LocalTime
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
_MADE: Final = 2
"""Raised when the columns that are made of equal rows of segments change."""
_MAY_HOLD_JSON: Final = frozenset({LogicalType.TEXT, LogicalType.JSON})
_CELLS: Final = 4 << 20
_FEWEST_ROWS: Final = 1_000


class GeneralEvents(LogTable):
    """Events of all segments."""

    name = "events"
    time_column = "occurred_at"

    def __init__(
        self, config: SourceConfig, *, published: Callable[[], Sequence[str]] = tuple
    ) -> None:
        """Make the table.

        Args:
            config: Of the source.
            published: Returns the columns of the table as it is published.
        """
        self._config = config
        self._published = published
        self._of: SegmentView | None = None
        self._fields: Sequence[Field] = ()
        self._others = 0
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

    def declared(self) -> TableSchema:
        """Return the columns that every event has; which others there are, the lines decide."""
        return TableSchema(
            name=self.name,
            columns=(*_BEFORE, _EXTRA, *_AFTER),
            primary_key=("event_id",),
            description="One row per line that was logged.",
        )

    def fields(self, view: SegmentView) -> Sequence[Field]:
        """Return the keys that become columns: those declared, or else all there are."""
        if self._of is view:
            return self._fields
        log = self._config.log
        clock = LocalTime(
            zone=self._config.assume_timezone, fold=log.ambiguous, gap=log.nonexistent
        )
        if log.typed_fields is not None:
            types = {name: one for name, one in log.typed_fields.items() if name not in RESERVED}
            self._fields = declared_fields(types, clock)
        else:
            keys = keys_of(view, most=log.max_fields, reserved=RESERVED, published=self._published)
            self._fields, self._others = found_fields(keys.kinds, clock), keys.others
        self._of = view
        return self._fields

    def frames(
        self, view: SegmentView, window: Window, columns: Sequence[str]
    ) -> Iterator[pl.DataFrame]:
        """Yield the events of *window*, stretch by stretch."""
        fields = [field for field in self.fields(view) if field.name in columns]
        wants_values = bool(fields) or "extra" in columns
        # With many columns few rows are held at once.
        most = max(_FEWEST_ROWS, _CELLS // (len(fields) + 1)) if wants_values else CHUNK_ROWS
        shape = ["shape"] if any(field.reads_csv for field in fields) else []
        for stretch in view.chunks(window, rows=min(CHUNK_ROWS, most)):
            rows = view.read(stretch, [*_STORED, *shape])
            if rows is None:
                continue
            for some in _cut(rows, most):
                made = self._made(view, some, fields, columns) if wants_values else {}
                yield _whole(some, made).select(columns)

    def count(self, view: SegmentView, window: Window) -> int:
        """Count the rows of *window*, each of which is an event."""
        return view.count(window)

    def _made(
        self, view: SegmentView, rows: pl.DataFrame, fields: Sequence[Field], columns: Sequence[str]
    ) -> dict[str, pl.Series]:
        """Return the columns that are made of values, without secrets."""
        known = frozenset(field.name for field in self.fields(view))
        texts = {one.name for one in fields if one.column.logical in _MAY_HOLD_JSON} | {"extra"}
        made = _columns(rows, fields, known, extra="extra" in columns)
        return {
            name: self._redactor.texts(series) if name in texts else series
            for name, series in made.items()
        }

    def stamps(self, view: SegmentView) -> Mapping[date, int]:
        """Return, by day, a number for its segments and the columns that all events have.

        A key that comes later is a column of every day, so that all files have the same.
        """
        shape = repr([_MADE, *((field.name, field.column.logical) for field in self.fields(view))])
        own = int.from_bytes(hashlib.sha256(shape.encode("utf-8")).digest()[:8], "little")
        return {day: (stamp + own) % 2**64 for day, stamp in view.day_stamps.items()}

    def notes(self) -> Sequence[str]:
        """Say whether something was hidden, or is no column because there are too many."""
        notes = []
        if self._redactor.hides:
            notes.append("events: values of secret keys are hidden inside logged objects")
        if self._others:
            more = f"{self._others:,} {'key' if self._others == 1 else 'keys'}"
            most = self._config.log.max_fields
            notes.append(f"events: {more} beyond max_fields ({most:,}) kept in extra")
        return notes


def _as_made(column: Column) -> Column:
    """Return a column as frames hold it: read already."""
    return replace(column, encoding="native", reading=None)


def _cut(rows: pl.DataFrame, most: int) -> Iterator[pl.DataFrame]:
    """Cut *rows* into frames of about *most* rows, in order of time; a moment is never cut."""
    if rows.height <= most:
        yield rows
        return
    rows = rows.sort(TIME)
    moments = rows[TIME].to_physical()
    begins = np.flatnonzero((moments != moments.shift(1)).fill_null(value=True).to_numpy())
    start = 0
    while start < rows.height:
        after = begins[np.searchsorted(begins, start + most) :]
        end = int(after[0]) if len(after) else rows.height
        yield rows.slice(start, end - start)
        start = end


def _columns(
    rows: pl.DataFrame,
    fields: Sequence[Field],
    known: frozenset[str],
    *,
    extra: bool,
) -> dict[str, pl.Series]:
    """Return a column per field; values of another type than the field's go to `extra`."""
    records = list(map(decode_record, rows["raw"].to_list()))
    from_csv = []
    if "shape" in rows.columns:
        from_csv = rows["shape"].str.contains(OF_CSV, literal=True).arg_true().to_list()
    made: dict[str, pl.Series] = {}
    astray: dict[str, set[int]] = {}
    for field in fields:
        series, misfits = field.series([record.get(field.name) for record in records], from_csv)
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
    return as_json(rest) if rest else None


def _whole(rows: pl.DataFrame, made: Mapping[str, pl.Series]) -> pl.DataFrame:
    return rows.select(
        pl.format("{}-{}", "_src", "_off").alias("event_id"),
        "occurred_at",
        "event_type",
        "source_file",
        pl.col("_off").alias("source_offset"),
        pl.col("_line").alias("source_line"),
    ).with_columns(**made)
