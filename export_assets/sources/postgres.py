"""PostgreSQL databases as a source: one locked, repeatable-read moment, streamed as Arrow."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

from export_assets.config.urls import SourceUrl
from export_assets.sources.base import SnapshotInfo, Source
from export_assets.sources.postgres_open import fingerprint, take_moment
from export_assets.sources.postgres_readers import Readers
from export_assets.sources.postgres_session import Session
from export_assets.sources.postgres_snapshot import PostgresSnapshot
from export_assets.sources.postgres_url import address_of


class PostgresSource(Source):
    """One database of a PostgreSQL server, read by a role that may do no more than read."""

    def __init__(
        self,
        name: str,
        url: SourceUrl,
        *,
        busy_timeout: float = 30.0,
        schemas: tuple[str, ...] = (),
    ) -> None:
        self.name = name
        self._url = url
        self._busy_timeout = busy_timeout
        self._schemas = schemas

    def fingerprint(self) -> str:
        """Return a stamp that every commit which wrote something changes; see `Source`."""
        with closing(self._connect()) as session:
            return fingerprint(session, self.name, self._schemas)

    @contextmanager
    def snapshot(self) -> Iterator[PostgresSnapshot]:
        """Lock the tables against changes of their shape and take one snapshot of all.

        Raises:
            SourceMissing: There is no such server or database, or it refuses the user.
            SourceBusy: The server takes no connection now.
            RemoteTransient: Nobody answers, or the connection was lost.
            UsageError: A schema does not exist, or the server is too old.
        """
        with closing(self._connect()) as session:
            moment = take_moment(session, self.name, self._schemas)
            info = SnapshotInfo(
                kind="postgres-snapshot",
                id=moment.stamp,
                taken_at=moment.taken_at,
            )
            with closing(Readers(session, self._connect, moment.schemas.path)) as readers:
                yield PostgresSnapshot(self.name, info, readers, moment)

    def _connect(self) -> Session:
        address = address_of(self._url, busy_timeout=self._busy_timeout)
        return Session(self.name, address, busy_timeout=self._busy_timeout)
