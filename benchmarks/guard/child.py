"""Processor time of both jobs of pairs: python -m benchmarks.guard.child WORK RECORD ROUNDS NAME"""

import json
import resource
import sys
from pathlib import Path

from benchmarks.guard.pairs import PAIRS, Job


def processor_seconds(job: Job) -> float:
    """Return user and system seconds of all threads of this process while *job* runs."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    job()
    after = resource.getrusage(resource.RUSAGE_SELF)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main(work: str, record: str, rounds: str, *names: str) -> None:
    """Write, by name, the seconds of ours and of the peer, round by round."""
    found: dict[str, list[tuple[float, float]]] = {}
    for name in names:
        pair = PAIRS[name](Path(work))
        pair.warm()
        found[name] = [
            (processor_seconds(pair.ours), processor_seconds(pair.peer)) for _ in range(int(rounds))
        ]
    Path(record).write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
