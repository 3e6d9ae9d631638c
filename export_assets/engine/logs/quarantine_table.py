"""The table `quarantine`: every line that was refused, with its place and the reason."""

import base64
from collections.abc import Iterator, Sequence

import polars as pl

from export_assets.config.models import SourceConfig
from export_assets.engine.logs.kind import LogTable
from export_assets.engine.logs.redacting import HIDDEN, KeyRedactor
from export_assets.engine.logs.view import CHUNK_ROWS, SegmentView
from export_assets.formats.base import FormatOptions
from export_assets.formats.registry import format_named
from export_assets.sources.logs.quarantine_rows import QUARANTINE
from export_assets.tables.partitions import Window
from export_assets.tables.schema import TableSchema


class QuarantineTable(LogTable):
    """Refused lines of all segments."""

    name = QUARANTINE.name

    def __init__(self, config: SourceConfig) -> None:
        self._redactor = KeyRedactor(config, self.name)

    def schema(self, view: SegmentView) -> TableSchema:
        """Return the columns of quarantined lines."""
        del view
        return QUARANTINE

    def declared(self) -> TableSchema:
        """Return the columns of quarantined lines."""
        return QUARANTINE

    def frames(
        self, view: SegmentView, window: Window, columns: Sequence[str]
    ) -> Iterator[pl.DataFrame]:
        """Yield the lines, some segments at once; they have no time."""
        del window, columns
        held, rows = list[pl.DataFrame](), 0
        for segment in view.segments:
            if segment.quarantine is None:
                continue
            view.prove(segment, [segment.quarantine])
            batches = format_named("ndjson").read(segment.quarantine, QUARANTINE, FormatOptions())
            for batch in batches:
                held.append(self._without_secrets(batch.frame))
                rows += batch.rows
            if rows >= CHUNK_ROWS:
                yield pl.concat(held)
                held, rows = [], 0
        if held:
            yield pl.concat(held)

    def count(self, view: SegmentView, window: Window) -> int:
        """Return what the manifests count."""
        del window
        return view.refused

    def _without_secrets(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Leave out the content of lines that seem to hold a secret: they cannot be parsed."""
        contents = frame["content_base64"].to_list()
        rows = [
            row
            for row, content in enumerate(contents)
            if self._redactor.may_hold_secret(base64.b64decode(content))
        ]
        if not rows:
            return frame
        return frame.with_columns(
            frame["content_base64"].scatter(rows, ""), frame["detail"].scatter(rows, HIDDEN)
        )
