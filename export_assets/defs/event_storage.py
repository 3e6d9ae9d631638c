"""Dagster's event log in SQLite, over connections that stay open.

Dagster's own opens one for every statement, has each statement compiled anew, and empties the
write-ahead log whenever it closes: most of the time of a run over many partitions. See
docs/decisions/0041-events-are-written-over-open-connections.md. The files are the same, so either
reads what the other wrote.
"""

import os
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from sqlite3 import Connection as Sqlite
from threading import get_ident
from typing import Any, Self

import sqlalchemy as sa
from dagster import EventLogEntry
from dagster._core.event_api import EventHandlerFn
from dagster._core.storage.event_log.sqlite.sqlite_event_log import (
    SqliteEventLogStorage,
    SqliteEventLogStorageWatchdog,
)
from dagster._core.storage.sql import create_engine
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._core.storage.sqlite_storage import SqliteStorageConfig
from dagster._serdes import ConfigurableClassData
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.pool import QueuePool
from watchdog.events import FileSystemEvent
from watchdog.observers import Observer

_HOME = "DAGSTER_HOME"
_MOST_OPEN = 16
"""Files kept open: that of all runs, and those of the runs last written or looked at."""


class OpenSqliteEventLogStorage(SqliteEventLogStorage):
    """An event log whose files stay open between two statements."""

    _obs: Any  # an Observer, once somebody watches

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engines: OrderedDict[str, Engine] = OrderedDict()
        self._known: set[tuple[str, str]] = set()
        self._together: tuple[int, ExitStack, dict[str, Connection]] | None = None
        """While events are stored together: by which thread, and over which transactions."""
        super().__init__(base_dir, inst_data)

    @classmethod
    def from_config_value(  # type: ignore[override]  # as in the class above
        cls, inst_data: ConfigurableClassData | None, config_value: SqliteStorageConfig
    ) -> Self:
        """Open the storage of `dagster.yaml`; a relative directory lies below `DAGSTER_HOME`.

        Raises:
            ValueError: Its directory is relative, and `DAGSTER_HOME` is not set.
        """
        directory = Path(config_value["base_dir"])
        if not directory.is_absolute():
            home = os.environ.get(_HOME)
            if not home:
                msg = f"event_log_storage: {directory} lies below {_HOME}, which is not set"
                raise ValueError(msg)
            directory = Path(home) / directory
        return cls(str(directory), inst_data)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        together = self._together
        if together is not None and together[0] == get_ident():
            _, stack, begun = together
            if shard not in begun:
                begun[shard] = stack.enter_context(self._begun(shard))
            yield begun[shard]
            return
        with self._db_lock, self._begun(shard) as connection:
            yield connection

    @contextmanager
    def _begun(self, shard: str) -> Iterator[Connection]:
        """Begin a transaction in the file of *shard*; whoever does holds the lock."""
        engine = self._engine(shard)
        if shard not in self._initialized_dbs:
            self._initdb(engine)
            self._initialized_dbs.add(shard)
        with engine.connect() as connection, connection.begin():
            yield connection

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store *events* in one transaction of each file; Dagster's own has two for each event."""
        with self._db_lock, ExitStack() as stack:
            self._together = (get_ident(), stack, {})
            try:
                for event in events:
                    self.store_event(event)
            finally:
                self._together = None

    def _engine(self, shard: str) -> Engine:
        """Return what connects to the file of *shard*; that used longest ago is closed for it."""
        known = self._engines.get(shard)
        if known is not None:
            self._engines.move_to_end(shard)
            return known
        while len(self._engines) >= _MOST_OPEN:
            _, oldest = self._engines.popitem(last=False)
            oldest.dispose()
        engine = create_engine(
            self.conn_string_for_shard(shard),
            poolclass=QueuePool,
            pool_size=1,
            # Making the tables takes two.
            max_overflow=1,
            # One thread at a time has the connection, though not always the same.
            connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
        )
        # A loss of power may take the last events with it, which lose nothing: what is published
        # is known from the manifests.
        sa.event.listen(engine, "connect", _sync_when_emptied)
        self._engines[shard] = engine
        return engine

    def has_table(self, table_name: str) -> bool:
        """Tell whether the file of all runs has a table; asked with every event stored."""
        # Not over the open connection, which whoever asks may be holding.
        ask = super().has_table
        return self._remembered("", table_name, lambda: ask(table_name))

    def _has_asset_key_col_on_connection(self, conn: Connection, column_name: str) -> bool:
        ask = super()._has_asset_key_col_on_connection
        return self._remembered("asset_keys", column_name, lambda: ask(conn, column_name))

    def _remembered(self, table: str, name: str, ask: Callable[[], bool]) -> bool:
        """Ask until it is there: migrations add tables and columns, and take none away."""
        if (table, name) not in self._known and ask():
            self._known.add((table, name))
        return (table, name) in self._known

    def watch(self, run_id: str, cursor: str | None, callback: EventHandlerFn) -> None:
        """Call *callback* with the events of a run as they come."""
        if not self._obs:
            self._obs = Observer()
            self._obs.start()
        watching = _Watching(self, run_id, callback, cursor)
        scheduled = self._obs.schedule(watching, self._base_dir, recursive=True)
        self._watchers[run_id][callback] = (watching, scheduled)

    def release(self, run_id: str) -> None:
        """Close the file of a run, which is about to be deleted."""
        with self._db_lock:
            engine = self._engines.pop(run_id, None)
            if engine is not None:
                engine.dispose()
            self._initialized_dbs.discard(run_id)

    def wipe(self) -> None:
        """Delete all events."""
        self._close()
        super().wipe()

    def dispose(self) -> None:
        """Close the files."""
        self._close()
        super().dispose()

    def _close(self) -> None:
        with self._db_lock:
            for engine in self._engines.values():
                engine.dispose()
            self._engines.clear()


class _Watching(SqliteEventLogStorageWatchdog):
    """Looks for new events when the write-ahead log changes, where they are until it is emptied."""

    @property
    def patterns(self) -> list[str]:
        return [self._log_path, f"{self._log_path}-wal"]

    def on_modified(self, event: FileSystemEvent) -> None:
        del event
        self._process_log()


def _sync_when_emptied(connection: Sqlite, record: object) -> None:
    del record
    connection.execute("pragma synchronous = normal")
