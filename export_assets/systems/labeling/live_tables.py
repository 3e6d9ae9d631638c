"""Edits of the tables themselves: a new column, and the upgrade to today's generation."""

import sqlite3

from export_assets.systems.labeling.live_edit import Chance, Edit, transaction
from export_assets.systems.labeling.schema import CURRENT, GENERATIONS, catalog, upgrade

_GROWING = ("projects", "datasets", "images", "annotations", "labels", "releases")


def add_column(connection: sqlite3.Connection, chance: Chance) -> Edit:
    """Add a column that no generation has, with NULL in every row."""
    table, column = chance.pick(_GROWING), f"added_{chance.next_number()}"
    with transaction(connection):
        connection.execute(f"alter table {table} add column {column} VARCHAR(50)")
    return Edit(kind="add_column", tables=frozenset({table}), said=f"added {table}.{column}")


def upgrade_to_current(connection: sqlite3.Connection, chance: Chance) -> Edit:
    """Bring the database to today's generation; one that is there already stays as it is."""
    del chance
    names = {
        str(row[0])
        for row in connection.execute("select name from sqlite_schema where type = 'table'")
    }
    generation = next((one for one in GENERATIONS if names == catalog(one).keys()), CURRENT)
    steps = upgrade(generation)
    with transaction(connection):
        for statements in steps.values():
            for statement in statements:
                connection.execute(statement)
    said = f"upgraded from {generation} tables to {CURRENT}"
    return Edit(kind="upgrade", tables=frozenset(steps), said=said)
