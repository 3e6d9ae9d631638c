"""Event logs of whatever program: JSON lines or CSV with a header, as the configuration says."""

import hashlib
from collections.abc import Sequence
from functools import cached_property
from typing import Final

from export_assets.config.event_logs import LogConfig
from export_assets.config.models import SourceConfig
from export_assets.engine.ingest.rows import Head, Rows
from export_assets.engine.logs.general.event_table import GeneralEvents
from export_assets.engine.logs.general.rows import CsvRows, EventReading, JsonRows
from export_assets.engine.logs.kind import LogKind, LogTable
from export_assets.engine.logs.quarantine_table import QuarantineTable
from export_assets.sources.logs.csv_judge import csv_fields
from export_assets.sources.logs.framing import BOM
from export_assets.sources.logs.judge import judge_line
from export_assets.sources.logs.moments import LocalTime

RULES: Final = 1
"""Raised when the rows that are made of equal lines change."""
_LOOKED_AT = 50


class GeneralLogs(LogKind):
    """Logs that the configuration describes."""

    def __init__(self, config: SourceConfig) -> None:
        self._config = config

    @cached_property
    def reading(self) -> EventReading:
        """How lines become events."""
        log, zone = self._config.log, self._config.assume_timezone
        return EventReading(
            clock=LocalTime(zone=zone, fold=log.ambiguous, gap=log.nonexistent),
            timestamp=log.timestamp,
            timestamp_format=log.timestamp_format,
            event_type=log.event_type,
            duplicate_keys=log.duplicate_keys,
            version=self.version,
        )

    @cached_property
    def version(self) -> str:
        """Of the rules by which lines become events."""
        shaping = {"format", "delimiter", "timestamp", "timestamp_format", "event_type"}
        shaping |= {"duplicate_keys", "ambiguous", "nonexistent", "max_line_bytes"}
        chosen = self._config.log.model_dump(mode="json", include=shaping)
        text = f"general {RULES} {self._config.assume_timezone} {sorted(chosen.items())!r}"
        return hashlib.sha256(text.encode("utf-8")).hexdigest()[:16]

    def rows_of(self, head: Head) -> Rows | None:
        """Return what makes events of the log; None where nothing in it is an event."""
        log, lines = self._config.log, head.lines[:_LOOKED_AT]
        if log.format == "json" or (log.format == "auto" and _is_json(lines)):
            return JsonRows(self.reading)
        header = _header(lines, log)
        return CsvRows(self.reading, header, log.delimiter) if header else None

    def tables(self) -> Sequence[LogTable]:
        """Return events and quarantine."""
        return GeneralEvents(self._config), QuarantineTable(self._config)


def _is_json(lines: Sequence[bytes]) -> bool:
    """Tell lines of JSON by any that holds an object, and by what could only be a broken one."""
    for line in lines:
        if judge_line(line, duplicate_keys="last_wins").records or line.lstrip()[:1] in b"{[":
            return True
    return not any(line.strip() for line in lines)


def _header(lines: Sequence[bytes], log: LogConfig) -> list[str] | None:
    """Return the names in the first line of a CSV; None where it names no columns."""
    for line in lines:
        if line.strip():
            fields = csv_fields(line.removeprefix(BOM), delimiter=log.delimiter)
            named = fields is not None and all(fields) and len(set(fields)) == len(fields)
            return fields if named and fields is not None and (len(fields) > 1) else None
    return None
