"""python -m benchmarks guard [--record] [--only NAME] [--rounds N]

Measure the processor time of jobs of the product as ratios to fixed peers, beside those recorded.

Exits 1 when a job takes more than the band allows, 0 otherwise. After a change that is meant to
cost, and after one that made a job much faster, `--record` writes the ratios anew.
"""

import argparse
from pathlib import Path

from benchmarks.environments import Unavailable
from benchmarks.guard import ratios
from benchmarks.measure import CommandFailed

WORK = Path(__file__).parents[1] / "work" / "guard"


def main(arguments: list[str]) -> int:
    """Measure what is asked for, compare or record, and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks guard",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--record", action="store_true", help="write the ratios anew")
    parser.add_argument("--only", action="append", choices=ratios.NAMES, help="repeatable")
    parser.add_argument("--rounds", type=int, help="3; 9 to record")
    parser.add_argument("--work", type=Path, default=WORK)
    options = parser.parse_args(arguments)
    rounds = options.rounds or (9 if options.record else 3)
    names = options.only or ratios.NAMES
    try:
        if options.record:
            measured = ratios.measure(options.work, names, rounds=rounds)
            ratios.record(measured)
            verdicts = ratios.judge(measured, ratios.read())
        else:
            verdicts = ratios.verdicts(options.work, names, rounds=rounds)
    except (CommandFailed, Unavailable) as error:
        print(error)
        return 1
    for verdict in verdicts:
        print(verdict)
    return 0 if all(verdict.met for verdict in verdicts) else 1
