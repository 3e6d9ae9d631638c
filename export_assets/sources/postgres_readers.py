"""The connections that see one moment: the one that holds the locks, and more where it is busy.

Whoever wants to change a table waits for the connection that holds its lock, and everybody who
comes later waits behind him, a second connection of ours as well. So the first one does all the
work, as long as it does one thing at a time.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Lock

from export_assets.errors import RemoteTransient, UsageError
from export_assets.sources.postgres_open import BEGIN
from export_assets.sources.postgres_session import Session
from export_assets.sources.sql import text


class Readers:
    """Connections of one snapshot; the first is the caller's, the others are closed here."""

    def __init__(
        self, leader: Session, connect: Callable[[], Session], path: Sequence[str]
    ) -> None:
        self._leader = leader
        self._leading = Lock()
        self._connect = connect
        self._path = path
        self._lock = Lock()
        self._idle: list[Session] = []
        self._closed = False
        [(self._snapshot,)] = leader.rows("select pg_export_snapshot()")

    @contextmanager
    def reader(self) -> Iterator[Session]:
        """Lend a connection; what fails on the first one leaves its transaction as it was.

        Raises:
            SourceBusy: The first one is at work, and the server takes no further connection.
            RemoteTransient: The connection that holds the snapshot was lost.
        """
        if self._leading.acquire(blocking=False):
            try:
                with self._leader.undone():
                    yield self._leader
            finally:
                self._leading.release()
            return
        session = self._take()
        try:
            yield session
        except BaseException:
            session.close()
            raise
        with self._lock:
            if not self._closed:
                self._idle.append(session)
                return
        session.close()

    def cancel(self) -> None:
        """Ask the server to stop what the first connection streams."""
        self._leader.cancel()

    def close(self) -> None:
        """Close every further connection that is not lent."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for session in idle:
            session.close()

    def _take(self) -> Session:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        session = self._connect()
        try:
            session.search(self._path)
            session.run(BEGIN)
            self._share(session)
        except BaseException:
            session.close()
            raise
        return session

    def _share(self, session: Session) -> None:
        try:
            session.run(f"set transaction snapshot {text(self._snapshot)}")
        except UsageError as error:  # the server no longer knows it
            msg = f"{session.name}: the connection that holds the snapshot was lost"
            raise RemoteTransient(msg) from error
