"""The progress bar: rows read, rows per second and time left, on a terminal only."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from export_assets.cli.output import Output

if TYPE_CHECKING:
    from export_assets.engine.table_pass import Progress


@contextmanager
def progress_bar(output: Output) -> "Iterator[Progress]":
    """Show how far reading is while the block runs, and give what reports it."""
    from export_assets.engine.table_pass import silent

    if not output.for_people or not sys.stderr.isatty():
        yield silent
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    bar = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.completed:,} rows"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    tasks = {}

    def report(table: str, rows: int) -> None:
        if table not in tasks:
            tasks[table] = bar.add_task(table, total=None)
        bar.advance(tasks[table], rows)

    with bar:
        yield report
