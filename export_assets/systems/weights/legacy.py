"""CSV as dumps of before had it: eight columns, few decimals, `true` and `false`, CRLF.

`last_weight` has two decimals and `last_trend` four, rounded as Python rounds a float: the number
as the machine holds it, and half to even where it lies exactly between. 80.125 is written 80.12,
and 80.135, which is held as a little less, 80.13. Other numbers are written in full. Texts are
quoted where they must be.
"""

import csv
import io
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

import polars as pl

from export_assets.systems.weights.tables import LEGACY_COLUMNS

_PLACES: Final[Mapping[str, int]] = {"last_weight": 2, "last_trend": 4}


def legacy_lines(frames: Iterable[pl.DataFrame]) -> Iterable[bytes]:
    """Yield the header, and then the lines of each of *frames* of the table `states`."""
    yield _lines([LEGACY_COLUMNS])
    for frame in frames:
        rows = frame.select(LEGACY_COLUMNS).iter_rows()
        yield _lines(
            [_cell(*pair) for pair in zip(LEGACY_COLUMNS, row, strict=True)] for row in rows
        )


def _lines(rows: Iterable[Iterable[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode()


def _cell(name: str, value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, float) and name in _PLACES:
        return f"{value:.{_PLACES[name]}f}"
    return str(value)
