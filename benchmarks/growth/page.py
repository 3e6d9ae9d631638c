"""How cost grows, as a part of a page of the documentation, with its pictures."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.growth.fit import CLEAR_GROWTH, MOST_BEYOND, MOST_STEEPER, Fit
from benchmarks.growth.plot import draw

MEGABYTE = 1_000_000
IMAGES = Path(__file__).parents[2] / "docs" / "images"
_ORDER = ("rows", "columns", "partitions", "logs", "assets")


def section(entry: Mapping[str, Any]) -> list[str]:
    """Return the lines of Markdown for what `record.keep` keeps.

    Pictures are referred to as `images/growth-NAME.svg`; `write_images` makes them.
    """
    told = (
        "Each size is measured in fresh processes, by wall clock and resident memory. Small sizes "
        "are nearly all start: programs load in a second or two, whatever there is to do. So the "
        "law fitted is a + b·n^k, by relative errors, with the start a apart, and k is told only "
        f"where what is added is {CLEAR_GROWTH:g} times the start or more. A curve is worse than "
        f"n log n where k lies more than {MOST_STEEPER:g} above the exponent of n log n itself "
        f"between the two largest sizes, or where the largest size costs more than "
        f"{MOST_BEYOND:g} times what start + n log n, through all smaller sizes, foretells."
    )
    lines = [told, ""]
    for name, curve in _in_order(entry["curves"]):
        lines += _curve(name, curve)
    return lines


def write_images(entry: Mapping[str, Any], directory: Path = IMAGES) -> list[Path]:
    """Write the picture of each curve's time into *directory* and return the files."""
    directory.mkdir(parents=True, exist_ok=True)
    written = []
    for name, curve in _in_order(entry["curves"]):
        if len(curve["points"]) < 3:
            continue
        path = directory / f"growth-{name}.svg"
        picture = draw(
            [point["n"] for point in curve["points"]],
            [point["seconds"] for point in curve["points"]],
            Fit(**curve["time"]),
            counted=curve["counted"],
            unit="seconds",
            title=alt_text(curve),
        )
        path.write_text(picture, encoding="utf-8")
        written.append(path)
    return written


def alt_text(curve: Mapping[str, Any]) -> str:
    """Return what the picture shows, in words."""
    first, last = curve["points"][0], curve["points"][-1]
    return (
        f"{curve['title']}: {_seconds(first['seconds'])} at {first['n']:,} to "
        f"{_seconds(last['seconds'])} at {last['n']:,}; {says(curve['time'])}"
    )


def _in_order(curves: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    known = {name: place for place, name in enumerate(_ORDER)}
    for name in sorted(curves, key=lambda one: (known.get(one.split("-")[0], len(known)), one)):
        yield name, curves[name]


def _curve(name: str, curve: Mapping[str, Any]) -> Iterator[str]:
    yield f"### {curve['title']}"
    yield ""
    yield f"| {curve['counted']} | seconds | peak MB | rounds |"
    yield "|---:|---:|---:|---:|"
    for point in curve["points"]:
        seconds, peak = _seconds(point["seconds"]), point["peak"] / MEGABYTE
        yield f"| {point['n']:,} | {seconds.removesuffix(' s')} | {peak:.0f} | {point['rounds']} |"
    yield ""
    yield f"Time {says(curve['time'])}. Memory {says(curve['memory'])}."
    if curve["left_out"]:
        yield f"Not measured: {', '.join(f'{size:,}' for size in curve['left_out'])}."
    yield f"Measured on {curve['date']}, {curve['machine']}."
    yield ""
    if len(curve["points"]) >= 3:
        yield f"![{alt_text(curve)}](images/growth-{name}.svg)"
        yield ""


def says(law: Mapping[str, Any]) -> str:
    said = str(law["verdict"])
    if law["exponent"] is not None:
        said += f", k = {law['exponent']:.2f}"
    if law["beyond"] is not None:
        said += f" (the largest at {law['beyond']:.2f} x what n log n foretells)"
    return said


def _seconds(seconds: float) -> str:
    return f"{seconds:.4f} s" if seconds < 0.1 else f"{seconds:.2f} s"
