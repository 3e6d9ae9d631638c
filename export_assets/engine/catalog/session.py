"""Asking a catalogue: read-only, and locked to the files that manifests vouch for.

with open_catalog(root) as catalog:
    catalog.fetch("SELECT count(*) FROM shop.orders")
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import duckdb

from export_assets.engine.catalog.answering import told
from export_assets.engine.catalog.building import NO_DOWNLOADS, open_file, write_views
from export_assets.engine.catalog.looking import look
from export_assets.engine.catalog.names import CATALOG, ROOT_VARIABLE, literal
from export_assets.engine.catalog.refreshing import Refreshed, refresh
from export_assets.engine.catalog.statement import checked_statement
from export_assets.engine.catalog.views import plan_views
from export_assets.errors import DestPermission, UsageError
from export_assets.sources.interruptible import interruptibly
from export_assets.sources.private_temp import private_directory

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Catalog:
    """An open catalogue, which answers one statement after the other."""

    root: Path
    """Of the exports, resolved."""
    left_out: tuple[str, ...]
    """What is published and has no view, a line each."""
    seconds: float | None = None
    """What a statement may take."""
    connection: duckdb.DuckDBPyConnection = field(repr=False)

    def query(self, sql: str) -> duckdb.DuckDBPyRelation:
        """Return the rows that *sql* asks for, which are computed as they are fetched.

        What goes wrong while they are fetched is raised by DuckDB as it is, unless `run` does it.

        Raises:
            UsageError: It is no statement that reads, or asks for what does not exist.
            IntegrityError: A published file is gone.
        """
        statement = checked_statement(sql)
        return self.run(lambda: self.connection.sql(statement), statement=statement)

    def fetch(self, sql: str) -> list[tuple[Any, ...]]:
        """Return all rows that *sql* asks for.

        Raises:
            UsageError: As `query`; also where it took too long or needs too much memory.
            IntegrityError: As `query`; also where a published file is damaged.
        """
        found = self.query(sql)
        return self.run(found.fetchall)

    def run(self, work: Callable[[], T], *, statement: str = "") -> T:
        """Return what *work* on the connection returns; a signal ends it, and so does the time.

        The *statement* it is about helps to say what is wrong with it.

        Raises:
            UsageError: It took too long, needs too much memory, or asks for what does not exist.
            IntegrityError: A published file is gone or damaged.
        """
        late = threading.Event()

        def end() -> None:
            late.set()
            self.connection.interrupt()

        timer = threading.Timer(self.seconds, end) if self.seconds else None
        if timer is not None:
            timer.daemon = True
            timer.start()
        try:
            return interruptibly(work, cancel=self.connection.interrupt)
        except duckdb.InterruptException as error:
            if not late.is_set():
                raise
            msg = f"query: took longer than {self.seconds:g} s"
            raise UsageError(msg) from error
        except duckdb.Error as error:
            raise told(error, self.connection, self.left_out, statement) from error
        finally:
            if timer is not None:
                timer.cancel()


@contextmanager
def open_catalog(
    root: Path,
    *,
    seconds: float | None = None,
    memory: str | None = None,
    temp_dir: Path | None = None,
) -> Iterator[Catalog]:
    """Open the catalogue of the exports below *root*, brought up to date before.

    Args:
        root: The root of the exports.
        seconds: What a statement may take; without end by default.
        memory: What it may need of memory, such as `2GB`; DuckDB's own limit by default.
        temp_dir: Where rows go that do not fit; the system's own place by default.

    Raises:
        UsageError: *memory* is no size.
        ExportError: There is no catalogue, and none can be made.
    """
    root = root.resolve()
    with ExitStack() as stack:
        temp = stack.enter_context(private_directory(temp_dir))
        try:
            found = refresh(root, thorough=True)
        except DestPermission:
            # Exports that cannot be written can be read all the same.
            found = _made_aside(root, temp)
        connection = duckdb.connect(
            ":memory:", config={**NO_DOWNLOADS, "temp_directory": str(temp / "rows")}
        )
        stack.callback(connection.close)
        _lock(connection, root, found, memory)
        yield Catalog(root=root, left_out=found.left_out, seconds=seconds, connection=connection)


def _made_aside(root: Path, temp: Path) -> Refreshed:
    planned = plan_views(str(root), look(root, {}))
    refused = write_views(temp / CATALOG, planned.views, connect=open_file)
    views, left_out = planned.made(refused)
    return Refreshed(
        path=temp / CATALOG, written=True, fingerprint="", views=views, left_out=left_out
    )


def _lock(
    connection: duckdb.DuckDBPyConnection, root: Path, found: Refreshed, memory: str | None
) -> None:
    """Attach the catalogue, then take from the connection all it does not need."""
    if memory is not None:
        try:
            connection.execute(f"SET memory_limit = {literal(memory)}")
        except duckdb.Error as error:
            msg = f"memory {memory!r}: not a size such as 500MB or 2GB"
            raise UsageError(msg) from error
    connection.execute(f"ATTACH {literal(str(found.path))} AS catalog (READ_ONLY)")
    connection.execute("USE catalog")
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(f"SET VARIABLE {ROOT_VARIABLE} = {literal(str(root))}")
    files = ", ".join(literal(str(path)) for path in _regular_files(root, found))
    connection.execute(f"SET allowed_paths = [{files}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


def _regular_files(root: Path, found: Refreshed) -> Iterator[Path]:
    """Yield the files that views read; none that is, or lies behind, a symbolic link."""
    for view in found.views:
        directory = root / view.export
        for file in view.files:
            path = directory / file
            inner = path.parents[: file.count("/") - 1]
            if not path.is_symlink() and not any(one.is_symlink() for one in inner):
                yield path
