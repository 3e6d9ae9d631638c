"""How tables are sliced: by the time of their rows, by that of their exports, or not at all."""

from export_assets.config.models import SourceConfig
from export_assets.engine.request import ExportRequest
from export_assets.errors import UsageError
from export_assets.tables.partitions import (
    ExportPartitions,
    NoPartitions,
    Partitions,
    TimePartitions,
)


def present_partition(table: str, config: SourceConfig, request: ExportRequest) -> NoPartitions:
    """Return what an export of *table*, sliced by the time of its exports, is a partition of.

    In an output directory that is none.

    Raises:
        UsageError: The request names another partition, or a range of time.
    """
    if request.window.bounded:
        msg = f"{table}: is sliced by the time of its exports; its rows have none to filter by"
        raise UsageError(msg)
    by_export = partitions_of(config, table)
    assert isinstance(by_export, ExportPartitions)  # noqa: S101 - the rule has no column
    present = by_export.at(request.moment)
    for key in request.partitions:
        try:
            present.directory(key)
        except UsageError as error:
            msg = f"{table}: {error}"
            raise UsageError(msg) from error
    return NoPartitions() if request.output_dir is not None else present


def partitions_of(config: SourceConfig, table: str) -> Partitions:
    """Return how *table* is sliced in the store."""
    rule = config.table(table).partition_by
    if rule is None:
        return NoPartitions()
    if rule.column is None:
        return ExportPartitions(every=rule.every, start=rule.start)
    return TimePartitions(column=rule.column, every=rule.every, start=rule.start)
