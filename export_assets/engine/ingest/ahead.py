"""Work done ahead by threads, its results in order, and never much of it at once."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

_MOST = 4
"""Threads beyond that wait for the one that takes their results."""


def default_threads() -> int:
    """Return how many threads are worth their while here."""
    return max(1, min(_MOST, os.cpu_count() or 1))


def in_order(
    work: Callable[[Item], Result], items: Iterable[Item], *, threads: int
) -> Iterator[Result]:
    """Give out what *work* makes of each of *items*, in their order.

    Up to *threads* items are worked on at once, and one more has been taken. The items come from
    the caller's thread. One thread is none: then the caller does the work itself.
    """
    if threads <= 1:
        yield from map(work, items)
        return
    waiting = deque[Future[Result]]()
    pool = ThreadPoolExecutor(threads, thread_name_prefix="ingest")
    try:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) > threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
