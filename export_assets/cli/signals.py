"""Signals as exceptions, so that everything opened is closed and everything staged removed.

Python drops an exception that is raised inside a weak reference's callback or a `__del__`, and a
signal may arrive there. So the signal is also remembered: the exception is raised again a moment
later, and whoever is about to call the work done asks `raise_if_asked` first.
"""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_AGAIN = 0.02
"""Seconds until an exception that got lost is raised again; its callback has ended by then."""


class Terminated(KeyboardInterrupt):
    """The process was asked to end by a signal."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number


@dataclass
class _Request:
    """What signals asked of this process since `termination_raises` began."""

    number: int | None = None
    lost: bool = False
    """Its exception was dropped by Python."""
    answered: bool = False


_request = _Request()


@contextmanager
def termination_raises() -> Iterator[None]:
    """Turn SIGINT, SIGTERM and SIGHUP into `Terminated`; only the first one counts.

    Those that follow do not disturb the cleaning up, nor the end of the process after the block.
    """
    # nohup starts commands with SIGHUP ignored, and shells background ones with SIGINT ignored.
    taken = {
        number: before
        for number in _SIGNALS
        if (before := signal.getsignal(number)) in (signal.SIG_DFL, signal.default_int_handler)
    }
    _request.number, _request.lost, _request.answered = None, False, False
    hook = sys.unraisablehook

    def dropped(unraisable: "sys.UnraisableHookArgs") -> None:
        if isinstance(unraisable.exc_value, Terminated):
            _raise_again(unraisable.exc_value.exit_code - 128)
        else:
            hook(unraisable)

    sys.unraisablehook = dropped
    for number in taken:
        signal.signal(number, _terminate)
    try:
        yield
    finally:
        for number, before in taken.items():
            signal.signal(number, before if _request.number is None else signal.SIG_IGN)
        sys.unraisablehook = hook


def raise_if_asked() -> None:
    """Raise what a signal asked for, where its exception got lost on the way.

    Raises:
        Terminated: A signal came, and nobody answered it.
    """
    if _request.number is not None and not _request.answered:
        _request.lost = False
        raise Terminated(_request.number)


def was_asked() -> bool:
    """Return whether a signal came that nobody answered."""
    return _request.number is not None and not _request.answered


def answer() -> int:
    """Take note that the process ends as asked; return its exit code."""
    _request.lost, _request.answered = False, True
    # Polars raises KeyboardInterrupt itself, even where SIGINT is ignored.
    return 128 + (_request.number or signal.SIGINT)


def _terminate(number: int, frame: FrameType | None) -> None:
    del frame
    if _request.number is not None and not _request.lost:
        return
    _request.number, _request.lost = _request.number or number, False
    raise Terminated(_request.number)


def _raise_again(number: int) -> None:
    _request.lost = not _request.answered
    main = threading.main_thread().ident
    if main is not None:
        # Only a signal wakes the main thread from whatever it waits for.
        timer = threading.Timer(_AGAIN, signal.pthread_kill, (main, number))
        timer.daemon = True
        timer.start()
