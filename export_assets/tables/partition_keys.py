"""The partition key of each row, as an expression. Apart, for listings need no Polars."""

import polars as pl
from polars import selectors

from export_assets.tables.partitions import KEY_FORMATS, TimePartitions


def key_expr(partitions: TimePartitions) -> pl.Expr:
    """Return the expression that gives each row's key, null where the column is null."""
    # Not `col`, which takes some names for patterns.
    return (
        selectors.by_name(partitions.column)
        .cast(pl.Datetime("us"))
        .dt.strftime(KEY_FORMATS[partitions.every])
    )
