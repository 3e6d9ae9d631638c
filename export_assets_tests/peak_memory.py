"""How much memory this process has needed at most."""

import resource
import sys
from pathlib import Path


def peak_kilobytes() -> int:
    """Return the most memory this process held at once, since it was started.

    The mark that `getrusage` gives begins where that of the process that started it stood, on
    Linux, so that a small process beside a large test would look large.
    """
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
    mark = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return mark // 1024 if sys.platform == "darwin" else mark
