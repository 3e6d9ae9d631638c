"""The tables of statistics: one row per session of a timer, and one per match."""

import hashlib
from collections.abc import Iterator, Sequence

import polars as pl

from export_assets.config.models import SourceConfig
from export_assets.engine.logs.kind import LogTable
from export_assets.engine.logs.view import SegmentView
from export_assets.systems.leadville.matches import matches_of
from export_assets.systems.leadville.model import RUNS
from export_assets.systems.leadville.run_table import RunTable
from export_assets.systems.leadville.statistics import (
    MATCH_STATISTICS,
    SESSION_STATISTICS,
    match_statistics,
    session_statistics,
    split_times,
)
from export_assets.tables.partitions import Window
from export_assets.tables.schema import TableSchema

_SPLITS = pl.Schema({"run_id": pl.String(), "shot": pl.Int64(), "split_seconds": pl.Float64()})


class RunHistory:
    """All runs, and the times between their shots, made once for both tables."""

    def __init__(self, table: RunTable) -> None:
        self._table = table
        self._of: SegmentView | None = None
        self._made = pl.DataFrame(), pl.DataFrame()

    def of(self, view: SegmentView) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Return runs and splits."""
        if self._of is not view:
            self._made = runs_and_splits(self._table, view)
            self._of = view
        return self._made


class SessionTable(LogTable):
    """Statistics by session."""

    name = SESSION_STATISTICS.name
    depends_on = (RUNS.name,)

    def __init__(self, history: RunHistory) -> None:
        self._history = history

    def schema(self, view: SegmentView) -> TableSchema:
        """Return the columns of the statistics."""
        del view
        return SESSION_STATISTICS

    def declared(self) -> TableSchema:
        """Return the columns of the statistics."""
        return SESSION_STATISTICS

    def frames(
        self, view: SegmentView, window: Window, columns: Sequence[str]
    ) -> Iterator[pl.DataFrame]:
        """Yield one row per session, all of them at once."""
        del window, columns
        runs, splits = self._history.of(view)
        if runs.height:
            yield session_statistics(runs, splits)


class MatchTable(LogTable):
    """Statistics by match."""

    name = MATCH_STATISTICS.name
    depends_on = (RUNS.name,)

    def __init__(self, history: RunHistory, config: SourceConfig) -> None:
        self._history = history
        self._config = config

    def schema(self, view: SegmentView) -> TableSchema:
        """Return the columns of the statistics."""
        del view
        return MATCH_STATISTICS

    def declared(self) -> TableSchema:
        """Return the columns of the statistics."""
        return MATCH_STATISTICS

    def frames(
        self, view: SegmentView, window: Window, columns: Sequence[str]
    ) -> Iterator[pl.DataFrame]:
        """Yield one row per match, all of them at once."""
        del window, columns
        runs, splits = self._history.of(view)
        matches = matches_of(self._config, view, runs)
        if matches:
            yield match_statistics(runs, splits, matches)

    def stamp(self, view: SegmentView) -> str:
        """Return a stamp of the logs and of the matches that the configuration names."""
        matches = self._config.log.model_dump_json(include={"matches"})
        return f"{view.stamp}{hashlib.sha256(matches.encode()).hexdigest()[:16]}"


def runs_and_splits(table: RunTable, view: SegmentView) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return all runs, and the times between their shots."""
    runs, splits = [pl.DataFrame(schema=RUNS.polars)], [pl.DataFrame(schema=_SPLITS)]
    for found in table.stretches(view, Window()):
        runs.append(found.runs.frame)
        times = split_times(found.runs.frame, found.events)
        splits.append(times.cast(dict(_SPLITS)))  # type: ignore[arg-type]  # names to types
    return pl.concat(runs), pl.concat(splits)
