"""Extracts: rows that somebody chose, in files of their own below one directory of the project.

    extract(workspace, source, order, run)

Who orders one is whoever may launch a run. So an order names nothing but tables, formats, days,
columns and values; where files go is the project's matter, and what is redacted chooses no rows.
"""

import glob
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import get_args

from export_assets.archives.match import check_match_id
from export_assets.config.dates import day_range
from export_assets.config.format_options import FormatOptionsConfig
from export_assets.engine.archiving.log_states import logs_below
from export_assets.engine.archiving.match_logs import choose_logs, like, window_of
from export_assets.engine.report import ExportReport
from export_assets.engine.request import ExportRequest, Run
from export_assets.engine.run import Exporter
from export_assets.engine.workspace import ConfiguredSource, Workspace
from export_assets.errors import ConfigError, UsageError
from export_assets.formats.base import Format, FormatOptions, Profile
from export_assets.formats.registry import resolve_formats
from export_assets.store.adhoc import sweep_below
from export_assets.store.below import check_directory_name, make_directory_below
from export_assets.tables.partitions import Window

PROFILES: tuple[str, ...] = get_args(Profile)
MOST_ROWS = 2**63 - 1
"""What databases can count to."""
MOST_CONDITIONS = 50
LONGEST_VALUE = 10_000
_NO_TEXT = re.compile("[\0\ud800-\udfff]")


@dataclass(frozen=True, kw_only=True)
class ExtractOrder:
    """What is asked for; empty is what holds without it."""

    name: str = ""
    """What its directory is called; the run's id where empty."""
    tables: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()
    start_date: str | None = None
    end_date: str | None = None
    where: Mapping[str, str | None] = field(default_factory=dict)
    """By column the value; None is NULL."""
    columns: tuple[str, ...] = ()
    limit: int | None = None
    offset: int = 0
    profile: str = ""
    match_id: str = ""
    """Of event logs: only the logs of this match."""
    overwrite: bool = False


@dataclass(frozen=True, kw_only=True)
class Extract:
    """What was written."""

    path: Path
    report: ExportReport


def extract(
    workspace: Workspace, source: ConfiguredSource, order: ExtractOrder, run: Run
) -> Extract:
    """Write what *order* asks for below the project's directory of extracts.

    Raises:
        ConfigError: The project has no such directory, or the source is switched off.
        UsageError: The order names what does not exist, or what it may not.
        ExportError: Nothing could be read, or written.
    """
    settings, config = workspace.project.settings, source.config
    if settings.extracts_dir is None:
        msg = "extracts_dir: there is none, so nothing is extracted"
        raise ConfigError(msg)
    name = check_directory_name(order.name or run.id)
    _check_sizes(order)
    start, end = day_range(order.start_date, order.end_date, now=run.now)
    window = Window(start=start, end=end)
    if order.match_id:
        source, window = _of_match(source, order, window, run)
    request = ExportRequest(
        tables=order.tables,
        formats=order.formats,
        options=_options(source, order),
        window=window,
        columns=order.columns,
        where=order.where,
        only_logs=source.only_logs,
        limit=order.limit,
        offset=order.offset,
        output_dir=settings.extracts_dir / source.name / name,
        overwrite=order.overwrite,
        guarded=True,
    )
    path = make_directory_below(settings.extracts_dir, source.name, name, private=config.private)
    sweep_below(path.parent)
    exporter = Exporter(workspace=workspace, source=source, request=request, run=run)
    try:
        return Extract(path=path, report=exporter.export())
    finally:
        with suppress(OSError):
            path.rmdir()  # where nothing came of it


def _check_sizes(order: ExtractOrder) -> None:
    for name, count in (("limit", order.limit or 0), ("offset", order.offset)):
        if not 0 <= count <= MOST_ROWS:
            msg = f"{name}: a number of rows from 0 to {MOST_ROWS}"
            raise UsageError(msg)
    if len(order.where) > MOST_CONDITIONS:
        msg = f"where: at most {MOST_CONDITIONS} columns"
        raise UsageError(msg)
    for value in order.where.values():
        if value is not None and (len(value) > LONGEST_VALUE or _NO_TEXT.search(value)):
            msg = f"where: a value is up to {LONGEST_VALUE:,} characters of text, none of them NUL"
            raise UsageError(msg)


def _options(source: ConfiguredSource, order: ExtractOrder) -> dict[str, FormatOptionsConfig]:
    """Return the options by format that the profile asked for stands for.

    Raises:
        UsageError: No format that is written knows it.
    """
    if not order.profile:
        return {}
    if order.profile not in PROFILES:
        msg = f"profile: one of {', '.join(PROFILES)}"
        raise UsageError(msg)
    config = source.config
    names = order.formats or {
        *config.formats,
        *(name for table in config.tables.values() for name in table.formats or ()),
    }
    chosen = FormatOptionsConfig.model_validate({"profile": order.profile})
    options = FormatOptions(profile=order.profile)  # type: ignore[arg-type]  # just checked
    known = [fmt.name for fmt in resolve_formats(names) if _knows(fmt, options)]
    if not known and order.profile != FormatOptions().profile:
        msg = f"profile {order.profile}: no format that is written knows it"
        raise UsageError(msg)
    return dict.fromkeys(known, chosen)


def _knows(fmt: Format, options: FormatOptions) -> bool:
    try:
        fmt.check_options(options)
    except UsageError:
        return False
    return fmt.canonical(options) != fmt.canonical(FormatOptions())


def _of_match(
    source: ConfiguredSource, order: ExtractOrder, window: Window, run: Run
) -> tuple[ConfiguredSource, Window]:
    """Return the source with the logs of the match alone, and its days where it is told by them.

    Raises:
        UsageError: The source has no logs, or no such match.
        SourceMissing: No log is of the match.
    """
    match = check_match_id(order.match_id)
    logs = choose_logs(source, match, run_id=run.id, now=run.now)
    if logs.how == "all":
        msg = f"{source.name}: no match {match}: neither log.matches nor a directory is called so"
        raise UsageError(msg)
    known = source.config.log.matches.get(match)
    days = window_of(known) if known is not None else None
    if days is not None:
        window = _common(window, days)
    names = tuple(glob.escape(one.name) for one in logs.logs)
    # A name without a directory is also that of files in directories.
    others = {one.name for one in like(tuple(logs_below(source.logs)), names)} - {
        one.name for one in logs.logs
    }
    if others:
        msg = f"{source.name}: match {match}: {min(others)} is called as a log of it, and is none"
        raise UsageError(msg)
    return replace(source, only_logs=names), window


def _common(one: Window, other: Window) -> Window:
    """Return the time that lies in both."""
    starts = [each.start for each in (one, other) if each.start is not None]
    ends = [each.end for each in (one, other) if each.end is not None]
    return Window(start=max(starts, default=None), end=min(ends, default=None))
