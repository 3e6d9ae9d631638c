"""A curve as a small SVG: both axes logarithmic, legible on white and on black.

Dots are what was measured; the dashed line is the start and n log n, fitted to all but the largest
size: a curve that ends well above it grows faster.
"""

from collections.abc import Sequence
from html import escape
from math import ceil, floor, log10

import numpy as np

from benchmarks.growth.fit import Fit

MOST_BYTES = 8_000
WIDTH, HEIGHT = 420, 220
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 408, 14, 186
_STEPS = 40
_INK, _LINE, _GUIDE = "#888", "#48c", "#d83"


def draw(
    sizes: Sequence[int], costs: Sequence[float], law: Fit, *, counted: str, unit: str, title: str
) -> str:
    """Return the picture of *costs*, in *unit*, by *sizes* of what is *counted*."""
    across = _Scale(min(sizes), max(sizes), _LEFT, _RIGHT)
    grid = np.geomspace(min(sizes), max(sizes), _STEPS)
    guide = law.start + law.slope * grid * np.log2(np.maximum(grid, 2.0))
    up = _Scale(min(*costs, *guide), max(*costs, *guide), _BOTTOM, _TOP)
    line = _path(zip(map(across.at, sizes), map(up.at, costs), strict=True))
    dashed = _path(zip(map(across.at, grid), map(up.at, guide), strict=True))
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'width="{WIDTH}" height="{HEIGHT}" role="img" font-family="sans-serif" font-size="10" '
        f'fill="{_INK}"><title>{escape(title)}</title>'
    )
    legend = (
        f'<text x="{_RIGHT - 4}" y="{_BOTTOM - 6}" text-anchor="end" fill="{_GUIDE}">'
        "- - start + n log n</text>"
    )
    parts = [
        head,
        *(_tick_below(across.at(mark), _number(mark)) for mark in across.decades),
        *(_tick_left(up.at(mark), _number(mark)) for mark in up.decades),
        f'<path d="M{_LEFT} {_TOP}V{_BOTTOM}H{_RIGHT}" fill="none" stroke="{_INK}"/>',
        f'<path d="{dashed}" fill="none" stroke="{_GUIDE}" stroke-dasharray="5 4"/>',
        f'<path d="{line}" fill="none" stroke="{_LINE}" stroke-width="1.5"/>',
        f'<g fill="{_LINE}">',
        *(
            f'<circle cx="{across.at(size):.0f}" cy="{up.at(cost):.0f}" r="3"/>'
            for size, cost in zip(sizes, costs, strict=True)
        ),
        "</g>",
        f'<text x="{_RIGHT}" y="{HEIGHT - 6}" text-anchor="end">{escape(counted)}</text>',
        f'<text x="{_LEFT + 6}" y="{_TOP + 4}">{escape(unit)}</text>',
        legend,
        "</svg>\n",
    ]
    return "\n".join(parts)


class _Scale:
    """Places of values on a logarithmic axis."""

    def __init__(self, low: float, high: float, start: float, end: float) -> None:
        """Put *low* near *start* and *high* near *end*, both with some room."""
        room = max((log10(high) - log10(low)) * 0.04, 0.05)
        self._low, self._high = log10(low) - room, log10(high) + room
        self._start, self._end = start, end

    def at(self, value: float) -> float:
        """Return the place of *value*."""
        share = (log10(value) - self._low) / (self._high - self._low)
        return self._start + share * (self._end - self._start)

    @property
    def decades(self) -> list[float]:
        """The marks: powers of ten, and between them two and five where there are few."""
        powers = range(floor(self._low), ceil(self._high) + 1)
        for factors in ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 4, 5, 7)):
            marks = [factor * 10.0**power for power in powers for factor in factors]
            inside = [mark for mark in marks if self._low <= log10(mark) <= self._high]
            if len(inside) >= 3:
                break
        return inside


def _path(places: "zip[tuple[float, float]]") -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in places)


def _tick_below(x: float, text: str) -> str:
    return (
        f'<path d="M{x:.0f} {_TOP}V{_BOTTOM + 4}" stroke="{_INK}" stroke-opacity=".25"/>'
        f'<text x="{x:.0f}" y="{_BOTTOM + 16}" text-anchor="middle">{text}</text>'
    )


def _tick_left(y: float, text: str) -> str:
    return (
        f'<path d="M{_LEFT - 4} {y:.0f}H{_RIGHT}" stroke="{_INK}" stroke-opacity=".25"/>'
        f'<text x="{_LEFT - 7}" y="{y + 3:.0f}" text-anchor="end">{text}</text>'
    )


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1_000 else f"{value:.6g}"
