"""How Dagster's runs share partitions and sources out."""

from pydantic import PositiveInt

from export_assets.config.base import Model

NO_POOL = "none"
"""The pool of a source that any number of runs may read at once."""

POOL_PATTERN = r"^[a-z][a-z0-9_]*$"


class BackfillConfig(Model):
    """How the partitions of a backfill, a schedule or a sensor are spread over runs."""

    partitions_per_run: PositiveInt | None = None
    """Most partitions of a run; without it a backfill is one run, which reads the source once. With
    1 each partition has a run of its own, and is retried or cancelled alone."""
