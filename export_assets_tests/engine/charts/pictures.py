"""Reading charts as Dagster's web UI does: an image inside Markdown."""

import base64
import re
from xml.etree import ElementTree as ET

SVG = "{http://www.w3.org/2000/svg}"
_IMAGE = re.compile(r"!\[chart\]\(data:image/svg\+xml;base64,([A-Za-z0-9+/=]+)\)")
_DRAWN = {"svg", "g", "text", "path"}
_NUMBERS = re.compile(r"-?[0-9.]+")


def decoded(markdown: str) -> ET.Element:
    """Return the picture inside *markdown*, which is shown in its place and holds nothing else."""
    assert len(markdown) < 1_000
    found = _IMAGE.fullmatch(markdown)
    assert found is not None
    picture = ET.fromstring(base64.b64decode(found[1]))
    assert {one.tag.removeprefix(SVG) for one in picture.iter()} <= _DRAWN
    names = {name for one in picture.iter() for name in one.attrib}
    assert not any(name.startswith("on") or "href" in name for name in names)
    return picture


def texts(picture: ET.Element) -> list[str]:
    return [one.text or "" for one in picture.iter(f"{SVG}text")]


def path(picture: ET.Element) -> str:
    [found] = picture.iter(f"{SVG}path")
    return found.attrib["d"]


def lines(picture: ET.Element) -> list[list[tuple[float, float]]]:
    """Return the lines of a trace as the points they go through."""
    drawn: list[list[tuple[float, float]]] = []
    at = (0.0, 0.0)
    for sign, rest in re.findall(r"([Mmhl])([^Mmhl]*)", path(picture)):
        numbers = [float(number) for number in _NUMBERS.findall(rest)]
        steps = [(number, 0.0) for number in numbers] if sign == "h" else _pairs(numbers)
        for x, y in steps:
            at = (x, y) if sign == "M" else (at[0] + x, at[1] + y)
            if sign in "Mm":
                drawn.append([])
            drawn[-1].append(at)
    return drawn


def _pairs(numbers: list[float]) -> list[tuple[float, float]]:
    return list(zip(numbers[::2], numbers[1::2], strict=True))
