"""What is guarded: a job of the product and a peer that is the standard library's alone.

Both are given to one process, which has imported all it needs and has done each once before.
"""

import csv
import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.data import TABLE, database
from benchmarks.log_data import log_directory
from benchmarks.projects import ONLY, one_source

ROWS = 100_000
PEER_ROWS = 50_000
"""Enough to be measured well."""
SETTINGS = f"catalog: false\n{ONLY}"
LINES = 50_000
WARM_UP = 1_000
"""Rows or lines."""

Job = Callable[[], None]


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two jobs over the same data."""

    warm: Job
    """What ours does, over little: it imports, and fills caches."""
    ours: Job
    peer: Job


def table_to(fmt: str, work: Path) -> Pair:
    """A table of `ROWS` rows, published in one format; `sqlite3` and `csv` write it as CSV."""
    source, home = database(work, ROWS), work / f"home-{fmt}"
    little = database(work, WARM_UP)
    return Pair(
        warm=lambda: _publish(little, home, fmt),
        ours=lambda: _publish(source, home, fmt),
        peer=lambda: _write_csv(source, home),
    )


def logs(work: Path) -> Pair:
    """A log of `LINES` lines made a segment; `json` reads every line of it."""
    directory, out = log_directory(work, LINES) / "logs", work / "segments"
    little = log_directory(work, WARM_UP) / "logs"
    return Pair(
        warm=lambda: _ingest(little, out),
        ours=lambda: _ingest(directory, out),
        peer=lambda: _read_lines(directory),
    )


PAIRS: dict[str, Callable[[Path], Pair]] = {
    "SQLite to Parquet": lambda work: table_to("parquet", work),
    "SQLite to CSV": lambda work: table_to("csv", work),
    "logs to segments": logs,
}


def _publish(source: Path, home: Path, fmt: str) -> None:
    # Whoever only asks for names need not import the product.
    from export_assets.engine.request import ExportRequest, Run
    from export_assets.engine.run import Exporter
    from export_assets.systems.registry import load_workspace

    text = f"source: guarded\nurl: sqlite:///{source}\nformats: [{fmt}]\n"
    one_source(home, "guarded", text, settings=SETTINGS)
    workspace = load_workspace(home, environ={})
    report = Exporter(
        workspace=workspace,
        source=workspace.source("guarded"),
        request=ExportRequest(),
        run=Run(id="guard", now=datetime.now(UTC)),
    ).export()
    if report.exit_code != 0:
        msg = f"exit {report.exit_code}: {report}"
        raise SystemExit(msg)


def _write_csv(source: Path, home: Path) -> None:
    home.mkdir(parents=True, exist_ok=True)
    with (
        closing(sqlite3.connect(source)) as connection,
        (home / "peer.csv").open("w", encoding="utf-8", newline="") as file,
    ):
        csv.writer(file).writerows(connection.execute(f"select * from {TABLE} limit {PEER_ROWS}"))


def _ingest(logs: Path, out: Path) -> None:
    from export_assets.engine.ingest.ingest import Ingestion
    from export_assets.engine.ingest.rows import SameRows
    from export_assets.sources.logs.moments import LocalTime
    from export_assets.store.local import LocalStore
    from export_assets.systems.leadville.dialects.event_ndjson import EventNdjson
    from export_assets.systems.leadville.logs import EventRows

    shutil.rmtree(out, ignore_errors=True)
    rows = EventRows(dialect=EventNdjson(), clock=LocalTime(zone="America/Denver"), version="1")
    report = Ingestion(LocalStore(out), "range", SameRows(rows)).run(logs, "guard")
    if report.failed or len(report.published) != 1:
        msg = f"not one segment: {report}"
        raise SystemExit(msg)


def _read_lines(logs: Path) -> None:
    for path in logs.iterdir():
        for line in path.read_bytes().splitlines():
            try:
                json.loads(line)
            except ValueError:  # some lines of the log are meant to be none
                continue
