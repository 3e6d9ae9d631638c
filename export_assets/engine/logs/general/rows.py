"""Lines of any program as rows of segments: when, what, and the object as it was."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from typing import Any, Final, Literal

import msgspec
import polars as pl

from export_assets.engine.logs.general.times import hold_value, read_times
from export_assets.engine.logs.numbers import as_json, decode_record
from export_assets.sources.logs.csv_judge import csv_judge
from export_assets.sources.logs.judge import DuplicateKeys, Rejected, judge_lines
from export_assets.sources.logs.moments import LocalTime
from export_assets.sources.logs.reading import Batch, Judge
from export_assets.tables.schema import Column, LogicalType, TableSchema

TYPE_KEYS: Final = ("event_type", "event", "type")


def _column(name: str, logical: LogicalType, *, nullable: bool = False) -> Column:
    return Column(name=name, logical=logical, nullable=nullable)


SEGMENT: Final = TableSchema(
    name="events",
    columns=(
        _column("occurred_at", LogicalType.TIMESTAMP),
        _column("event_type", LogicalType.TEXT, nullable=True),
        _column("raw", LogicalType.JSON),
        _column("shape", LogicalType.JSON),
        _column("source_file", LogicalType.TEXT),
    ),
)
"""Rows of segments. `raw` is the object; `shape` says of which kind the value of each key is, `csv`
where it is a text because the log has nothing else."""

OF_CSV: Final = ': "csv"'
"""What is in the shape of rows of CSV that have a value, and in no other."""

_WHOLE = 2**63
_ENCODER = msgspec.json.Encoder()


@dataclass(frozen=True, kw_only=True)
class EventReading:
    """How lines become events."""

    clock: LocalTime
    time_keys: Sequence[str]
    timestamp_format: str
    event_type: str | None
    duplicate_keys: DuplicateKeys
    version: str

    def time_of(self, record: Mapping[str, Any]) -> object:
        """Return the value that says when; None where there is none."""
        return _first(record, self.time_keys)

    def type_of(self, record: Mapping[str, Any], raw: str) -> str | None:
        """Return what happened; None where nothing says so.

        Args:
            record: The event.
            raw: Its JSON, which has numbers by their digits.
        """
        keys = (self.event_type,) if self.event_type else TYPE_KEYS
        value = _first(record, keys)
        if isinstance(value, float):
            value = _first(decode_record(raw), keys)
        if value is None or isinstance(value, str):
            return value
        return None if isinstance(value, dict | list) else as_json(value)

    def are_names(self, fields: Sequence[str]) -> bool:
        """Whether *fields* may be names of columns: none is a number, a time, empty or twice."""
        distinct = len(set(fields)) == len(fields) and all(fields)
        return distinct and not hold_value(fields, self.timestamp_format, self.clock)

    def frame(
        self,
        batch: Batch,
        records: Sequence[Mapping[str, Any]],
        raw: pl.Series,
        *,
        text: Literal["text", "csv"] = "text",
    ) -> tuple[pl.DataFrame, Sequence[Rejected]]:
        """Return the rows of *records*, and those that have no time."""
        values = [self.time_of(record) for record in records]
        moments = read_times(values, self.timestamp_format, self.clock)
        frame = pl.DataFrame(
            {
                "occurred_at": moments.instants,
                "event_type": pl.Series(map(self.type_of, records, raw), dtype=pl.String),
                "raw": raw,
                "shape": pl.Series(
                    [shape_of(record, text=text) for record in records], dtype=pl.String
                ),
                "source_file": pl.repeat(
                    batch.file.name, len(records), dtype=pl.String, eager=True
                ),
            }
        )
        missing = moments.instants.is_null()
        rejected = [
            Rejected(
                index=index,
                reason=moments.refused.get(index, "time"),
                detail="no time" if values[index] is None else f"time {str(values[index])[:80]}",
            )
            for index in missing.arg_true()
        ]
        return frame.filter(~missing) if rejected else frame, rejected


@dataclass(frozen=True)
class JsonRows:
    """Events of lines that hold an object each."""

    reading: EventReading
    schema = SEGMENT

    @property
    def version(self) -> str:
        """Of the rules."""
        return self.reading.version

    @property
    def judge(self) -> Judge:
        """What tells objects from other lines."""
        return partial(judge_lines, duplicate_keys=self.reading.duplicate_keys)

    def frame(self, batch: Batch) -> tuple[pl.DataFrame, Sequence[Rejected]]:
        """Return the events of *batch*, and the objects that have no time."""
        raw = pl.Series(batch.lines, dtype=pl.Binary).cast(pl.String)
        return self.reading.frame(batch, batch.records, raw)


@dataclass(frozen=True)
class CsvRows:
    """Events of rows of CSV, each an object of texts by the header."""

    reading: EventReading
    header: Sequence[str]
    delimiter: str
    schema = SEGMENT

    @property
    def version(self) -> str:
        """Of the rules."""
        return self.reading.version

    @cached_property
    def judge(self) -> Judge:
        """What tells rows under this header from other lines."""
        return csv_judge(self.header, delimiter=self.delimiter)

    def frame(self, batch: Batch) -> tuple[pl.DataFrame, Sequence[Rejected]]:
        """Return the events of *batch*, and the rows that have no time."""
        # A field without anything is no value: CSV cannot tell it from an empty text.
        records = [
            {name: text or None for name, text in zip(self.header, row, strict=True)}
            for row in batch.records
        ]
        raw = pl.Series([_ENCODER.encode(one).decode("utf-8") for one in records], dtype=pl.String)
        return self.reading.frame(batch, records, raw, text="csv")


def shape_of(record: Mapping[str, Any], *, text: Literal["text", "csv"] = "text") -> str:
    """Return the keys of *record* with the kind of each value, as JSON; *text* is that of texts."""
    kinds = [text if type(value) is str else _kind(value) for value in record.values()]
    return _written(tuple(record), tuple(kinds))


@lru_cache(maxsize=4_096)
def _written(keys: tuple[str, ...], kinds: tuple[str, ...]) -> str:
    return json.dumps(dict(zip(keys, kinds, strict=True)), ensure_ascii=False)


def _kind(value: object) -> str:
    if type(value) is int:
        return "integer" if -_WHOLE <= value < _WHOLE else "large"
    return _KINDS.get(type(value), "nested")


_KINDS: Final = {float: "float", bool: "boolean", type(None): "null"}


def _first(record: Mapping[str, Any], keys: Sequence[str]) -> object:
    for key in keys:
        if (value := record.get(key)) is not None:
            return value
    return None
