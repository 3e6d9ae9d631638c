"""What is measured of growth: points of a curve, and the curves of an axis."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.measure import Usage

LONG_SECONDS = 20.0
"""A point that takes longer is measured once: noise is small beside it."""
LONGEST_SECONDS = 1200.0
"""What one point may take where nobody says otherwise."""


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What one round of one point cost."""

    seconds: float
    peak: int
    """Bytes of resident memory at the highest moment."""

    @classmethod
    def of(cls, usage: Usage) -> "Cost":
        return cls(seconds=usage.wall, peak=usage.peak)


@dataclass(kw_only=True)
class Point:
    """One size and its rounds."""

    n: int
    costs: list[Cost] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """The median over the rounds."""
        return float(median(cost.seconds for cost in self.costs))

    @property
    def peak(self) -> float:
        """The median over the rounds, in bytes."""
        return float(median(cost.peak for cost in self.costs))

    def as_json(self) -> dict[str, Any]:
        return {
            "n": self.n,
            "seconds": round(self.seconds, 5),
            "peak": round(self.peak),
            "rounds": len(self.costs),
        }


Measure = Callable[[Path, int], Mapping[str, Cost]]
"""Measures one size in a work directory, and returns what each curve of the axis cost."""


@dataclass(frozen=True, kw_only=True)
class Axis:
    """What grows."""

    name: str
    counted: str
    """What is counted: `rows`."""
    sizes: tuple[int, ...]
    curves: Mapping[str, str]
    """By name, what is measured, as a heading says it."""
    measure: Measure

    def up_to(self, largest: int | None) -> list[int]:
        """Return the sizes that are measured."""
        return [size for size in self.sizes if largest is None or size <= largest]


def measure_axis(
    axis: Axis, work: Path, sizes: list[int], *, rounds: int, longest: float = LONGEST_SECONDS
) -> dict[str, list[Point]]:
    """Measure every size, smallest first, and return the points by curve.

    A size that would take more than *longest* seconds, preparations included, is left out with all
    larger ones, and that is said. What the smallest one took is held for the start; what was added
    at the size before grows in proportion.

    Raises:
        CommandFailed: A command failed, or made something wrong.
    """
    curves: dict[str, list[Point]] = {name: [] for name in axis.curves}
    start, added, before = 0.0, 0.0, sizes[0]
    for size in sizes:
        if start + added * size / before > longest:
            print(f"{axis.name} {size:,} and more: left out, they would take too long", flush=True)
            break
        points = {name: Point(n=size) for name in axis.curves}
        for _ in range(max(rounds, 1)):
            started = time.perf_counter()
            for name, cost in axis.measure(work, size).items():
                points[name].costs.append(cost)
                megabytes = cost.peak / 1_000_000
                told = f"{cost.seconds:.4f} s, {megabytes:.0f} MB"
                print(f"{axis.name} {size:,}, {name}: {told}", flush=True)
            took = time.perf_counter() - started
            if took > LONG_SECONDS:
                break
        start = took if size == sizes[0] else start
        added, before = max(took - start, 0.0), size
        for name, point in points.items():
            curves[name].append(point)
    return curves
