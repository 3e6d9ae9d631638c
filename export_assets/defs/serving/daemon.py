"""`python -m export_assets.defs.serving.daemon`: Dagster's daemon, quick to take up a backfill.

Dagster's own looks for backfills every thirty seconds, which is most of what a person waits for who
launches a small one. A look without any costs a query of some milliseconds. And it tells of every
partition that a run is going to materialize by an event of its own: they are stored together.
"""

import os
import sys

from dagster._daemon import controller
from dagster._daemon.cli import main

LOOK_SECONDS = 1
"""Seconds between two looks for backfills."""
EVENTS_TOGETHER = 200
"""So many at most, for others wait meanwhile who write to the event log."""


def run() -> None:
    """Run the daemon with the arguments of `dagster-daemon`."""
    controller.DEFAULT_DAEMON_INTERVAL_SECONDS = LOOK_SECONDS
    os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", str(EVENTS_TOGETHER))
    sys.argv[0] = "dagster-daemon"
    main()


if __name__ == "__main__":
    run()
