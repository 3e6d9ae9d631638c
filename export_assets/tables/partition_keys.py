"""The partition of each row, as an expression. Apart, for listings need no Polars."""

import polars as pl
from polars import selectors

from export_assets.tables.partitions import KEY_FORMATS, TimePartitions

_SPANS = {"hour": "1h", "day": "1d", "month": "1mo", "year": "1y"}


def key_expr(partitions: TimePartitions) -> pl.Expr:
    """Return the expression that gives each row's key, null where the column is null."""
    return _moment(partitions).dt.strftime(KEY_FORMATS[partitions.every])


def start_expr(partitions: TimePartitions) -> pl.Expr:
    """Return the expression that gives the start of each row's partition.

    To compare times is quicker than to write them out; `keys_of` does that for those that differ.
    """
    return _moment(partitions).dt.truncate(_SPANS[partitions.every])


def keys_of(starts: pl.Series, partitions: TimePartitions) -> pl.Series:
    """Return the keys of partitions that start at *starts*."""
    return starts.dt.strftime(KEY_FORMATS[partitions.every])


def _moment(partitions: TimePartitions) -> pl.Expr:
    # Not `col`, which takes some names for patterns.
    return selectors.by_name(partitions.column).cast(pl.Datetime("us"))
