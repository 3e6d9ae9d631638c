"""States on their way into a dump, from memory or from files, a few thousand at a time."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from export_assets.errors import SourceMissing
from export_assets.sources.base import Scan, Snapshot
from export_assets.sources.states.kind import Row, Unreadable
from export_assets.sources.states.quarantine import QUARANTINE
from export_assets.sources.states.source import StateSource
from export_assets.systems.weights.files import WeightsStates
from export_assets.systems.weights.state import rows_of
from export_assets.systems.weights.tables import STATES

States = Mapping[str, Mapping[str, Any]] | str | Path
"""States by user id, with NumPy arrays or lists, or the directory of their files."""

_ROWS = 8_192


class Taken(ABC):
    """The rows of one dump, and what became of states that are none.

    How many there are of either is known once all `states` were taken.
    """

    states: Iterator[pl.DataFrame]
    """Frames of the table `states`, in order of user; to be taken once."""

    @abstractmethod
    def users(self) -> int:
        """Count the rows."""

    @abstractmethod
    def refused(self) -> int:
        """Count the states that cannot be read."""

    @abstractmethod
    def quarantine(self) -> Iterable[pl.DataFrame]:
        """Yield frames of the table `quarantine`."""

    def warnings(self) -> Sequence[str]:
        """Return what else a person should know."""
        return ()


class _OfFiles(Taken):
    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._users, self._refused = (snapshot.count(one.name) for one in (STATES, QUARANTINE))
        self.states = snapshot.scan(Scan(table=STATES.name, schema=STATES))

    def users(self) -> int:
        return self._users

    def refused(self) -> int:
        return self._refused

    def quarantine(self) -> Iterable[pl.DataFrame]:
        return self._snapshot.scan(Scan(table=QUARANTINE.name, schema=QUARANTINE))

    def warnings(self) -> Sequence[str]:
        said = self._snapshot.remarks().warnings
        return [text for text in said if not text.startswith(QUARANTINE.name)]


class _OfMapping(Taken):
    def __init__(self, states: Mapping[str, Mapping[str, object]], zone: ZoneInfo) -> None:
        self._given, self._zone = states, zone
        self._rows: list[Row] = []
        self._refused: list[Row] = []
        self._users = 0
        self.states = self._frames()

    def users(self) -> int:
        return self._users

    def refused(self) -> int:
        return len(self._refused)

    def quarantine(self) -> Iterable[pl.DataFrame]:
        yield pl.DataFrame(self._refused, schema=QUARANTINE.polars, orient="row")

    def _frames(self) -> Iterator[pl.DataFrame]:
        for user in sorted(self._given, key=str):
            state: object = self._given[user]
            try:
                if not isinstance(state, Mapping):
                    msg = "is no state"
                    raise Unreadable(msg, reason="no-object")  # noqa: TRY301 - told below
                self._rows += rows_of(str(user), state, self._zone)[STATES.name]
                self._users += 1
            except Unreadable as error:
                self._refused.append((str(user), "", error.reason, error.detail, 0, None, ""))
            if len(self._rows) >= _ROWS:
                yield self._frame()
        yield self._frame()

    def _frame(self) -> pl.DataFrame:
        rows, self._rows = self._rows, []
        return pl.DataFrame(rows, schema=STATES.polars, orient="row")


@contextmanager
def opened(
    states: States, zone: ZoneInfo, *, temp_dir: Path | None, max_file_bytes: int
) -> Iterator[Taken]:
    """Read *states*, in memory or in the directory of their files.

    Raises:
        SourceMissing: There is no such directory.
    """
    if isinstance(states, Mapping):
        yield _OfMapping(states, zone)
        return
    directory = Path(states)
    if not directory.is_dir():
        msg = f"{directory}: no such directory of states"
        raise SourceMissing(msg)
    source = StateSource(
        "weights",
        directory,
        WeightsStates(zone=zone),
        temp_dir=temp_dir,
        max_file_bytes=max_file_bytes,
    )
    with source.snapshot() as snapshot:
        yield _OfFiles(snapshot)
