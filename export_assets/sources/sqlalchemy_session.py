"""One connection that several ask: statements one at a time, long results streamed."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from threading import RLock
from typing import Any, TypeVar

import sqlalchemy as sa

from export_assets.errors import ExportError
from export_assets.sources.sqlalchemy_reading import Pace

Rows = Sequence[Sequence[Any]]
_T = TypeVar("_T")
_FAILURES = (sa.exc.SQLAlchemyError, ValueError, OSError)


class Session:
    """A connection inside its transaction.

    Server-side cursors hold the connection until their last row. A statement that comes while a
    result is being streamed has the rest of that result fetched into memory first.
    """

    def __init__(
        self,
        connection: sa.Connection,
        *,
        translate: Callable[[Exception], ExportError],
        interrupt: Callable[[], None] | None = None,
        asks_to_stream: bool = True,
    ) -> None:
        """Ask through *connection*.

        Args:
            connection: Where to.
            translate: Says what a driver's error means.
            interrupt: Ends the statement that runs, so that rows nobody wants need not come.
            asks_to_stream: Whether a long result must be asked for row by row.
        """
        self.connection = connection
        self.translate = translate
        self._interrupt = interrupt
        self._asks_to_stream = asks_to_stream
        self._lock = RLock()
        self._open: _Open | None = None

    def rows(self, statement: sa.Executable) -> list[Sequence[Any]]:
        """Return every row of *statement*.

        Raises:
            ExportError: The server refused it or is gone.
        """
        return self.use(lambda connection: list(connection.execute(statement).fetchall()))

    def use(self, do: Callable[[sa.Connection], _T]) -> _T:
        """Return what *do* finds out over the connection, which it has to itself meanwhile.

        Raises:
            ExportError: The server refused it or is gone.
        """
        with self._lock:
            try:
                self._set_aside()
                return do(self.connection)
            except _FAILURES as error:
                raise self.translate(error) from error

    def result(self, statement: sa.Executable, look: Callable[[sa.CursorResult[Any]], _T]) -> _T:
        """Return what *look* finds in the result of *statement* before any row is fetched.

        Raises:
            ExportError: The server refused it or is gone.
        """

        def looked(connection: sa.Connection) -> _T:
            with connection.execute(statement) as result:
                return look(result)

        return self.use(looked)

    def stream(self, statement: sa.Executable, pace: Pace) -> Iterator[Rows]:
        """Yield the rows of *statement* a few at a time, as many as *pace* says then.

        Raises:
            ExportError: The server refused it or is gone.
        """
        mine = self._start(statement)
        try:
            while rows := self._fetch(mine, pace.rows):
                yield rows
        finally:
            self._finish(mine)

    def _start(self, statement: sa.Executable) -> "_Open":
        with self._lock:
            try:
                self._set_aside()
                options = {"stream_results": self._asks_to_stream}
                result = self.connection.execute(statement, execution_options=options)
            except _FAILURES as error:
                raise self.translate(error) from error
            self._open = _Open(result)
            return self._open

    def _fetch(self, one: "_Open", rows: int) -> Rows:
        with self._lock:
            try:
                found = one.fetch(rows)
            except _FAILURES as error:
                one.over = True
                raise self.translate(error) from error
            one.over = not found
            return found

    def _finish(self, one: "_Open") -> None:
        with self._lock:
            if self._open is not one:
                return
            self._open = None
            # What fails now concerns rows that nobody waits for.
            if not one.over and self._interrupt is not None:
                with suppress(ExportError, *_FAILURES):
                    self._interrupt()
                with suppress(*_FAILURES):
                    one.skip()
            with suppress(*_FAILURES):
                one.result.close()

    def _set_aside(self) -> None:
        if self._open is not None:
            self._open.keep()
            self._open = None


class _Open:
    """A result on its way."""

    def __init__(self, result: sa.CursorResult[Any]) -> None:
        self.result = result
        self.over = False
        self._kept: deque[Sequence[Any]] | None = None

    def fetch(self, rows: int) -> Rows:
        if self._kept is None:
            return self.result.fetchmany(rows)
        return [self._kept.popleft() for _ in range(min(rows, len(self._kept)))]

    def keep(self) -> None:
        self._kept = deque(self.result.fetchall())

    def skip(self) -> None:
        while self.result.fetchmany(1_000):
            pass
