"""Rows that a database counts to a bundle although they spell a key otherwise.

Where a column ignores case or blanks at the end, `de` refers to `DE`. A bundle compares exactly;
what it leaves out by that is counted and told.
"""

import polars as pl

from export_assets.engine.bundles.keys import distinct, key_frame, positions
from export_assets.engine.bundles.relations import Link
from export_assets.engine.bundles.tables import BundleTable
from export_assets.sources.base import Scan, Snapshot


def spelled_otherwise(
    link: Link, child: BundleTable, wanted: pl.DataFrame, snapshot: Snapshot, zone: str
) -> str | None:
    """Say how many rows refer by *link* to keys *wanted* in another spelling; None where none do.

    Raises:
        SourceError: The source failed.
        ValueMismatch: A value does not fit its column's type.
    """
    scan = Scan(table=child.name, schema=child.key_schema, assume_timezone=zone)
    conformer, alike, rows = child.conformer(zone, keys=True), distinct(_folded(wanted)), 0
    for raw in snapshot.scan(scan):
        keys = key_frame(conformer.conform(raw), link.child_columns)
        rows += len(positions(_folded(keys), alike)) - len(positions(keys, wanted))
    if not rows:
        return None
    told = f"1 row of {link.child} refers" if rows == 1 else f"{rows} rows of {link.child} refer"
    return (
        f"{link}: {told} to rows of the bundle in another spelling, which the source "
        "takes for the same and a bundle does not"
    )


def _folded(keys: pl.DataFrame) -> pl.DataFrame:
    # By position: what a column is called means nothing here.
    return pl.DataFrame(
        [
            one.str.to_lowercase().str.strip_chars_end(" ") if one.dtype == pl.String else one
            for one in keys.get_columns()
        ]
    )
