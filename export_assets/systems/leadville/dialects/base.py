"""What a dialect is: how it is recognised, and how its records become rows of `events`."""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import msgspec
import polars as pl

from export_assets.sources.logs.blocks import LineBlock
from export_assets.sources.logs.judge import Rejected, judge_lines
from export_assets.sources.logs.moments import LocalTime, Moments
from export_assets.sources.logs.reading import Batch, Judge
from export_assets.sources.logs.template import Fields
from export_assets.systems.leadville.identity import content_ids, logger_of
from export_assets.systems.leadville.model import EVENTS, FAMILY_OF, DialectName

_WHOLE = 2**63
_LARGEST = 2**1023


@dataclass(frozen=True, kw_only=True)
class Normalised:
    """Records as events."""

    events: pl.DataFrame
    """Of the schema `EVENTS`; ids as `content_ids` gives them."""
    rejected: list[Rejected]
    """Records that are no events, by their index in the batch; see `LogReader.refuse`."""


class Dialect(ABC):
    """One way the logs are written."""

    name: ClassVar[DialectName]
    of_objects: ClassVar[bool] = True
    """Whether its records are objects of JSON."""

    @property
    def judge(self) -> Judge:
        """What tells its records from other lines."""
        return judge_lines

    @abstractmethod
    def recognises(self, line: bytes, record: Mapping[str, Any] | None) -> bool:
        """Tell whether a line is of this dialect; *record* is its JSON object, if it is one."""

    @abstractmethod
    def normalise(self, batch: Batch, clock: LocalTime) -> Normalised:
        """Turn the records of *batch* into events; *clock* reads local times."""

    def doubts(self, events: pl.DataFrame) -> pl.Series:
        """Tell which of the *events* it made may be of another dialect, a truth value each."""
        return events["event_type"] == "unknown"


def text_of(value: object) -> str | None:
    """Return a value as text: texts as they are, null as none, bytes in hex, others as JSON."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.hex()
    return json.dumps(value, ensure_ascii=False)


def values(records: Sequence[Any], key: str) -> list[Any]:
    """Return the value at *key* of each record."""
    return [record.get(key) for record in records]


def texts(records: Sequence[Any], key: str) -> pl.Series:
    """Return the value at *key* of each record as text; empty texts as none."""
    if isinstance(records, Fields):
        others = [text_of(record.get(key)) or None for record in records.others.values()]
        return _with_others(records, records.texts(key), others).alias(key)
    found = values(records, key)
    try:
        series = pl.Series(key, found, dtype=pl.String)
    except TypeError:
        series = pl.Series(key, [text_of(value) for value in found], dtype=pl.String)
    return without_empty(series)


def _with_others(records: Fields, column: pl.Series, others: Sequence[object]) -> pl.Series:
    if not others:
        return column
    return column.scatter(list(records.others), pl.Series(others, dtype=column.dtype))


def without_empty(series: pl.Series) -> pl.Series:
    """Return *series* with null for empty texts."""
    empty = (series == "").fill_null(value=False)
    return series.set(empty, None) if empty.any() else series


def integers(records: Sequence[Any], key: str) -> pl.Series:
    """Return the value at *key* of each record where it is an integer of 64 bits."""
    if isinstance(records, Fields):
        others = [_integer(record.get(key)) for record in records.others.values()]
        return _with_others(records, records.integers(key), others)
    return pl.Series(key, map(_integer, values(records, key)), dtype=pl.Int64)


def _integer(value: object) -> int | None:
    return value if type(value) is int and -_WHOLE <= value < _WHOLE else None


def floats(records: Sequence[Any], key: str) -> list[float | None]:
    """Return the value at *key* of each record where it is a number that a double holds."""
    return [_double(value) for value in values(records, key)]


def _double(value: object) -> float | None:
    if type(value) is float:
        return value
    return float(value) if type(value) is int and abs(value) <= _LARGEST else None


def raw_texts(batch: Batch) -> pl.Series:
    """Return the JSON text of each record of *batch* as it is in the file."""
    if isinstance(batch.lines, LineBlock):
        return batch.lines.texts
    return pl.Series(batch.lines, dtype=pl.Binary).cast(pl.String)


def raw_objects(records: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return JSON text for records that were not JSON."""
    encode = msgspec.json.Encoder().encode
    return [encode(record).decode("utf-8") for record in records]


def build_events(
    batch: Batch,
    *,
    dialect: DialectName,
    moments: Moments,
    columns: Mapping[str, pl.Series | Sequence[object]],
    contents: Sequence[pl.Series],
    raw: pl.Series | Sequence[str],
    time_texts: pl.Series,
) -> Normalised:
    """Put together the events of *batch*; records without a time are rejected.

    Args:
        batch: The records, one event each.
        dialect: How they are written.
        moments: When each happened.
        columns: Further columns of `EVENTS`; those left out are null.
        contents: Columns of the texts that make up what each record says; see `content_ids`.
        raw: The original object of each as JSON text.
        time_texts: The time as it is written, for messages.
    """
    family, logger = FAMILY_OF[dialect], logger_of(batch.file.name)
    rows = len(batch)
    given: dict[str, Any] = {
        "event_id": content_ids(contents, family=family, logger=logger),
        "occurred_at": moments.instants,
        "dialect": _same(dialect, rows),
        "raw": raw,
        "source_file": _same(batch.file.name, rows),
        "source_offset": batch.offsets,
        "source_line": batch.numbers,
        **columns,
    }
    series = [_column(name, given.get(name), dtype, rows) for name, dtype in EVENTS.polars.items()]
    events = pl.DataFrame(series)
    rejected = [
        Rejected(
            index=index,
            reason=moments.refused.get(index, "time"),
            detail=f"time {(time_texts[index] or 'missing')[:80]}",
        )
        for index in moments.instants.is_null().arg_true()
    ]
    if rejected:
        events = events.filter(pl.col("occurred_at").is_not_null())
    return Normalised(events=events, rejected=rejected)


def _column(name: str, value: Any, dtype: pl.DataType, rows: int) -> pl.Series:  # noqa: ANN401
    if value is None:
        return pl.Series(name, [None], dtype=dtype).new_from_index(0, rows)
    if not isinstance(value, pl.Series):
        return pl.Series(name, value, dtype=dtype)
    return value.alias(name) if value.dtype == dtype else value.alias(name).cast(dtype)


def _same(text: str, rows: int) -> pl.Series:
    return pl.Series([text], dtype=pl.String).new_from_index(0, rows)
