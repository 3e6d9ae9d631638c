"""The columns by which a table is followed from run to run: its cursor, and its tombstones' key."""

from export_assets.config.models import SourceConfig
from export_assets.errors import UsageError
from export_assets.tables.schema import LogicalType, TableSchema

_CURSORS = frozenset(
    {
        LogicalType.INTEGER,
        LogicalType.DATE,
        LogicalType.TIMESTAMP,
        LogicalType.NAIVE_TIMESTAMP,
    }
)


def cursor_of(schema: TableSchema, config: SourceConfig) -> str | None:
    """Return the cursor of the table that *schema* describes, None where it has none.

    Raises:
        UsageError: It does not exist, its type does not grow, or its values must not be shown.
    """
    cursor = config.table(schema.name).cursor
    if cursor is None:
        return None
    if cursor not in schema.names:
        msg = f"{schema.name}: source has no column {cursor}, its cursor"
        raise UsageError(msg)
    kind = schema.column(cursor).logical
    if kind not in _CURSORS:
        msg = f"{schema.name}.{cursor}: is {kind}, a cursor needs a timestamp, a date or an integer"
        raise UsageError(msg)
    if config.redacts(schema.name, cursor) or cursor in config.table(schema.name).anonymize:
        msg = f"{schema.name}.{cursor}: is hidden, and manifests show how far a cursor was read"
        raise UsageError(msg)
    return cursor


def tombstone_key(
    schema: TableSchema, config: SourceConfig, exported: tuple[str, ...]
) -> tuple[str, ...]:
    """Return the columns whose values tombstones hold; none where the table has no tombstones.

    Raises:
        UsageError: The table has no primary key, or it does not leave.
    """
    if not config.table(schema.name).tombstones:
        return ()
    if not schema.primary_key:
        msg = f"{schema.name}: tombstones need a primary key; name its columns in primary_key"
        raise UsageError(msg)
    for column in schema.primary_key:
        if column not in exported or config.redacts(schema.name, column):
            msg = f"{schema.name}.{column}: tombstones need the key, and the column does not leave"
            raise UsageError(msg)
    return schema.primary_key
