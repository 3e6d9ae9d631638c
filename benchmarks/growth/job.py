"""python -m benchmarks growth-curves [--largest N] [--only rows|columns|partitions|logs|assets]

Measure how time and memory grow, say what law they follow, keep the figures and draw them.

Exits 1 when a curve grows faster than n log n or a measurement failed, 0 otherwise.
"""

import argparse
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.growth import page, record
from benchmarks.growth.points import LONGEST_SECONDS, Axis, measure_axis
from benchmarks.growth.projects import ASSETS, LOG_FILES
from benchmarks.growth.tables import COLUMNS, PARTITIONS, ROWS
from benchmarks.measure import CommandFailed
from benchmarks.measured import KEPT, read_entries
from benchmarks.page import PAGE
from benchmarks.page import page as whole_page

AXES: dict[str, Axis] = {axis.name: axis for axis in (ROWS, COLUMNS, PARTITIONS, LOG_FILES, ASSETS)}
WORK = Path(__file__).parents[1] / "work"


def main(arguments: list[str]) -> int:
    """Measure the axes asked for and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks growth-curves",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--largest", type=int, help="leave out sizes above this one")
    parser.add_argument("--only", action="append", choices=list(AXES), help="repeatable")
    parser.add_argument(
        "--rounds", type=int, default=3, help="of each point; long ones are measured once"
    )
    parser.add_argument(
        "--longest",
        type=float,
        default=LONGEST_SECONDS,
        help="seconds one point may take; sizes that would take more are left out",
    )
    parser.add_argument("--work", type=Path, default=WORK)
    parser.add_argument("--measured", type=Path, default=record.MEASURED)
    parser.add_argument("--images", type=Path, default=page.IMAGES)
    options = parser.parse_args(arguments)
    work, worse = options.work.resolve(), False
    for name in options.only or AXES:
        axis = AXES[name]
        sizes = axis.up_to(options.largest)
        if not sizes:
            parser.error(f"--largest {options.largest}: {name} begins with {axis.sizes[0]}")
        try:
            measured = measure_axis(
                axis, work, sizes, rounds=options.rounds, longest=options.longest
            )
        except CommandFailed as error:
            print(f"{name}: {error}")
            worse = True
            continue
        curves = record.curves_of(axis, measured)
        # After each axis: a later one may take hours, and fail.
        entry = record.keep(options.measured, curves, now=datetime.now(UTC))
        page.write_images(entry, options.images)
        if options.measured == KEPT:
            PAGE.write_text(whole_page(read_entries(KEPT)), encoding="utf-8")
        for curve in curves.values():
            for figure in ("time", "memory"):
                verdict = curve[figure]["verdict"]
                worse = worse or verdict == "worse than n log n"
                print(f"{curve['title']}: {figure} {page.says(curve[figure])}")
    return 1 if worse else 0
