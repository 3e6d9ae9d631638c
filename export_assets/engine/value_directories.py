"""Directories `column=value` that the rows of a partition are divided into, as Hive names them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import polars as pl

from export_assets.engine.tables import TIMES
from export_assets.errors import UsageError
from export_assets.store.layout import hive_value
from export_assets.tables.partitions import UNDATED
from export_assets.tables.schema import LogicalType, TableSchema

_ALLOWED = frozenset(
    {
        LogicalType.BOOLEAN,
        LogicalType.INTEGER,
        LogicalType.TEXT,
        LogicalType.DATE,
        LogicalType.UUID,
    }
)
_LONGEST = 200
"""Bytes of a directory's name that every file system has room for."""


@dataclass(frozen=True, kw_only=True)
class ValueDirectories:
    """Which directory each row of a table belongs into."""

    name: str
    """What stands before `=`."""
    column: str
    by_day: bool = False

    @classmethod
    def of(cls, schema: TableSchema, time_column: str | None, by: str) -> Self:
        """Return the directories of *schema* by its column *by*.

        `date` is the day of the table's time, `session` the column `session_id`, unless columns
        are called so.

        Raises:
            UsageError: There is no such column, or its values make no names.
        """
        if by in schema.names:
            found = cls(name=by, column=by)
        elif by == "date" and time_column in schema.names:
            found = cls(name=by, column=str(time_column), by_day=True)
        elif f"{by}_id" in schema.names:
            found = cls(name=by, column=f"{by}_id")
        else:
            columns = ", ".join(schema.names)
            msg = f"partition_by: {schema.name} has no column {by}; its columns are {columns}"
            raise UsageError(msg)
        kind = schema.column(found.column).logical
        if not found.by_day and kind not in _ALLOWED:
            hint = "; 'date' takes its day" if kind in TIMES else ""
            msg = f"partition_by: {schema.name}.{by} is {kind}, and makes no directories{hint}"
            raise UsageError(msg)
        return found

    def split(self, frame: pl.DataFrame) -> Iterator[tuple[str, pl.DataFrame]]:
        """Yield directories with their rows of *frame*, the rows in their order.

        Raises:
            UsageError: A value is too long for a directory's name.
        """
        values = frame.get_column(self.column)
        keys = (values.dt.date() if self.by_day else values).cast(pl.String).alias("key")
        if keys.n_unique() <= 1:
            yield self._directory(keys[0] if frame.height else None), frame
            return
        groups = pl.DataFrame({"key": keys, "row": pl.int_range(frame.height, eager=True)})
        for (key,), rows in groups.group_by("key", maintain_order=True):
            yield self._directory(key), frame[rows["row"]]

    def _directory(self, key: object) -> str:
        # As Hive does: no text has no name either.
        value = hive_value(str(key)) if key is not None and key != "" else UNDATED
        directory = f"{hive_value(self.name)}={value}"
        if len(directory) > _LONGEST:
            msg = f"partition_by: {self.name} has the value {str(key)[:40]!r}, which is no name"
            raise UsageError(msg)
        return directory
