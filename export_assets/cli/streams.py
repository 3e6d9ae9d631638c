"""The three standard streams, which a caller may have closed."""

import os
import sys


def open_standard_streams() -> None:
    """Open those that are closed to nowhere.

    Otherwise the next file opened would take the number of a stream, and what is printed or
    reported by a library would end up in that file.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            descriptor = os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, os.fdopen(descriptor, mode, encoding="utf-8"))
