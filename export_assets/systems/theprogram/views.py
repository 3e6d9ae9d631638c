"""The exported shape of tables that do not leave as they are, as SELECT statements.

`app_config` always goes through a view: the password's hash is not merely blanked out, the
statement that is read does not name it, unless the configuration exposes that very column.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from export_assets.config.models import SourceConfig
from export_assets.sources.sql import alias, quote
from export_assets.systems.theprogram.computed import COMPUTED

APP_CONFIG: Final = "app_config"
PASSWORD_HASH: Final = "password_hash"  # noqa: S105 - a column's name
HAS_PASSWORD: Final = "has_password"  # noqa: S105 - a column's name


def exposes_hash(config: SourceConfig) -> bool:
    """Whether *config* says by name that the password's hash may leave."""
    return PASSWORD_HASH in config.table(APP_CONFIG).expose


def theprogram_views(
    columns_of: Mapping[str, Sequence[str]], config: SourceConfig, *, computed: bool
) -> dict[str, str]:
    """Return table name to SELECT statement for the tables that need one.

    Args:
        columns_of: Physical columns by table.
        config: The source's configuration.
        computed: Whether the computed columns are wanted.
    """
    found = {}
    for table, columns in columns_of.items():
        shaped = [_without_hash(name) if table == APP_CONFIG else quote(name) for name in columns]
        if exposes_hash(config) or table != APP_CONFIG:
            shaped = [quote(name) for name in columns]
        added = _computed(table, columns) if computed else []
        if added or shaped != [quote(name) for name in columns]:
            found[table] = f"select {', '.join(shaped + added)} from {quote(table)}"  # noqa: S608 - quoted
    return found


def _without_hash(name: str) -> str:
    # SQLite takes a column by any case of its name.
    if name.lower() != PASSWORD_HASH:
        return quote(name)
    column = quote(name)
    return alias(f"({column} is not null and {column} not in ('', x''))", HAS_PASSWORD)


def _computed(table: str, columns: Sequence[str]) -> list[str]:
    taken = {name.lower() for name in columns}
    return [
        alias(expression, one.name)
        for one in COMPUTED.get(table, ())
        if one.name not in taken and (expression := one.sql(columns)) is not None
    ]
