"""Event logs of whatever program: JSON lines or CSV, as the configuration says or a file shows.

With `format: auto` the first line of a file that decides says what the file is, so that nothing
that is appended can turn it into something else:

1. The first line that is not blank, where it is a JSON object: JSON.
2. The first line that is not blank, where it is a header that names the time: CSV. A header has two
   names or more, all different, none of which reads as a number or a time.
3. Otherwise the first line after it, within the first 64 KB, that is an object: JSON; or that has
   as many fields as `log.header` names, if it does: CSV under that.
4. No such line: JSON, where the first line begins like broken JSON; else unknown. No event can be
   in it so far, and it is looked at again when it has grown.

With `format: csv` a header need not name the time, and without one the names are `log.header`.
"""

import hashlib
from collections.abc import Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Final

from export_assets.config.models import SourceConfig
from export_assets.engine.ingest.rows import Head, Rows
from export_assets.engine.logs.general.event_table import GeneralEvents
from export_assets.engine.logs.general.published import published_columns
from export_assets.engine.logs.general.rows import CsvRows, EventReading, JsonRows
from export_assets.engine.logs.kind import LogKind, LogTable
from export_assets.engine.logs.quarantine_table import QuarantineTable
from export_assets.sources.logs.csv_judge import csv_fields
from export_assets.sources.logs.judge import judge_line
from export_assets.sources.logs.moments import LocalTime

RULES: Final = 2
"""Raised when the rows that are made of equal lines change."""

_FEWEST: Final = 2
"""Names of a header."""


class GeneralLogs(LogKind):
    """Logs that the configuration describes."""

    def __init__(self, config: SourceConfig, *, exports: Path | None = None) -> None:
        """Make the kind of a source.

        Args:
            config: Of the source.
            exports: The root of the store, where it may be published already.
        """
        self._config = config
        self._exports = exports

    @cached_property
    def reading(self) -> EventReading:
        """How lines become events."""
        log, zone = self._config.log, self._config.assume_timezone
        return EventReading(
            clock=LocalTime(zone=zone, fold=log.ambiguous, gap=log.nonexistent),
            time_keys=log.time_keys,
            timestamp_format=log.timestamp_format,
            event_type=log.event_type,
            duplicate_keys=log.duplicate_keys,
            version=self.version,
        )

    @cached_property
    def version(self) -> str:
        """Of the rules by which lines become events."""
        shaping = {"format", "delimiter", "header", "timestamp", "timestamp_format", "event_type"}
        shaping |= {"duplicate_keys", "ambiguous", "nonexistent", "max_line_bytes"}
        chosen = self._config.log.model_dump(mode="json", include=shaping)
        text = f"general {RULES} {self._config.assume_timezone} {sorted(chosen.items())!r}"
        return hashlib.sha256(text.encode("utf-8")).hexdigest()[:16]

    def rows_of(self, head: Head) -> Rows | None:
        """Return what makes events of the log; None where nothing in it is an event."""
        log = self._config.log
        if log.format == "json":
            return JsonRows(self.reading)
        lines = (line for line in head.lines if line.strip())
        first = next(lines, b"")
        if log.format == "auto" and (not first or _is_object(first)):
            return JsonRows(self.reading)
        header = self._header_in(first)
        if log.format == "csv":
            return self._csv(header or log.header)
        if header is not None and set(header) & set(log.time_keys):
            return self._csv(header)
        for line in (first, *lines):
            if _is_object(line):
                return JsonRows(self.reading)
            fields = csv_fields(line, delimiter=log.delimiter) if log.header else None
            if log.header and fields is not None and len(fields) == len(log.header):
                return self._csv(log.header)
        return JsonRows(self.reading) if first.lstrip()[:1] in (b"{", b"[") else None

    def tables(self) -> Sequence[LogTable]:
        """Return events and quarantine."""
        published = partial(published_columns, self._exports, self._config.source)
        events = GeneralEvents(self._config, published=published)
        return events, QuarantineTable(self._config)

    def _csv(self, header: Sequence[str] | None) -> CsvRows | None:
        return CsvRows(self.reading, header, self._config.log.delimiter) if header else None

    def _header_in(self, line: bytes) -> list[str] | None:
        """Return the names in the first line of a CSV; None where it names no columns."""
        fields = csv_fields(line, delimiter=self._config.log.delimiter)
        if fields is None or len(fields) < _FEWEST or not self.reading.are_names(fields):
            return None
        return fields


def _is_object(line: bytes) -> bool:
    return bool(judge_line(line, duplicate_keys="last_wins").records)
