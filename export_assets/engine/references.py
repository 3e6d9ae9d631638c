"""References that lead nowhere: rows that are exported as they are, and told of."""

from collections.abc import Collection

from export_assets.config.models import SourceConfig
from export_assets.config.rules import Relation
from export_assets.errors import ExportError
from export_assets.sources.base import Snapshot
from export_assets.sources.sql import quote

_VIEW = "export_assets_dangling"


def dangling_notes(
    snapshot: Snapshot, config: SourceConfig, exported: Collection[str]
) -> list[str]:
    """Return a note for each configured relation of the tables *exported* that rows break.

    One query per relation, in the source. What cannot be asked is left to the checks of Dagster.
    """
    if config.kind != "database":
        return []
    notes = []
    present = set(snapshot.tables())
    for one in config.relations:
        if one.child_table not in exported or one.parent_table not in present:
            continue
        try:
            rows = _count(snapshot, one)
        except ExportError:
            continue
        if rows:
            what = "1 row refers" if rows == 1 else f"{rows:,} rows refer"
            notes.append(f"{one.child}: {what} to no {one.parent}")
    return notes


def _count(snapshot: Snapshot, one: Relation) -> int:
    child, parent = f"c.{quote(one.child_column)}", f"p.{quote(one.parent_column)}"
    name = f"{_VIEW}_{one.child_table}_{one.child_column}"
    there = f"select 1 from {quote(one.parent_table)} p where {parent} = {child}"  # noqa: S608 - quoted
    statement = (
        f"select {child} as value from {quote(one.child_table)} c "  # noqa: S608 - quoted
        f"where {child} is not null and not exists ({there})"
    )
    with snapshot.defining({name: statement}):
        return snapshot.count(name)
