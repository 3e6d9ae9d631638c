"""One connection to a PostgreSQL server: its settings, its questions, its streams of rows."""

import json
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from typing import Any

import pyarrow as pa

from export_assets.errors import ExportError, UsageError
from export_assets.sources.interruptible import interruptibly
from export_assets.sources.postgres_errors import translate
from export_assets.sources.postgres_url import Address
from export_assets.sources.sql import quote

try:
    import adbc_driver_manager
    import adbc_driver_postgresql.dbapi as driver
    from adbc_driver_manager._reader import AdbcRecordBatchReader
except ImportError as error:
    _MSG = "PostgreSQL sources need the extra `postgres`: pip install export-assets[postgres]"
    raise UsageError(_MSG) from error

DriverError = (adbc_driver_manager.Error, OSError)
"""What the driver raises: the latter while it streams."""

_SETTINGS = {
    "timezone": "UTC",
    "datestyle": "ISO",
    "intervalstyle": "iso_8601",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "client_encoding": "UTF8",
    "standard_conforming_strings": "on",
    "xmloption": "content",
    # Rows a policy would hide make the table fail, they are not left out.
    "row_security": "off",
    # The order of storage is the order of storage, whoever else reads.
    "synchronize_seqscans": "off",
    "max_parallel_workers_per_gather": "0",
    "jit": "off",
    "idle_in_transaction_session_timeout": "0",
    "idle_session_timeout": "0",
    "transaction_timeout": "0",
    "statement_timeout": "0",
}
# A setting that this version does not know is left out.
_SET = """
select set_config(s.name, w.value, false) from json_each_text($1::text::json) w
join pg_catalog.pg_settings s on lower(s.name) = w.key
"""
_SYNTAX_ERROR = "42601"
_BATCH_BYTES = 4 * 2**20


class Session:
    """A connection with every setting that values depend on fixed."""

    def __init__(self, name: str, address: Address, *, busy_timeout: float) -> None:
        """Connect.

        Raises:
            SourceMissing: There is no such server or database, or it refuses the user.
            SourceBusy: It takes no connection now.
            RemoteTransient: Nobody answers.
        """
        self.name = name
        self._address = address
        self._streaming: driver.Cursor | None = None
        try:
            self._connection: Any = interruptibly(
                lambda: driver.connect(address.uri, autocommit=True),
                discard=lambda connection: connection.close(),
            )
        except DriverError as error:
            # Without its cause: libpq quotes the address, and a traceback would print it.
            raise translate(error, name) from None
        try:
            self._settle(busy_timeout)
        except BaseException:
            self.close()
            raise

    def _settle(self, busy_timeout: float) -> None:
        # 0 would mean to wait for ever.
        wanted = _SETTINGS | {"lock_timeout": str(max(1, round(busy_timeout * 1000)))}
        if self._address.limits_statements:
            del wanted["statement_timeout"]
        self.rows(_SET, [json.dumps(wanted)])

    @contextmanager
    def undone(self) -> Iterator[None]:
        """Undo what the block did, and open the transaction again, where the block fails."""
        self.run("savepoint attempt")
        try:
            yield
        except BaseException:
            with suppress(ExportError):
                self.run("rollback to savepoint attempt", "release savepoint attempt")
            raise
        self.run("release savepoint attempt")

    def search(self, schemas: Sequence[str]) -> None:
        """Look up unqualified names in *schemas*."""
        path = ", ".join(map(quote, schemas))
        self.rows("select set_config('search_path', $1::text, false)", [path])

    def close(self) -> None:
        """Close the connection, which ends whatever it was doing."""
        with suppress(*DriverError):
            self._connection.close()

    def run(self, *statements: str) -> None:
        """Run *statements*, which return nothing.

        Raises:
            ExportError: See `postgres_errors.translate`.
        """
        for statement in statements:
            self.rows(statement)

    def rows(
        self, statement: str, values: Sequence[object] = (), *, subject: str = ""
    ) -> list[tuple[Any, ...]]:
        """Return the rows of one small question; *values* are bound to `$1`, `$2` and so on.

        Raises:
            ExportError: See `postgres_errors.translate`.
        """
        try:
            with closing(self._connection.cursor()) as cursor:

                def ask() -> list[tuple[Any, ...]]:
                    cursor.execute(statement, tuple(values) or None)
                    return [] if cursor.description is None else list(cursor.fetchall())

                return interruptibly(ask, cancel=lambda: _cancel(cursor))
        except DriverError as error:
            raise self.translated(error, subject) from error

    def schema(self, statement: str, *, subject: str = "") -> pa.Schema:
        """Return the Arrow schema of *statement*, which is not run to its end.

        Raises:
            ExportError: See `postgres_errors.translate`.
        """
        try:
            with closing(self._connection.cursor()) as cursor:
                return cursor.adbc_execute_schema(statement)
        except DriverError as error:
            raise self.translated(error, subject) from error

    def syntax_error(self, statement: str, *, subject: str) -> ExportError | None:
        """Return why *statement* cannot be parsed as one statement, None where it can."""
        try:
            with self.undone():
                self.schema(statement, subject=subject)
        except ExportError as error:
            if getattr(error.__cause__, "sqlstate", None) == _SYNTAX_ERROR:
                return error
        return None

    def stream(self, statement: str, *, subject: str) -> Generator[pa.RecordBatch, None, None]:
        """Yield the rows of *statement* as they arrive.

        Raises:
            ExportError: See `postgres_errors.translate`.
        """
        try:
            with closing(self._connection.cursor()) as cursor:
                cursor.adbc_statement.set_options(
                    **{"adbc.postgresql.batch_size_hint_bytes": str(_BATCH_BYTES)}
                )
                self._streaming = cursor
                cursor.execute(statement)
                with closing(_reader(cursor)) as reader, _cancelled(cursor):
                    yield from reader
        except DriverError as error:
            raise self.translated(error, subject) from error
        finally:
            self._streaming = None

    def cancel(self) -> None:
        """Ask the server, from another thread, to stop whatever is streamed now."""
        cursor = self._streaming
        if cursor is not None:
            _cancel(cursor)

    def translated(self, error: Exception, subject: str) -> ExportError:
        """Return *error* in this package's classes, about *subject* of this source."""
        told = translate(error, f"{self.name}: {subject}" if subject else self.name)
        return type(told)(self._address.masked(str(told)))


def _reader(cursor: driver.Cursor) -> pa.RecordBatchReader:
    """Return the batches of *cursor* by the one reader that tells the server's code of an error.

    PyArrow's own, which the cursor offers, keeps only the words, in the server's language.
    """
    handle = cursor.fetch_arrow()
    return AdbcRecordBatchReader._import_from_c(handle.address)  # noqa: SLF001 - has no other


@contextmanager
def _cancelled(cursor: driver.Cursor) -> Iterator[None]:
    """Tell the server to stop where the block is left before the last row.

    What is on its way is dropped by the next statement; the reader must not be asked again.
    """
    try:
        yield
    except GeneratorExit:
        _cancel(cursor)
        raise


def _cancel(cursor: driver.Cursor) -> None:
    with suppress(*DriverError):
        cursor.adbc_cancel()
