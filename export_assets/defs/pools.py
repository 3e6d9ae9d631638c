"""How steps share a source and try again."""

import dagster as dg

RETRY_SECONDS = 10.0
_RETRIES = 2


def pool_of(source: str) -> str:
    """Return the pool of the steps that open *source*: a run waits for the one before it."""
    return f"source_{source}"


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
