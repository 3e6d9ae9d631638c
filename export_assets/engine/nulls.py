"""Values exported as null because the configuration says so: counted before they are."""

from dataclasses import replace

from export_assets.sources.base import Scan, Snapshot
from export_assets.tables.conform import Conformer
from export_assets.tables.schema import Column, Fidelity, TableSchema


def count_nulls(snapshot: Snapshot, schema: TableSchema, *, assume_timezone: str) -> TableSchema:
    """Return *schema* with a verdict `lossy` for each column that rules of reading make null.

    The conformer lets no value become null in a column of another verdict.
    """
    ruled = tuple(one.name for one in schema.columns if one.reading and one.reading.from_text)
    if not ruled:
        return schema
    part = schema.select(ruled)
    conformer = Conformer(part, assume_timezone=assume_timezone)
    for frame in snapshot.scan(Scan(table=schema.name, schema=part)):
        conformer.count_misfits(frame)
    for column in part.columns:
        unread, nulled = conformer.unread[column.name], conformer.nulled[column.name]
        if unread + nulled:
            schema = schema.with_column(_lossy(column, unread, nulled))
    return schema


def _lossy(column: Column, unread: int, nulled: int) -> Column:
    what = f"values that are no {column.logical}" if unread else "texts that stand for no value"
    reason = f"{what} are null, as configured"
    return replace(column, fidelity=Fidelity(verdict="lossy", reason=reason, count=unread + nulled))
