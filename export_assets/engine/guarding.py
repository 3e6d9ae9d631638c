"""Rows chosen by somebody who may see the exports, and nothing else of the source.

Which rows a filter leaves tells what the column holds, whether the column is exported or not.
"""

from collections.abc import Collection

from export_assets.config.models import SourceConfig
from export_assets.engine.request import ExportRequest
from export_assets.errors import UsageError


def check_guarded(
    table: str,
    config: SourceConfig,
    request: ExportRequest,
    *,
    columns: Collection[str],
    time_column: str | None,
) -> None:
    """Refuse a guarded request that chooses rows of *table* by what does not leave.

    Args:
        table: The table.
        config: Its source.
        request: What is asked for.
        columns: The columns of the table.
        time_column: The column that a range of time speaks of.

    Raises:
        UsageError: A column of the filter is left out, redacted or replaced by pseudonyms.
    """
    if not request.guarded:
        return
    rules = config.table(table)
    exported = set(rules.columns or columns) - set(rules.exclude_columns)
    chosen = dict.fromkeys(request.where)
    if request.window.bounded and time_column is not None:
        chosen[time_column] = None
    for column in chosen:
        if column in rules.anonymize or config.redacts(table, column):
            why = "its values do not leave the source"
        elif column not in exported:
            why = "it is not exported, as configured"
        else:
            continue
        msg = f"{table}.{column}: cannot choose rows: {why}"
        raise UsageError(msg)
