"""MySQL and MariaDB as a source: one consistent read over one connection, nothing locked."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

import sqlalchemy as sa

from export_assets.errors import ExportError, SourceMissing, UsageError
from export_assets.sources.base import SnapshotInfo, Source
from export_assets.sources.mysql_catalog import read_catalog, schema_names, shape_of, text
from export_assets.sources.mysql_connect import address_of, make_engine, set_up
from export_assets.sources.mysql_errors import translate
from export_assets.sources.mysql_snapshot import MySqlSnapshot, Shape, begin, overall
from export_assets.sources.mysql_stamp import stamp
from export_assets.sources.sqlalchemy_session import Session


class MySqlSource(Source):
    """One or more databases of one server.

    Writers are never held up, except those who change the shape of a table that was read: they
    wait until the snapshot is left.
    """

    def __init__(
        self, name: str, url: str, *, busy_timeout: float = 30.0, schemas: Sequence[str] = ()
    ) -> None:
        """Name a server's databases; nothing is connected to yet.

        Args:
            name: The source's name.
            url: `mysql://user:password@host/database`, see the how-to page.
            busy_timeout: Seconds to wait for locks and for the server to answer.
            schemas: Databases to read; the one that *url* names where empty.
        """
        self.name = name
        self._text = url
        self._busy_timeout = busy_timeout
        self._asked = tuple(dict.fromkeys(schemas))

    def fingerprint(self) -> str:
        """Return a stamp of the server; see `mysql_stamp`."""
        with self._session() as session:
            return stamp(session)

    @contextmanager
    def snapshot(self) -> Iterator[MySqlSnapshot]:
        """Begin a consistent read; see `Source.snapshot`.

        Raises:
            RemoteTransient: The server does not answer, or not any more.
        """
        with self._session() as session:
            schemas, default = self._present(session)
            # Before the moment: whatever changes in between makes the next stamp another one.
            fingerprint = stamp(session)
            shape = shape_of(session, schemas)
            with self._telling():
                taken_at = datetime.now(UTC)
                begin(session.connection)
            mariadb = "mariadb" in text(session.rows(sa.text("select version()"))[0][0]).lower()
            catalog = read_catalog(session, schemas, default=default, mariadb=mariadb)
            info = SnapshotInfo(
                kind="mysql-consistent-read",
                id=fingerprint,
                taken_at=taken_at,
                consistency=overall(catalog),
            )
            yield MySqlSnapshot(
                self.name,
                info,
                session,
                catalog,
                shape=shape,
                shape_now=lambda tables: self._shape_now(schemas, tables),
            )

    def _shape_now(self, schemas: Sequence[str], tables: Sequence[str] | None) -> Shape:
        # Inside the snapshot, some servers show shapes as they were.
        with self._session() as session:
            return shape_of(session, schemas, tables)

    @cached_property
    def _url(self) -> sa.URL:
        return address_of(self.name, self._text)

    @cached_property
    def _engine(self) -> sa.Engine:
        return make_engine(self.name, self._url, busy_timeout=self._busy_timeout)

    @property
    def _schemas(self) -> tuple[str, ...]:
        """Names of the databases to read.

        Raises:
            UsageError: None is named anywhere.
        """
        if self._asked:
            return self._asked
        if not self._url.database:
            msg = f"{self.name}: url: names no database: mysql://user:password@host/database"
            raise UsageError(msg)
        return (self._url.database,)

    @contextmanager
    def _session(self) -> Iterator[Session]:
        socket = self._url.query.get("unix_socket")
        if isinstance(socket, str) and not Path(socket).exists():
            msg = f"{self.name}: there is no socket {socket}; does the server run?"
            raise SourceMissing(msg)
        with self._telling():
            connection = self._engine.connect()
        try:
            with self._telling():
                set_up(connection, busy_timeout=self._busy_timeout)
                number = connection.exec_driver_sql("select connection_id()").scalar_one()
            yield Session(
                connection,
                translate=self._translate,
                interrupt=lambda: self._kill(int(number)),
                asks_to_stream=False,  # as `StreamCursor` always does
            )
        finally:
            # A transaction that only read has nothing to undo, and a lost one cannot.
            connection.invalidate()
            connection.close()

    def _kill(self, number: int) -> None:
        """End the statement that runs on connection *number*, which stays as it is."""
        with self._engine.connect() as other:
            other.exec_driver_sql(f"kill query {number}")

    def _present(self, session: Session) -> tuple[tuple[str, ...], str]:
        """Return the databases to read, and the default one, as the server writes their names.

        Raises:
            SourceMissing: One is not there, or not for this user.
        """
        asked = self._schemas
        folds = text(session.rows(sa.text("select @@lower_case_table_names"))[0][0]) != "0"
        present = {name.lower() if folds else name: name for name in schema_names(session)}
        found: dict[str, str] = {}
        for schema in dict.fromkeys((*asked, self._url.database or asked[0])):
            key = schema.lower() if folds else schema
            if key not in present:
                msg = f"{self.name}: the server shows no database {schema} to this user"
                raise SourceMissing(msg)
            found[schema] = present[key]
        return tuple(found[name] for name in asked), found[self._url.database or asked[0]]

    @contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except (sa.exc.SQLAlchemyError, OSError, RuntimeError, TypeError) as error:
            raise self._translate(error) from error

    def _translate(self, error: Exception) -> ExportError:
        if isinstance(
            error, RuntimeError
        ):  # of the driver, that a package is missing for this login
            return UsageError(f"{self.name}: {error}: pip install pymysql[rsa]")
        original = getattr(error, "orig", None)
        return translate(original if original is not None else error, self.name)
