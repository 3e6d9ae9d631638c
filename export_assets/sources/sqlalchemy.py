"""Any database that SQLAlchemy has a dialect for, as a source."""

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property

import sqlalchemy as sa

from export_assets.errors import ExportError, UsageError
from export_assets.sources.base import BATCH_ROWS, Consistency, SnapshotInfo, Source
from export_assets.sources.sqlalchemy_catalog import (
    CatalogColumn,
    CatalogTable,
    names_of,
    read_columns,
)
from export_assets.sources.sqlalchemy_errors import translate
from export_assets.sources.sqlalchemy_observed import observe
from export_assets.sources.sqlalchemy_reading import Nature, Pace
from export_assets.sources.sqlalchemy_session import Session
from export_assets.sources.sqlalchemy_snapshot import ServerSnapshot
from export_assets.sources.sqlalchemy_statement import Relation, everything, select
from export_assets.sources.sqlalchemy_types import nature

_LEVELS = ("SNAPSHOT", "SERIALIZABLE", "REPEATABLE READ")
"""Isolation levels, the one that shows one moment most surely first."""
_FULL = frozenset({"SNAPSHOT", "SERIALIZABLE"})
_BEGIN = {"sqlite": "begin"}
"""What begins a transaction where reading alone does not."""
_NULLS_FIRST = frozenset({"duckdb", "oracle", "postgresql", "sqlite"})
"""Dialects that know NULLS FIRST."""


class SqlAlchemySnapshot(ServerSnapshot):
    """One transaction of a database known through its dialect only."""

    def nature(self, column: CatalogColumn) -> Nature:
        """See `ServerSnapshot.nature`."""
        return nature(column.type)

    def load(self, known: CatalogTable) -> None:
        """See `ServerSnapshot.load`."""
        self._session.use(lambda connection: read_columns(connection, known))

    def columns_of(self, relation: Relation) -> dict[str, CatalogColumn]:
        """Return the columns of a configured view; all its rows are read for their types."""
        names = self._session.result(everything(relation), lambda result: list(result.keys()))
        rows = select(relation, [sa.literal_column("*")])
        return observe(names, self._session.stream(rows, Pace(most=BATCH_ROWS)))


class SqlAlchemySource(Source):
    """A database server, or a file, that there is a dialect and a driver for."""

    def __init__(self, name: str, url: str, *, schemas: Sequence[str] = ()) -> None:
        """Name a database; nothing is connected to yet.

        Args:
            name: The source's name.
            url: `dialect+driver://user:password@host/database`.
            schemas: Schemas to read; the default one where empty.
        """
        self.name = name
        self._text = url
        self._schemas = tuple(dict.fromkeys(schemas))

    def fingerprint(self) -> str:
        """Return a new stamp each time: no way to tell that nothing changed is common to all."""
        return f"sqlalchemy:{uuid.uuid4().hex}"

    @contextmanager
    def snapshot(self) -> Iterator[SqlAlchemySnapshot]:
        """Begin a transaction; see `Source.snapshot`.

        Raises:
            UsageError: The dialect or its driver is not installed.
            RemoteTransient: The server does not answer, or not any more.
        """
        with self._telling():
            connection = self._engine.connect()
        try:
            taken_at = datetime.now(UTC)
            with self._telling():
                consistency = _isolate(connection)
            session = Session(connection, translate=self._translate)
            catalog = session.use(lambda used: names_of(used, self._schemas))
            info = SnapshotInfo(
                kind=f"sqlalchemy-{connection.dialect.name}",
                id=self.fingerprint(),
                taken_at=taken_at,
                consistency=consistency,
            )
            snapshot = SqlAlchemySnapshot(self.name, info, session, catalog)
            snapshot.nulls_first = connection.dialect.name in _NULLS_FIRST
            yield snapshot
        finally:
            connection.invalidate()
            connection.close()

    @cached_property
    def _engine(self) -> sa.Engine:
        try:
            return sa.create_engine(self._text, poolclass=sa.NullPool, hide_parameters=True)
        except sa.exc.NoSuchModuleError as error:
            dialect = self._text.partition(":")[0]
            msg = f"{self.name}: url: SQLAlchemy knows no dialect {dialect}; is its package there?"
            raise UsageError(msg) from error
        except ImportError as error:
            msg = f"{self.name}: url: the driver is not installed: pip install {error.name}"
            raise UsageError(msg) from error
        except (sa.exc.ArgumentError, ValueError, TypeError):
            # What SQLAlchemy says repeats the address, password included.
            msg = f"{self.name}: url: no address of the form dialect+driver://host/database"
            raise UsageError(msg) from None

    @contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except (sa.exc.SQLAlchemyError, OSError, TypeError) as error:
            raise self._translate(error) from error

    def _translate(self, error: Exception) -> ExportError:
        return translate(error, self.name)


def _isolate(connection: sa.Connection) -> Consistency:
    """Take the best isolation there is, and return how far it shows one moment."""
    dialect = connection.dialect
    driver = connection.connection.dbapi_connection
    offered: Sequence[str] = ()
    if driver is not None:
        try:
            offered = dialect.get_isolation_level_values(driver)
        except NotImplementedError:
            offered = ()
    chosen = next((level for level in _LEVELS if level in offered), None)
    if chosen is None:
        return "none"
    connection.execution_options(isolation_level=chosen)
    if dialect.name in _BEGIN:
        connection.exec_driver_sql(_BEGIN[dialect.name])
    return "snapshot" if chosen in _FULL else "best-effort"
