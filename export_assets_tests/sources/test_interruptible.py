"""A signal is answered while a driver is waited for."""

import os
import signal
import threading
import time

import pytest

from export_assets.sources.interruptible import interruptibly


def interrupt_soon() -> threading.Timer:
    timer = threading.Timer(0.2, os.kill, args=(os.getpid(), signal.SIGINT))
    timer.start()
    return timer


def test_what_the_work_returns_or_raises_comes_back() -> None:
    def fail() -> None:
        msg = "of its own"
        raise ValueError(msg)

    assert interruptibly(lambda: 7) == 7
    with pytest.raises(ValueError, match="of its own"):
        interruptibly(fail)


def test_an_interrupt_cancels_the_work_and_waits_for_its_end() -> None:
    cancelled = threading.Event()
    ended: list[bool] = []
    timer = interrupt_soon()

    with pytest.raises(KeyboardInterrupt):
        interruptibly(lambda: ended.append(cancelled.wait(20)), cancel=cancelled.set)

    timer.join()
    assert ended == [True]


def test_work_that_cannot_be_cancelled_is_left_and_its_result_discarded() -> None:
    go, discarded = threading.Event(), list[bool]()
    timer = interrupt_soon()

    with pytest.raises(KeyboardInterrupt):
        interruptibly(lambda: go.wait(20), discard=discarded.append)

    timer.join()
    go.set()
    deadline = time.monotonic() + 5
    while not discarded and time.monotonic() < deadline:
        time.sleep(0.01)
    assert discarded == [True]


def test_other_threads_do_the_work_themselves() -> None:
    names: list[str] = []

    def note() -> None:
        interruptibly(lambda: names.append(threading.current_thread().name))

    worker = threading.Thread(target=note, name="worker")
    worker.start()
    worker.join()

    assert names == ["worker"]
