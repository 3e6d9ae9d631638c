"""Making a catalogue file: beside the one that is there, then in its place in one step.

Whoever has the old file open keeps it as it was. Nothing is ever written into a catalogue that
others can see, for DuckDB lets nobody write a file while somebody reads it.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import duckdb

from export_assets.engine.catalog.answering import plain_message
from export_assets.engine.catalog.leftovers import staging_of, sweep
from export_assets.engine.catalog.names import CATALOG, quoted
from export_assets.engine.catalog.views import View
from export_assets.store.durable import directory, sync
from export_assets.store.filesystem import REAL, Filesystem

Connect = Callable[[Path], AbstractContextManager[duckdb.DuckDBPyConnection]]
"""Opens a database file for writing, and closes it."""

NO_DOWNLOADS: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "allow_community_extensions": False,
    "allow_persistent_secrets": False,
    "python_enable_replacements": False,
}
"""Settings under which DuckDB is what it is, and takes nothing from the surroundings."""

_MODE = 0o640


@contextmanager
def open_file(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the database at *path* for writing."""
    connection = duckdb.connect(str(path), config=NO_DOWNLOADS)
    try:
        yield connection
    finally:
        connection.close()


def write_views(path: Path, views: Sequence[View], *, connect: Connect) -> dict[str, str]:
    """Make the database *path* of *views*; return, by title, why it refuses those it refuses.

    Raises:
        duckdb.Error: The database cannot be made.
    """
    refused: dict[int, str] = {}
    with connect(path) as connection:
        # What fails ends the transaction, and one transaction for each view is slow.
        while (failed := _try(connection, views, refused)) is not None:
            refused.update([failed])
        connection.execute("CHECKPOINT")
    return {views[place].title: reason for place, reason in refused.items()}


def _try(
    connection: duckdb.DuckDBPyConnection, views: Sequence[View], refused: dict[int, str]
) -> tuple[int, str] | None:
    """Make all views but those *refused*, or none; return the first one that fails, and why."""
    connection.execute("BEGIN")
    for place, view in enumerate(views):
        if place in refused:
            continue
        try:
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(view.schema)}")
            connection.execute(view.statement)
        except duckdb.Error as error:
            connection.execute("ROLLBACK")
            return place, plain_message(error)
    connection.execute("COMMIT")
    return None


def replace_catalog(
    root: Path, views: Sequence[View], *, connect: Connect, filesystem: Filesystem = REAL
) -> dict[str, str]:
    """Put a catalogue of *views* in its place below *root*; the caller holds the lock.

    Returns:
        Why DuckDB refuses the views that it refuses, by title.

    Raises:
        duckdb.Error: It cannot be made; the old one is as it was.
        OSError: As above.
    """
    sweep(root)
    staging = staging_of(root)
    staging.mkdir(parents=True, mode=0o700)
    filesystem.at("catalog_staged")
    try:
        refused = write_views(staging / CATALOG, views, connect=connect)
        filesystem.at("catalog_built")
        with directory(staging) as staging_fd, directory(root) as root_fd:
            sync(CATALOG, dir_fd=staging_fd, mode=_MODE, filesystem=filesystem)
            filesystem.rename(CATALOG, CATALOG, dir_fd=root_fd, from_fd=staging_fd)
            filesystem.at("catalog_replaced")
            filesystem.fsync(root_fd)
    finally:
        sweep(root)
    return refused
