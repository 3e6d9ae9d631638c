"""Which runs are of which match: by days, by logs, or by the directory of the match."""

import json
from collections.abc import Callable, Sequence

import polars as pl

from export_assets.config.models import SourceConfig
from export_assets.engine.archiving.match_logs import match_of_directory, window_of
from export_assets.engine.ingest.names import is_like
from export_assets.engine.logs.view import SegmentView


def matches_of(config: SourceConfig, view: SegmentView, runs: pl.DataFrame) -> dict[str, pl.Series]:
    """Return, by id, which of *runs* are of each match that is known, a truth value each."""
    files = [json.loads(text) for text in runs["source_files"].to_list()]
    found: dict[str, pl.Series] = {}
    for name, match in config.log.matches.items():
        window = window_of(match)
        if match.files or window is None:
            patterns = match.files
            found[name] = _any(files, lambda file, own=patterns: is_like(file, own))  # type: ignore[misc]  # a default
        else:
            inside = runs["start_time"].is_between(window.start, window.end, closed="left")
            found[name] = inside
    directories = {
        name
        for segment in view.segments
        for name in match_of_directory(segment.record.file)
        if name not in found
    }
    for name in sorted(directories):
        found[name] = _any(files, lambda file, own=name: own in match_of_directory(file))  # type: ignore[misc]  # a default
    return found


def _any(files: Sequence[Sequence[str]], is_of: Callable[[str], bool]) -> pl.Series:
    return pl.Series([any(map(is_of, names)) for names in files], dtype=pl.Boolean)
