"""Tags by which assets are found: `tag:export_assets/table=orders`, `tag:column/total`.

Dagster's open-source catalogue filters by key, kind, tag, owner and group; its own filters by
column and table name are not part of it. So columns are tags, too, of the table where it lies:
`tag:column/total+` are the table and everything made of it.
"""

from export_assets.defs.names import tag_value
from export_assets.defs.shapes import TableShape
from export_assets.engine.workspace import ConfiguredSource
from export_assets.tables.partitions import ExportPartitions, Partitions, TimePartitions

COLUMN = "column"
MOST_COLUMNS = 200
"""Columns of one table that are tags; those of wider ones are found by their schema alone."""


def asset_tags(
    source: ConfiguredSource,
    table: str = "",
    fmt: str = "",
    *,
    partitions: Partitions | None = None,
) -> dict[str, str]:
    """Return the tags of what belongs to *source*: to one of its tables, in a format."""
    tags = {"source": source.name, "system": source.config.system or "", "table": table}
    tags["format"] = fmt
    if isinstance(partitions, TimePartitions):
        by_export = isinstance(partitions, ExportPartitions)
        tags["every"] = partitions.every
        tags["partitioned_by"] = "export" if by_export else partitions.column
    return {f"export_assets/{name}": tag_value(value) for name, value in tags.items() if value}


def column_tags(shape: TableShape) -> dict[str, str]:
    """Return a tag for each column of a table, as far as they are known."""
    names = [column.name for column in shape.shown[:MOST_COLUMNS]]
    return {f"{COLUMN}/{tag_value(name)}": "" for name in names}
