"""How much tests do that draw, kill or repeat: a sample each time, all that was promised in a soak.

`EXPORT_ASSETS_SOAK=1 pytest` runs the whole of it, for hours; continuous integration has minutes.
"""

import os

SOAK = os.environ.get("EXPORT_ASSETS_SOAK") == "1"


def effort(each_time: int, *, soak: int) -> int:
    """Return how many of something to do."""
    return soak if SOAK else each_time
