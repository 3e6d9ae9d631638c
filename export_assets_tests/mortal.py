"""Processes that end with the tests which started them."""

import ctypes
import signal
import sys


def end_with_the_tests() -> None:
    """Have Linux end the command when the process that runs this test is killed."""
    if sys.platform == "linux":
        set_parent_death_signal = 1
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGTERM, 0, 0, 0)
