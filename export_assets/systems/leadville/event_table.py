"""The table `events`: every event once, whichever twins and copies of logs hold it."""

from collections.abc import Iterator, Sequence
from typing import Final

import polars as pl

from export_assets.config.models import SourceConfig
from export_assets.engine.logs.kind import LogTable
from export_assets.engine.logs.redacting import KeyRedactor
from export_assets.engine.logs.view import SegmentView
from export_assets.systems.leadville.identity import number_repeats, without_twins
from export_assets.systems.leadville.model import EVENTS
from export_assets.tables.partitions import Window
from export_assets.tables.schema import TableSchema

_IDENTITY: Final = "_src"
_NEEDED: Final = ("event_id", "occurred_at", "dialect", "source_file", "source_offset", _IDENTITY)
"""Columns by which events are told apart."""


class EventTable(LogTable):
    """Events of all segments."""

    name = EVENTS.name
    time_column = "occurred_at"

    def __init__(self, config: SourceConfig) -> None:
        self._redactor = KeyRedactor(config, self.name)
        self._apart: dict[Window, SegmentView] = {}
        """By window, of what view all rows of it were given out, as no two were of one event."""

    def schema(self, view: SegmentView) -> TableSchema:
        """Return the normalised event model."""
        del view
        return EVENTS

    def declared(self) -> TableSchema:
        """Return the normalised event model."""
        return EVENTS

    def frames(
        self, view: SegmentView, window: Window, columns: Sequence[str]
    ) -> Iterator[pl.DataFrame]:
        """Yield the events, each once, stretch by stretch."""
        apart = True
        for stretch in view.chunks(window):
            rows = _read_rows(view, stretch, columns)
            if rows is None:
                continue
            events = _once(rows, columns)
            apart = apart and events.height == rows.height
            del rows
            if "raw" in columns:
                events = events.with_columns(self._redactor.texts(events["raw"]))
            yield events
        if apart:
            self._apart[window] = view

    def count(self, view: SegmentView, window: Window) -> int:
        """Count the events, by their ids alone where no two are equal.

        Where all events were given out before and none was found twice, rows are counted.
        """
        if self._apart.get(window) is view:
            return view.count(window)
        counted = 0
        for stretch in view.chunks(window):
            rows = view.read(stretch, ["event_id"])
            if rows is not None and rows["event_id"].n_unique() < rows.height:
                rows = read_events_once(view, stretch, ["event_id"])
            counted += 0 if rows is None else rows.height
        return counted

    def notes(self) -> Sequence[str]:
        """Say whether something was hidden."""
        told = "events: values of secret keys are hidden inside logged objects"
        return [told] if self._redactor.hides else []


def read_events_once(
    view: SegmentView, window: Window, columns: Sequence[str]
) -> pl.DataFrame | None:
    """Return *columns* of the events of *window*, each event once, in no order.

    All that is known of one event is of one moment, so a window holds all of it or nothing.
    """
    rows = _read_rows(view, window, columns)
    return None if rows is None else _once(rows, columns)


def _read_rows(view: SegmentView, window: Window, columns: Sequence[str]) -> pl.DataFrame | None:
    """Return *columns* of all rows of *window*, and those by which events are told apart."""
    return view.read(window, list(dict.fromkeys((*columns, *_NEEDED))))


def _once(rows: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
    """Return *columns* of *rows*, each event once."""
    if rows["event_id"].n_unique() == rows.height:
        return rows.select(columns)
    return without_twins(number_repeats(rows, file_key=_IDENTITY)).select(columns)
