"""The kind of logs that `leadville` is: five dialects told by content, a database, five tables."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property, partial
from pathlib import Path
from typing import Final

import polars as pl

from export_assets.config.event_logs import LogConfig
from export_assets.config.models import SourceConfig
from export_assets.engine.ingest.databases import DatabaseEvents
from export_assets.engine.ingest.rows import Head
from export_assets.engine.logs.kind import LogKind, LogTable
from export_assets.engine.logs.quarantine_table import QuarantineTable
from export_assets.errors import SourceMissing
from export_assets.sources.logs.judge import DuplicateKeys, Rejected, judge_lines
from export_assets.sources.logs.moments import LocalTime
from export_assets.sources.logs.reading import Batch, Judge
from export_assets.systems.leadville.dialects.base import Dialect
from export_assets.systems.leadville.dialects.mixed import normalise_each
from export_assets.systems.leadville.dialects.registry import recognise
from export_assets.systems.leadville.event_table import EventTable
from export_assets.systems.leadville.log_events import read_events
from export_assets.systems.leadville.model import EVENTS
from export_assets.systems.leadville.run_table import RunTable
from export_assets.systems.leadville.statistics_tables import MatchTable, RunHistory, SessionTable
from export_assets.tables.schema import TableSchema

DATABASE_FILES: Final = ("*.db", "*.sqlite", "*.sqlite3")
RULES: Final = 2
"""Raised when the rows that are made of equal lines change."""


@dataclass(frozen=True)
class EventRows:
    """What makes events of the records of a log, most of which are of one dialect."""

    dialect: Dialect
    clock: LocalTime
    version: str
    duplicate_keys: DuplicateKeys = "quarantine"

    @property
    def schema(self) -> TableSchema:
        """The normalised event model."""
        return EVENTS

    @property
    def judge(self) -> Judge:
        """What tells the dialect's records from other lines."""
        if self.duplicate_keys == "last_wins" and self.dialect.of_objects:
            return partial(judge_lines, duplicate_keys="last_wins")
        return self.dialect.judge

    def frame(self, batch: Batch) -> tuple[pl.DataFrame, Sequence[Rejected]]:
        """Return the events of *batch*, and the records that are none."""
        normalised = normalise_each(batch, self.clock, dialect=self.dialect)
        return normalised.events, normalised.rejected


class LeadvilleLogs(LogKind):
    """Logs of timers, sensors and bridges."""

    database_files = DATABASE_FILES

    def __init__(self, config: SourceConfig, *, idle_timeout: timedelta) -> None:
        self._config = config
        self._idle_timeout = idle_timeout

    @cached_property
    def clock(self) -> LocalTime:
        """How the loggers' local times are read."""
        log: LogConfig = self._config.log
        return LocalTime(zone=self._config.assume_timezone, fold=log.ambiguous, gap=log.nonexistent)

    @cached_property
    def version(self) -> str:
        """Of the rules by which lines become events."""
        clock = self.clock
        text = f"leadville {RULES} {clock.zone} {clock.fold} {clock.gap}"
        text += f" {self._config.log.duplicate_keys} {self._config.log.max_line_bytes}"
        return hashlib.sha256(text.encode("utf-8")).hexdigest()[:16]

    def rows_of(self, head: Head) -> EventRows | None:
        """Return the rows of the dialect that most of the first lines are of."""
        dialect = recognise(head.lines)
        if dialect is None:
            return None
        return EventRows(dialect, self.clock, self.version, self._config.log.duplicate_keys)

    def tables(self) -> Sequence[LogTable]:
        """Return events, runs, their statistics and the quarantine."""
        history = RunHistory(RunTable(self._idle_timeout))
        return (
            EventTable(self._config),
            RunTable(self._idle_timeout),
            SessionTable(history),
            MatchTable(history, self._config),
            QuarantineTable(self._config),
        )

    def read_database(self, path: Path, name: str) -> DatabaseEvents | None:
        """Return the events of the table `timer_events`; None where there is no such table."""
        try:
            found = read_events(path, name=name, clock=self.clock)
        except SourceMissing:
            return None
        return DatabaseEvents(schema=EVENTS, rows=found.events, refused=found.quarantine)
