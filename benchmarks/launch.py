"""Run one command and write down what it cost: python -I -S launch.py RECORD COMMAND…

Stands between the harness and the command because a process starts out with the memory mark of
the one that started it. This one imports next to nothing, so its mark is in nobody's way.
"""

import json
import os
import sys
import time


def main(record: str, *command: str) -> None:
    """Start the command, wait for it, write seconds, bytes and exit code to *record*."""
    started = time.perf_counter()
    process = os.posix_spawnp(command[0], command, os.environ)
    _, status, usage = os.wait4(process, 0)
    wall = time.perf_counter() - started
    figures = {
        "wall": wall,
        "cpu": usage.ru_utime + usage.ru_stime,
        # Linux counts in KiB, macOS in bytes.
        "peak": usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
        "exit": os.waitstatus_to_exitcode(status),
    }
    with open(record, "w", encoding="utf-8") as file:  # noqa: PTH123 - pathlib is not small
        json.dump(figures, file)


if __name__ == "__main__":
    main(*sys.argv[1:])
