"""What goes wrong in a step, told to Dagster: in one line, and with no secret in what led to it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import dagster as dg

from export_assets.translate import Side, one_line, translate, without_secrets


@contextmanager
def failing(
    subject: str,
    *,
    side: Side = "source",
    before_retry: Callable[[], object] | None = None,
    retry: bool = True,
) -> Iterator[None]:
    """Make whatever is raised within the failure of a step.

    Args:
        subject: What is being worked on.
        side: Whether it is read from or written to.
        before_retry: Called where another attempt may go better.
        retry: Whether there may be one.

    Raises:
        dg.Failure: Something was raised.
    """
    try:
        yield
    except Exception as error:  # noqa: BLE001  # a step tells whatever it is, masked
        told = translate(error, subject=subject, side=side)
        if told.retriable and before_retry is not None:
            before_retry()
        again = told.retriable and retry
        raise dg.Failure(one_line(told), allow_retries=again) from without_secrets(error)
