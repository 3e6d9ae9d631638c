"""What a person may choose in the launchpad when launching exports.

The fields are of Dagster's plain types. Those that `dagster.Config` makes of `str`, `int` and
`bool` also take `{"env": NAME}` and put the variable of the run's process in: who may launch a run
could read the passwords of the sources: see docs/decisions/0037-run-configuration-is-anybodys.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import dagster as dg

from export_assets.config.dates import day_range
from export_assets.errors import UsageError
from export_assets.tables.partitions import Window

_DAY = "YYYY-MM-DD, today, yesterday or T-7d; in UTC"

OVERWRITE: Final[Mapping[str, dg.Field]] = {
    "overwrite": dg.Field(
        bool,
        default_value=False,
        description="Publish again what has not changed, too.",
    ),
}
"""The only choice about bundles and sets."""

TABLE_CHOICES: Final[Mapping[str, dg.Field]] = {
    **OVERWRITE,
    "full": dg.Field(
        bool,
        default_value=False,
        description="Read every row and compare it, also of a source that seems unchanged and of "
        "tables with a cursor.",
    ),
    "start_date": dg.Field(
        str,
        is_required=False,
        description="First day of a run without a partition, of a table that is sliced by time; "
        f"every partition it touches is exported whole. {_DAY}.",
    ),
    "end_date": dg.Field(
        str, is_required=False, description=f"Last day of such a run, included. {_DAY}."
    ),
}
"""What may be chosen about the exports of a table. A published partition is complete, so nothing
here leaves rows or columns out; see `extract_config` for what does."""


@dataclass(frozen=True, kw_only=True)
class ExportChoices:
    """What was chosen of `TABLE_CHOICES`."""

    overwrite: bool = False
    full: bool = False
    window: Window = field(default_factory=Window)


def choices_of(given: Mapping[str, Any], *, now: datetime) -> ExportChoices:
    """Return what *given*, a configuration that Dagster checked, chooses at the moment *now*.

    Raises:
        UsageError: A date names no day, or the first lies after the last.
    """
    start, end = day_range(given.get("start_date"), given.get("end_date"), now=now)
    return ExportChoices(
        overwrite=given["overwrite"], full=given["full"], window=Window(start=start, end=end)
    )


def check_window(
    choices: ExportChoices, *, table: str, by_time: bool, names_partitions: bool
) -> None:
    """Refuse a range of days where it cannot mean whole partitions of *table*.

    Raises:
        UsageError: The table is not sliced by time, or the run names its partitions already.
    """
    if not choices.window.bounded:
        return
    if not by_time:
        msg = f"{table}: is not sliced by time; leave start_date and end_date out"
        raise UsageError(msg)
    if names_partitions:
        msg = f"{table}: the run names its partitions; leave start_date and end_date out"
        raise UsageError(msg)
