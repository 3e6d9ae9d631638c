"""`python -m export_assets.defs.serving.daemon`: Dagster's daemon, quick to take up a backfill.

Dagster's own looks for backfills every thirty seconds, which is most of what a person waits for who
launches a small one. A look without any costs a query of some milliseconds.
"""

import sys

from dagster._daemon import controller
from dagster._daemon.cli import main

LOOK_SECONDS = 2
"""Seconds between two looks for backfills."""


def run() -> None:
    """Run the daemon with the arguments of `dagster-daemon`."""
    controller.DEFAULT_DAEMON_INTERVAL_SECONDS = LOOK_SECONDS
    sys.argv[0] = "dagster-daemon"
    main()


if __name__ == "__main__":
    run()
