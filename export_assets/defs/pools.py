"""How runs share a source, and try again."""

import dagster as dg

from export_assets.config.backfill import NO_POOL
from export_assets.config.models import SourceConfig

RETRY_SECONDS = 10.0
_RETRIES = 2


def pool_of(source: SourceConfig) -> str:
    """Return the pool of the steps that have *source* for themselves.

    They write to it, read new lines of its logs, or remove what is published of it.
    """
    if source.pool is None or source.pool == NO_POOL:
        return f"source_{source.source}"
    return source.pool


def reading_pool(source: SourceConfig) -> str | None:
    """Return the pool of the steps that only read *source*; None where any number may at once."""
    return None if source.pool == NO_POOL else pool_of(source)


def retry_policy(seconds: float) -> dg.RetryPolicy:
    """Return how failures are tried again of which the step says that a retry may help.

    Args:
        seconds: How long the first retry waits, about; the second waits twice as long.
    """
    return dg.RetryPolicy(
        max_retries=_RETRIES,
        delay=seconds,
        backoff=dg.Backoff.EXPONENTIAL,
        jitter=dg.Jitter.PLUS_MINUS,
    )
