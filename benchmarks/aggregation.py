"""Runs of a shooting range's events: what their aggregation takes beyond reading the events.

The log is read into segments once. Then the events that runs are made of are read, stretch by
stretch, and thrown away; and read in the same way and aggregated.
"""

import argparse
import shutil
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from benchmarks.log_data import log_directory, read_facts
from benchmarks.measure import CommandFailed
from benchmarks.projects import one_source
from benchmarks.report import Bar, Outcome, Part

if TYPE_CHECKING:
    from export_assets.engine.logs.view import SegmentView

YAML = """\
source: leadville
url: {logs}
formats: [parquet]
"""
READ, BOTH = "reading the events", "reading and aggregating them"


def measure(options: argparse.Namespace) -> Outcome:
    """Time both, by turns; return them with the verdict on the difference."""
    from export_assets.engine.logs.source import LogSource
    from export_assets.systems.registry import load_workspace

    directory = log_directory(options.work, options.rows).resolve()
    home = options.work.resolve() / "aggregation"
    one_source(home, "leadville", YAML.format(logs=directory / "logs"))
    source = load_workspace(home, environ={}).source("leadville").source
    if not isinstance(source, LogSource):
        msg = f"leadville: {type(source).__name__} is no source of logs"
        raise CommandFailed(msg)
    with source.reading("benchmark", datetime.now(UTC)) as (_, view):
        parts = _rounds(view, max(options.rounds, 3), strings=read_facts(directory).events)
    shutil.rmtree(home)
    beyond = [both - read for read, both in zip(*(part.seconds for part in parts), strict=True)]
    bar = Bar(
        name=f"runs of {options.rows:,} lines, beyond reading",
        measured=Part(name="", seconds=beyond).median,
        limit=1.0,
        unit=" s",
        promise="aggregation",
    )
    return Outcome(parts=parts, bars=[bar])


def _rounds(view: "SegmentView", count: int, *, strings: int) -> list[Part]:
    from export_assets.systems.leadville.event_table import read_events_once
    from export_assets.systems.leadville.run_lanes import NEEDED
    from export_assets.systems.leadville.run_table import RunTable
    from export_assets.systems.leadville.runs import IDLE_TIMEOUT
    from export_assets.tables.partitions import Window

    def read() -> int:
        found = 0
        for stretch in RunTable(IDLE_TIMEOUT).cut(view):
            events = read_events_once(view, stretch.window, NEEDED)
            found += 0 if events is None else events.height
        return found

    def aggregate() -> int:
        table = RunTable(IDLE_TIMEOUT)
        return sum(one.events.height for one in table.stretches(view, Window()))

    steps: tuple[tuple[Part, Callable[[], int]], ...] = (
        (Part(name=READ), read),
        (Part(name=BOTH), aggregate),
    )
    for _ in range(count):
        seen = set()
        for part, step in steps:
            begun = time.perf_counter()
            seen.add(step())
            part.seconds.append(time.perf_counter() - begun)
        if len(seen) != 1 or not 0 < min(seen) <= strings:
            msg = f"aggregation: {sorted(seen)} events were read, of {strings}"
            raise CommandFailed(msg)
    return [part for part, _ in steps]
