"""Charts as SVG, small enough for Dagster to show them in their place.

Dagster shows an image inside Markdown at once where the Markdown has fewer than a thousand
characters; what is longer hides behind a link. So a picture has 700 bytes: whole numbers, relative
steps, as many points as there is room for. Its colours are legible on white and on black.
"""

import base64
from collections.abc import Iterable, Iterator, Sequence

from export_assets.engine.charts import labels

MOST_CHARACTERS = 999
WIDTH, HEIGHT = 240, 72

_IMAGE = "![chart](data:image/svg+xml;base64,{})"
_LEFT, _RIGHT, _TOP, _BOTTOM = 30, 238, 6, 58
PIXELS = _RIGHT - _LEFT
"""Width of the plot: no series is drawn finer."""
_STEPS = (2, 3, 4, 5, 6, 8, 10, 13, 16, 26)
_LINE, _TEXT = "#48c", "#888"
_ROW, _BARS_FROM, _BARS_TO = 12, 78, 200
_NAME_LENGTHS = (12, 9, 6)
_WIDEST = 24
_OTHERS = "others"

Ends = tuple[str, str]
"""What stands at the left and at the right end of the axis."""


def markdown(svg: str) -> str:
    """Return the picture as the Markdown that shows it."""
    return _IMAGE.format(base64.b64encode(svg.encode()).decode())


def draw_trace(values: Sequence[float | None], low: float, high: float, ends: Ends) -> str | None:
    """Draw *values* from left to right as a line that breaks where there is none.

    Args:
        values: One for each of the `PIXELS`.
        low: The least value; what the scale begins with.
        high: The greatest value.
        ends: What stands below both ends.
    """
    scale = (_BOTTOM - _TOP) / (high - low) if high > low else 0.0
    middle = (_TOP + _BOTTOM) / 2

    def at(value: float) -> int:
        return round(_BOTTOM - (value - low) * scale) if scale else round(middle)

    marks = [(_TOP + 6, labels.number(high)), (_BOTTOM + 2, labels.number(low))]
    if not scale:
        marks = [(round(middle) + 3, labels.number(low))]

    def drawn() -> Iterator[str]:
        for step in _STEPS:
            points = [_mean(values[start : start + step]) for start in range(0, PIXELS, step)]
            places = [None if point is None else at(point) for point in points]
            yield _plot(_line(places, step), marks, ends, width=1)

    return _first_that_fits(drawn())


def draw_bars(values: Sequence[int], ends: Ends) -> str | None:
    """Draw *values*, none of them negative, as bars side by side that stand on nought."""
    most = max(values, default=0)
    step = round(PIXELS / max(len(values), 1), 1)
    heights = [round(value / most * (_BOTTOM - _TOP)) if most else 0 for value in values]
    # A bar of one row among thousands is still seen.
    heights = [
        max(height, 1) if value else 0 for height, value in zip(heights, values, strict=True)
    ]
    path = "".join(f"v-{height}m{step:g} {height}" for height in heights)
    start = f"M{_LEFT + step / 2:g} {_BOTTOM}"
    marks = [(_TOP + 6, labels.number(most)), (_BOTTOM + 2, "0")]
    width = min(max(round(step - 1), 1), _WIDEST)
    return _first_that_fits([_plot(start + path, marks, ends, width=width)])


def draw_names(counts: Sequence[tuple[str, int]]) -> str | None:
    """Draw a bar with its name and number for each of *counts*, as far as there is room.

    What there is no room for is added up as `others`.
    """

    def drawn() -> Iterator[str]:
        for shown in range(len(counts), 0, -1):
            for longest in _NAME_LENGTHS:
                yield _named(first(counts, shown), longest)

    return _first_that_fits(drawn())


def first(counts: Sequence[tuple[str, int]], number: int) -> list[tuple[str, int]]:
    """Return *number* of *counts*, the last of which is all others where there are more."""
    if len(counts) <= number:
        return list(counts)
    rest = sum(count for _, count in counts[number - 1 :])
    return [*counts[: number - 1], (_OTHERS, rest)]


def _named(counts: Sequence[tuple[str, int]], longest: int) -> str:
    most = max(count for _, count in counts)
    texts, path = "", ""
    for number, (name, count) in enumerate(counts):
        below = number * _ROW + 10
        width = max(round(count / most * (_BARS_TO - _BARS_FROM)), 1) if most else 1
        texts += f'<text y="{below}">{labels.name(name, longest)}</text>'
        texts += f'<text x="{_BARS_FROM + width + 3}" y="{below}">{labels.number(count)}</text>'
        path += f"M{_BARS_FROM} {below - 8}h{width}v8h-{width}"
    return _svg(f'{texts}<path d="{path}" fill="{_LINE}"/>', height=len(counts) * _ROW + 2)


def _plot(path: str, marks: Sequence[tuple[int, str]], ends: Ends, *, width: int) -> str:
    """Draw *path* with *marks*, by their height, at its left, and *ends* below."""
    texts = f'<text x="{_LEFT}" y="{HEIGHT - 3}">{ends[0]}</text><g text-anchor="end">'
    texts += "".join(f'<text x="26" y="{below}">{mark}</text>' for below, mark in marks)
    texts += f'<text x="{_RIGHT}" y="{HEIGHT - 3}">{ends[1]}</text></g>'
    thick = f' stroke-width="{width}"' if width > 1 else ""
    return _svg(f'{texts}<path d="{path}" fill="none" stroke="{_LINE}"{thick}/>', height=HEIGHT)


def _svg(content: str, *, height: int) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'style="font:9px sans-serif" fill="{_TEXT}">{content}</svg>'
    )


def _line(places: Sequence[int | None], step: int) -> str:
    """Return the path through *places*, one every *step*; a place with none beside it is a dash."""
    path, last, skipped = "", _BOTTOM, 0
    for place in places:
        if place is None:
            skipped += 1
            continue
        if not path:
            path = f"M{_LEFT + skipped * step} {place}h1"
        else:
            # The dash at the first place of a line is part of the step to the next one.
            dashed = path.endswith("h1")
            wide = (skipped + 1) * step - dashed
            command = "m" if skipped else "l" if dashed else " "
            path += f"{command}{wide}{_signed(place - last)}{'h1' if skipped else ''}"
        last, skipped = place, 0
    return path


def _signed(number: int) -> str:
    return str(number) if number < 0 else f" {number}"


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _first_that_fits(pictures: Iterable[str]) -> str | None:
    return next((one for one in pictures if len(markdown(one)) <= MOST_CHARACTERS), None)
