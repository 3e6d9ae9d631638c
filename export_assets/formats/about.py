"""What a file of several tables tells of them: a table, or a sheet, with a row for each."""

from collections.abc import Mapping
from typing import Final

import polars as pl

from export_assets.formats.joining import ABOUT, Origin, Parts
from export_assets.tables.batch import Batch
from export_assets.tables.schema import Column, LogicalType, TableSchema

ABOUT_SCHEMA: Final = TableSchema(
    name=ABOUT,
    columns=(
        Column(name="table", logical=LogicalType.TEXT, nullable=False),
        Column(name="called", logical=LogicalType.TEXT, nullable=False),
        Column(name="rows", logical=LogicalType.INTEGER, nullable=False),
        Column(name="row_digest", logical=LogicalType.TEXT, nullable=False),
        Column(name="source", logical=LogicalType.TEXT, nullable=False),
        Column(name="taken_at", logical=LogicalType.TIMESTAMP, nullable=False),
    ),
    primary_key=("table",),
)


def about(parts: Parts, called: Mapping[str, str], origin: Origin) -> Batch:
    """Return the rows that tell of *parts*, which are *called* so in the file."""
    rows = [
        (name, called[name], part.digest.rows, part.digest.row_digest, origin.source)
        for name, part in parts.items()
    ]
    frame = pl.DataFrame(rows, schema=list(ABOUT_SCHEMA.names[:-1]), orient="row")
    moment = pl.lit(origin.taken_at).alias("taken_at")
    return Batch(frame.with_columns(moment).cast(ABOUT_SCHEMA.polars))
