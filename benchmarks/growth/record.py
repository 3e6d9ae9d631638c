"""What was measured last, kept with the code: one file, with a key for each kind."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.growth.fit import fit
from benchmarks.growth.points import Axis, Point
from benchmarks.measured import KEPT, describe_machine, read_entries, write_entry

MEASURED = KEPT
KEY = "growth"


def curves_of(axis: Axis, measured: Mapping[str, list[Point]]) -> dict[str, Any]:
    """Return the curves of *axis* by name, as they are kept, each with its laws."""
    return {
        f"{axis.name}-{name}": {
            "title": axis.curves[name],
            "counted": axis.counted,
            "left_out": [size for size in axis.sizes if size > points[-1].n],
            "points": [point.as_json() for point in points],
            "time": _law(points, "seconds"),
            "memory": _law(points, "peak"),
        }
        for name, points in measured.items()
    }


def keep(path: Path, curves: Mapping[str, Any], *, now: datetime) -> dict[str, Any]:
    """Write *curves* into the file at *path*; what else is in it, other curves too, stays.

    Returns:
        All that is kept of growth.
    """
    known = read_entries(path)
    stamp = {"machine": describe_machine(), "date": f"{now.astimezone(UTC):%Y-%m-%d}"}
    stamped = {name: {**curve, **stamp} for name, curve in curves.items()}
    entry: dict[str, Any] = {"curves": {**known.get(KEY, {}).get("curves", {}), **stamped}}
    write_entry(path, KEY, entry)
    return entry


def _law(points: list[Point], figure: str) -> dict[str, Any]:
    sizes = [point.n for point in points]
    return fit(sizes, [getattr(point, figure) for point in points]).as_json()
