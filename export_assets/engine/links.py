"""References between tables that nobody declared: `orders.customer_id` to `customers.id`."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from export_assets.errors import ExportError
from export_assets.sources.base import Scan, Snapshot
from export_assets.tables.schema import TableSchema

MOST_ROWS = 2_000_000
"""Of either table: the keys of larger ones are not compared, and nothing is said of them."""

_REFERENCE = re.compile(r"(?P<stem>.+?)(?:_id|Id|ID|_key|_uuid)")


@dataclass(frozen=True, kw_only=True)
class Link:
    """Every value of one column is a key of another table."""

    table: str
    column: str
    ref_table: str
    ref_column: str


def find_links(
    snapshot: Snapshot, schemas: Sequence[TableSchema], rows: Mapping[str, int]
) -> list[Link]:
    """Return the undeclared references that names suggest and all values confirm.

    *rows* are the sizes of the tables, by name.
    """
    return [
        link
        for link in _suggested(schemas)
        if max(rows[link.table], rows[link.ref_table]) <= MOST_ROWS and _holds(snapshot, link)
    ]


def _suggested(schemas: Sequence[TableSchema]) -> Iterator[Link]:
    for child in schemas:
        declared = {column for key in child.foreign_keys for column in key.columns}
        for column in child.columns:
            match = _REFERENCE.fullmatch(column.name)
            if match is None or column.name in declared:
                continue
            names = _plurals(match["stem"].lower())
            for parent in schemas:
                if parent.name.lower() not in names or len(parent.primary_key) != 1:
                    continue
                key = parent.primary_key[0]
                itself = (child.name, column.name) == (parent.name, key)
                same_type = parent.column(key).logical is column.logical
                if same_type and not itself and key.lower() in _keys(column.name, match["stem"]):
                    yield Link(
                        table=child.name,
                        column=column.name,
                        ref_table=parent.name,
                        ref_column=key,
                    )
                    break


def _plurals(stem: str) -> set[str]:
    names = {stem, f"{stem}s", f"{stem}es"}
    return names | {f"{stem[:-1]}ies"} if stem.endswith("y") else names


def _keys(column: str, stem: str) -> set[str]:
    return {"id", "key", "uuid", column.lower(), f"{stem.lower()}_id"}


def _holds(snapshot: Snapshot, link: Link) -> bool:
    """Whether there is a value, and every one is a key."""
    try:
        values = _distinct(snapshot, link.table, link.column)
        keys = _distinct(snapshot, link.ref_table, link.ref_column)
    except ExportError:
        return False  # what cannot be read as declared is no key
    if not len(values) or values.dtype != keys.dtype:
        return False
    return not len(values.to_frame("key").join(keys.to_frame("key"), on="key", how="anti"))


def _distinct(snapshot: Snapshot, table: str, column: str) -> pl.Series:
    schema = snapshot.describe(table).select((column,))
    parts = [
        frame.get_column(column).unique()
        for frame in snapshot.scan(Scan(table=table, schema=schema))
    ]
    empty = pl.Series(dtype=schema.polars[column])
    return pl.concat(parts).unique().drop_nulls() if parts else empty
