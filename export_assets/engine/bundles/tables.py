"""One table of a bundle: what is read of it, and by which columns its rows are found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import polars as pl

from export_assets.engine.tables import TablePlan
from export_assets.tables.conform import Conformer
from export_assets.tables.partitions import NoPartitions
from export_assets.tables.schema import Column, LogicalType, TableSchema


@dataclass(frozen=True, kw_only=True)
class BundleTable:
    """A table as a bundle reads it."""

    plan: TablePlan
    """Its schema holds every column that is read: those that leave, and those of references."""
    keys: tuple[str, ...]
    """Columns of references and of the primary key."""

    @property
    def name(self) -> str:
        """The table's name."""
        return self.plan.name

    @property
    def order(self) -> tuple[str, ...]:
        """Columns its rows are ordered by: the primary key."""
        return self.plan.schema.primary_key

    @property
    def key_schema(self) -> TableSchema:
        """The columns of `keys` in the form in which they are compared."""
        schema = self.plan.schema
        return replace(schema, columns=tuple(_compared(schema.column(name)) for name in self.keys))

    def key_dtypes(self, columns: Sequence[str]) -> list[pl.DataType]:
        """Return the types of *columns* in a frame of keys."""
        schema = self.key_schema
        return [schema.column(name).dtype for name in columns]

    def conformer(self, zone: str, *, keys: bool) -> Conformer:
        """Return what gives raw batches their types, of the keys alone or of every column."""
        schema = self.key_schema if keys else self.plan.schema
        return Conformer(schema, assume_timezone=zone)


def plan_bundle_table(
    plan: TablePlan, described: TableSchema, linked: Sequence[str]
) -> BundleTable:
    """Return the table of *plan*, read with the *linked* columns that references need."""
    # A bundle takes rows of all slices.
    plan = replace(plan, partitions=NoPartitions(), time_column=None, order_by=())
    keys = tuple(dict.fromkeys((*linked, *plan.schema.primary_key)))
    known = _known(plan.schema, described)
    # A reference may need a column that does not leave.
    names = dict.fromkeys((*plan.exported, *keys))
    columns = tuple(known[name] for name in names)
    return BundleTable(plan=replace(plan, schema=replace(plan.schema, columns=columns)), keys=keys)


def _known(schema: TableSchema, described: TableSchema) -> Mapping[str, Column]:
    columns = (*described.columns, *schema.columns)
    return {column.name: column for column in columns}


def _compared(column: Column) -> Column:
    """Return *column* in the form its source compares it in.

    Times that a source holds as text or as numbers are compared as those: two texts may mean the
    same moment, and be two keys.
    """
    if column.encoding == "native":
        return column
    logical = LogicalType.TEXT if column.encoding == "iso" else LogicalType.FLOAT
    return replace(column, logical=logical, encoding="native", precision=None, scale=None)
