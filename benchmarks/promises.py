"""What is promised on speed and memory, as DESIGN's table of bars has it."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Promise:
    """One bar, in words."""

    job: str
    bar: str
    measured_by: str
    """The job of the benchmarks that judges it."""


MILLION = "1,000,000 rows of SQLite → Parquet, published and verified"
PROMISES: dict[str, Promise] = {
    "parquet": Promise(
        job=MILLION,
        bar="at most 1.3 x DuckDB's scanner and COPY, which verifies nothing",
        measured_by="sqlite",
    ),
    "parquet-memory": Promise(
        job="1,000,000 rows of SQLite → one format",
        bar="at most 250 MB",
        measured_by="sqlite",
    ),
    "three-formats": Promise(
        job="1,000,000 rows of SQLite → Parquet, CSV and NDJSON",
        bar="at most 0.7 x DuckDB's three COPYs",
        measured_by="sqlite",
    ),
    "flat-memory": Promise(
        job="10,000,000 rows",
        bar="at most 1.2 x the memory of 1,000,000",
        measured_by="large",
    ),
    "logs": Promise(
        job="1,000,000 lines of JSON → events, quarantine, every byte accounted for",
        bar="at most 2.5 x DuckDB's `read_json` → Parquet",
        measured_by="logs",
    ),
    "logs-original": Promise(
        job="the same",
        bar="at most 0.1 x the original exporter",
        measured_by="logs",
    ),
    "aggregation": Promise(
        job="runs of 1,000,000 events",
        bar="at most 1 s beyond reading them",
        measured_by="aggregation",
    ),
    "backfill": Promise(
        job="365 days x 1 table x 3 formats in one Dagster backfill",
        bar="at most 2 x the single export of the same rows + 10 s",
        measured_by="backfill",
    ),
    "tick-logs": Promise(
        job="nothing changed: a sensor's tick over 10,000 logs",
        bar="at most 1 s",
        measured_by="ticks",
    ),
    "tick-tables": Promise(
        job="nothing changed: a sensor's tick over a database of 30 tables",
        bar="at most 50 ms",
        measured_by="ticks",
    ),
    "start": Promise(
        job="`export-assets list`, start to finish",
        bar="at most 0.6 s",
        measured_by="start",
    ),
}
