"""Waiting for a driver so that a signal is answered at once, not when the driver returns."""

import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_LOOK = 0.1
"""Seconds after which a waiting thread looks for signals."""


def interruptibly(
    work: Callable[[], T],
    *,
    cancel: Callable[[], None] | None = None,
    discard: Callable[[T], None] = lambda _: None,
) -> T:
    """Return what *work* returns, or raise what it raises.

    In the main thread, where signals arrive, *work* gets a thread of its own. An interrupt calls
    *cancel*, which makes it end soon, and waits for that; without a *cancel* it is left alone,
    and what it still returns goes to *discard*.
    """
    if threading.current_thread() is not threading.main_thread():
        return work()
    done, results, errors = threading.Event(), list[T](), list[BaseException]()
    left = threading.Event()

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:  # noqa: BLE001 - raised again where it was waited for
            errors.append(error)
        finally:
            done.set()
        if left.is_set() and results:
            discard(results[0])

    threading.Thread(target=run, name="source-question", daemon=True).start()
    try:
        # The drivers of ADBC leave SIGINT so that it no longer ends a wait without a timeout.
        while not done.wait(_LOOK):
            pass
    except BaseException:
        if cancel is None:
            left.set()
        else:
            cancel()
            done.wait()
        raise
    if errors:
        raise errors[0]
    return results[0]
