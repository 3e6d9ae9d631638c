"""Tables for people: how they look, and how figures are written in them."""

import os
import sys
from collections.abc import Iterable, Sequence
from functools import cache

from rich.console import Console
from rich.table import Table
from rich.text import Text

from export_assets.cli.output import printable

_WIDE = 4000
_THOUSAND = 1000
_UNITS = ("B", "kB", "MB", "GB", "TB")


@cache
def console() -> Console:
    """Return the console of stdout; where nobody looks at it, no line is ever cut."""
    seen = sys.stdout.isatty()
    return Console(
        width=None if seen else _WIDE,
        highlight=False,
        markup=False,
        emoji=False,
        no_color="NO_COLOR" in os.environ or None,
    )


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, right: Sequence[str]) -> Table:
    """Return a table of plain text; the columns named in *right* are aligned there."""
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for name in columns:
        side = "right" if name in right else "left"
        shown.add_column(name, justify=side, overflow="fold")  # type: ignore[arg-type]  # a literal
    for row in rows:
        shown.add_row(*(Text(printable(cell)) for cell in row))
    return shown


def figure(number: int) -> str:
    """Return *number* with its thousands apart: `1,234,567`."""
    return f"{number:,}"


def size(number: int) -> str:
    """Return a number of bytes for people: `1.2 MB`."""
    value, step = float(number), 0
    while value >= _THOUSAND and step < len(_UNITS) - 1:
        value, step = value / _THOUSAND, step + 1
    return f"{value:.1f} {_UNITS[step]}" if step else f"{number} B"


def duration(seconds: float) -> str:
    """Return a duration for people: `0.42 s`, `12.3 s`, `3 min 5 s`."""
    if seconds < 10:  # noqa: PLR2004 - below ten a second digit tells something
        return f"{seconds:.2f} s"
    if seconds < 60:  # noqa: PLR2004 - a minute
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"
