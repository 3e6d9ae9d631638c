"""The generations of the application's database, each named by its number of tables.

The oldest has 14 tables. Three features were tried one after the other and given up again, so that
files of 16, 17 and 18 tables are about, and today's has 15. Columns were added on the way.
"""

import sqlite3
from contextlib import closing
from functools import cache
from typing import Final, Literal

from export_assets.sources.sqlite_catalog import CatalogTable, read_catalog
from export_assets.systems.labeling.ddl import (
    EXPORT_JOBS,
    MODEL_USAGE,
    TODAY,
    USER_SESSIONS,
    VARIANTS,
)

Generation = Literal[14, 15, 16, 17, 18]

BY_AGE: Final[tuple[Generation, ...]] = (14, 16, 17, 18, 15)
"""The generations from the oldest to today's."""
GENERATIONS: Final[tuple[Generation, ...]] = (14, 15, 16, 17, 18)
CURRENT: Final[Generation] = 15

REVISIONS: Final[dict[Generation, str]] = {
    14: "3f0c1d2e4a5b",
    16: "7a9b8c6d5e4f",
    17: "b1c2d3e4f5a6",
    18: "c4d5e6f7a8b9",
    15: "e8f9a0b1c2d3",
}
"""What `alembic_version` holds."""

VARIANTS_TABLE: Final = "image_variants"
"""The table that the oldest generation lacks."""

_GIVEN_UP: Final[tuple[tuple[Generation, str, str], ...]] = (
    (16, "model_usage", MODEL_USAGE),
    (17, "export_jobs", EXPORT_JOBS),
    (18, "user_sessions", USER_SESSIONS),
)
"""Tables that today's generation has no more: the first generation with it, and how it is made."""

_ADDED: Final[tuple[tuple[Generation, str, str, str], ...]] = (
    (16, "projects", "confidence_threshold", "FLOAT"),
    (16, "projects", "iou_threshold", "FLOAT"),
    (16, "images", "split_section", "VARCHAR(20)"),
    (16, "images", "is_verified", "BOOLEAN"),
    (17, "annotations", "is_verified", "BOOLEAN"),
    (18, "dev_mode_settings", "master_password_hash", "VARCHAR(255)"),
    (18, "training_sessions", "resources_json", "TEXT"),
)
"""Columns that are not as old as their table: the first generation with it, and its type."""


def create(generation: Generation) -> str:
    """Return the statements that make an empty database of *generation*."""
    age = BY_AGE.index(generation)
    script = [TODAY, VARIANTS if generation != BY_AGE[0] else ""]
    for since, table, column, _ in _ADDED:
        if age < BY_AGE.index(since):
            script.append(f"ALTER TABLE {table} DROP COLUMN {column};\n")
    script += [made for since, _, made in _GIVEN_UP if CURRENT != generation >= since]
    return "".join(script)


def upgrade(generation: Generation) -> dict[str, list[str]]:
    """Return, by table it changes, the statements that make today's database of *generation*.

    An added column comes last in its table, where a new database has it among the others.
    """
    steps: dict[str, list[str]] = {}
    present = catalog(generation)
    for _, table, column, declared in _ADDED:
        if column not in {one.name for one in present[table].columns}:
            statement = f"ALTER TABLE {table} ADD COLUMN {column} {declared}"
            steps.setdefault(table, []).append(statement)
    if VARIANTS_TABLE not in present:
        steps[VARIANTS_TABLE] = [VARIANTS]
    for _, table, _ in _GIVEN_UP:
        if table in present:
            steps[table] = [f"DROP TABLE {table}"]
    if generation != CURRENT:
        revision = REVISIONS[CURRENT]
        steps["alembic_version"] = [f"UPDATE alembic_version SET version_num = '{revision}'"]  # noqa: S608 - ours
    return steps


@cache
def catalog(generation: Generation) -> dict[str, CatalogTable]:
    """Return the tables of a *generation*, as SQLite describes them."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(create(generation))
        return read_catalog(connection)


def every_generation() -> list[CatalogTable]:
    """Return the tables of all generations, oldest first; most come several times."""
    return [table for generation in BY_AGE for table in catalog(generation).values()]


@cache
def known_columns() -> dict[str, frozenset[str]]:
    """Return by table the columns it has in any generation."""
    found: dict[str, frozenset[str]] = {}
    for table in every_generation():
        names = frozenset(column.name for column in table.columns)
        found[table.name] = found.get(table.name, frozenset()) | names
    return found
