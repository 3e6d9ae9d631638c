"""Tables for people; the only module that needs Rich's console."""

import os
import sys
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from export_assets.cli.text import printable

_WIDE = 4000


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Leave it to the boundary of the command line, which knows the exit code."""
        raise  # noqa: PLE0704 - Rich calls this while it handles the error


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[str]], *, right: Sequence[str] = ()
) -> None:
    """Print a table of plain text; the columns named in *right* are aligned there.

    Where nobody looks at it no line is ever folded, so that the output can be cut and searched.
    """
    seen = sys.stdout.isatty()
    console = _Console(
        width=None if seen else _WIDE,
        highlight=False,
        markup=False,
        emoji=False,
        # Set but empty means nothing: https://no-color.org
        no_color=bool(os.environ.get("NO_COLOR")) or None,
    )
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for name in columns:
        shown.add_column(name, justify="right" if name in right else "left", overflow="fold")
    for row in rows:
        shown.add_row(*(Text(printable(cell)) for cell in row))
    console.print(shown)
