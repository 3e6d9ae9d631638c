"""A log directory into segments: python -m benchmarks.ingest_logs LOGS OUT"""

import sys
from pathlib import Path

from export_assets.cli.limits import collect_rarely, give_memory_back


def main(logs: str, directory: str) -> None:
    """Ingest what is below *logs* into a store in *directory*, as a command starts."""
    collect_rarely()
    give_memory_back()

    from export_assets.engine.ingest.ingest import Ingestion
    from export_assets.engine.ingest.rows import SameRows
    from export_assets.sources.logs.moments import LocalTime
    from export_assets.store.local import LocalStore
    from export_assets.systems.leadville.dialects.event_ndjson import EventNdjson
    from export_assets.systems.leadville.logs import EventRows

    rows = EventRows(dialect=EventNdjson(), clock=LocalTime(zone="America/Denver"), version="1")
    ingestion = Ingestion(LocalStore(Path(directory) / "exports"), "range", SameRows(rows))
    report = ingestion.run(Path(logs), "benchmark")
    if report.failed or len(report.published) != 1:
        msg = f"not one segment: {report}"
        raise SystemExit(msg)


if __name__ == "__main__":
    main(*sys.argv[1:])
