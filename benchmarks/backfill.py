"""Through Dagster: from the click to the finished run, beside the command line.

A table of a year is exported in three formats by the command line, as one file each and by day, and
by the real web UI with its daemon and launcher: one day, then 365 days in one backfill. A backfill
waits for the daemon's next look, which comes every thirty seconds, and is called done at the one
after its run; the parts are told one by one.
"""

import argparse
import os
import shutil
import time
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from pathlib import Path
from statistics import median
from tempfile import mkdtemp

from benchmarks.contenders import program
from benchmarks.data import TABLE, daily
from benchmarks.measure import run_measured
from benchmarks.projects import one_source
from benchmarks.report import Bar, Outcome, Part
from benchmarks.served import Served, serve

DAYS = 365
FIRST = date(2024, 1, 1)
FORMATS = ("parquet", "csv", "ndjson")
TIMEOUT_SECONDS = 1800
SOURCE = """\
source: year
url: sqlite:///{database}
formats: [parquet, csv, ndjson]
monitor: {{enabled: false}}
tables:
  {table}: {partitioning}
"""
BY_DAY = f"{{partition_by: {{column: recorded_at, every: day, start: {FIRST}}}}}"

ONE_FILE, DAILY = "export-assets, one file each", "export-assets, 365 days"
CLICK = "Dagster, one day: click to finished run"
LOOK, START, WORK, TOLD = (
    "Dagster, 365 days: until the daemon looks",
    "Dagster, 365 days: until the run starts",
    "Dagster, 365 days: the run",
    "Dagster, 365 days: until the backfill is called done",
)
RUN = "Dagster, 365 days: click to finished run"
BACKFILL = "Dagster, 365 days: click to finished backfill"


def measure(options: argparse.Namespace) -> Outcome:
    """Run the rounds; return the parts and the verdict on the bar."""
    source = daily(options.work.resolve(), options.rows, days=DAYS, first=FIRST)
    homes = options.work.resolve() / "homes"
    shutil.rmtree(homes, ignore_errors=True)
    homes.mkdir(parents=True)
    parts: dict[str, Part] = {}

    def add(name: str, seconds: float) -> None:
        parts.setdefault(name, Part(name=name)).seconds.append(seconds)
        print(f"  {name}: {seconds:.1f} s", flush=True)

    for turn in range(options.rounds):
        print(f"round {turn + 1} of {options.rounds}", flush=True)
        for name, partitioning in ((ONE_FILE, "{}"), (DAILY, BY_DAY)):
            add(name, _exported(_prepare(homes, source, partitioning)))
        with serve(_prepare(homes, source, BY_DAY)) as served:
            _through_dagster(served, add)
    shutil.rmtree(homes)
    allowed = [2 * seconds + 10 for seconds in parts[ONE_FILE].seconds]
    pairs = zip(parts[RUN].seconds, allowed, strict=True)
    share = float(median(took / limit for took, limit in pairs))
    name = "365 days x 3 formats in one backfill, time to 2 x the single export + 10 s"
    bar = Bar(name=name, measured=share, limit=1.0, promise="backfill")
    return Outcome(parts=list(parts.values()), bars=[bar])


def _prepare(homes: Path, source: Path, partitioning: str) -> Path:
    """Make a project below *homes* that has exported nothing yet."""
    # A new one each time: for a minute or more ext4 steps over every file deleted when it makes
    # another, and thousands deleted now slow what is measured next.
    home = Path(mkdtemp(dir=homes))
    text = SOURCE.format(database=source, table=TABLE, partitioning=partitioning)
    return one_source(home, "year", text)


def _exported(home: Path) -> float:
    """Return the seconds the command line takes."""
    command = [program(), "export", "year", "--quiet"]
    usage = run_measured(command, directory=home, environment=os.environ, timeout=TIMEOUT_SECONDS)
    return usage.wall


def _through_dagster(served: Served, add: Callable[[str, float], None]) -> None:
    keys = [["year", TABLE, fmt] for fmt in FORMATS]
    clicked = time.time()
    served.launch_run(keys, partition=str(FIRST))
    served.wait_for_run("dagster/partition", str(FIRST), timeout=TIMEOUT_SECONDS)
    add(CLICK, time.time() - clicked)

    clicked = time.time()
    backfill = served.launch_backfill(keys, partitions=_days())
    run = served.wait_for_run("dagster/backfill", backfill, timeout=TIMEOUT_SECONDS)
    served.wait_for_backfill(backfill, timeout=TIMEOUT_SECONDS)
    done = time.time()
    add(LOOK, run["creationTime"] - clicked)
    add(START, run["startTime"] - run["creationTime"])
    add(WORK, run["endTime"] - run["startTime"])
    add(TOLD, done - run["endTime"])
    add(RUN, run["endTime"] - clicked)
    add(BACKFILL, done - clicked)


def _days() -> Sequence[str]:
    return [str(FIRST + timedelta(days=number)) for number in range(DAYS)]
