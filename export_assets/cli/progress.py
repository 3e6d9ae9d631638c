"""The progress bar: rows read, rows per second and time left, on a terminal only."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from export_assets.cli.output import Output
from export_assets.cli.signals import raise_if_asked
from export_assets.cli.text import printable


class Progress(Protocol):
    """What a run reports to; see `engine.table_pass` and `engine.table_export`."""

    def announce(self, table: str, count: Callable[[], int]) -> None:
        """A table is about to be read."""

    def advance(self, table: str, rows: int) -> None:
        """So many more of its rows were read."""


class _Silent:
    def announce(self, table: str, count: Callable[[], int]) -> None:
        del table, count

    def advance(self, table: str, rows: int) -> None:
        del table, rows
        raise_if_asked()


@contextmanager
def progress_bar(output: Output) -> Iterator[Progress]:
    """Show how far reading is while the block runs, and give what reports it."""
    if not output.for_people or not sys.stderr.isatty():
        yield _Silent()
        return
    from rich.console import Console
    from rich.progress import BarColumn, TaskID, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar
    from rich.text import Text

    class Speed(TextColumn):
        """Rows read so far, and per second."""

        def render(self, task) -> Text:  # type: ignore[no-untyped-def]  # noqa: ANN001 - Rich's Task
            speed = f"{task.speed:,.0f} rows/s" if task.speed else ""
            return Text(f"{task.completed:,.0f} rows  {speed}")

    bar = Bar(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        Speed(""),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    tasks: dict[str, TaskID] = {}

    class Shown:
        """One line per table; a table that is read again starts again."""

        def announce(self, table: str, count: Callable[[], int]) -> None:
            if table in tasks:
                bar.reset(tasks[table])
            else:
                tasks[table] = bar.add_task(printable(table), total=count())

        def advance(self, table: str, rows: int) -> None:
            if table not in tasks:
                tasks[table] = bar.add_task(printable(table), total=None)
            bar.advance(tasks[table], rows)
            raise_if_asked()

    with bar:
        yield Shown()
