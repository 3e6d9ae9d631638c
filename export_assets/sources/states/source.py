"""A directory of state files as a source: every file is read once, for all tables.

The rows go to a private place, and every table is scanned there: what a run exports is what one
read found. Files have no moment in common, unless none of them changed while they were read, which
a second look at the directory tells.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from export_assets.errors import ContractViolation
from export_assets.sources.base import Consistency, Remarks, SnapshotInfo, Source, refused_figures
from export_assets.sources.private_temp import private_directory
from export_assets.sources.states.kind import StateKind
from export_assets.sources.states.listing import Look, look
from export_assets.sources.states.pass_over import Passed, pass_over
from export_assets.sources.states.quarantine import QUARANTINE
from export_assets.sources.states.snapshot import StateSnapshot
from export_assets.sources.states.spool import Spools

KIND: Final = "state-files"

_TICK_NS = 20_000_000
"""File systems tell no two changes apart that come sooner after each other, at most."""


class StateSource(Source):
    """State files in one directory."""

    def __init__(
        self,
        name: str,
        directory: Path,
        kind: StateKind,
        *,
        temp_dir: Path | None = None,
        max_file_bytes: int,
        quarantine_max: float | None = None,
    ) -> None:
        self.name = name
        self.directory = directory
        self.kind = kind
        self._temp_dir = temp_dir
        self._longest = max_file_bytes
        self._quarantine_max = quarantine_max

    def fingerprint(self) -> str:
        """Return a stamp of all files by name, size, times, inode and mode; see `listing`.

        Raises:
            SourceMissing: The directory is not there.
        """
        return _joined(look(self.directory), self.kind.stamp())

    @contextmanager
    def snapshot(self) -> Iterator[StateSnapshot]:
        """Read every file and give what was read.

        Raises:
            ContractViolation: More files are unreadable than the configuration allows.
            SourceMissing: The directory is not there.
        """
        with private_directory(self._temp_dir) as place:
            taken_at, before, beside = datetime.now(UTC), self._settled(), self.kind.stamp()
            with Spools(place, self.kind.tables()) as spools:
                passed = pass_over(self.directory, before, self.kind, spools, longest=self._longest)
                after = look(self.directory)
                beside_after = self.kind.stamp()
            self._refuse(passed)
            same = (before.stamp, beside) == (after.stamp, beside_after)
            consistency: Consistency = "snapshot" if same else "best-effort"
            info = SnapshotInfo(
                kind=KIND, id=_joined(before, beside), taken_at=taken_at, consistency=consistency
            )
            remarks = self._remarks(before, passed, spools, changed=not same)
            yield StateSnapshot(self.name, info, self.kind.tables(), spools, remarks)

    def _settled(self) -> Look:
        """Look until a change that comes later is sure to show: times have a grain."""
        found = look(self.directory, keep_names=True)
        if time.time_ns() - found.newest_ns < _TICK_NS:
            time.sleep(2 * _TICK_NS / 1e9)
            found = look(self.directory, keep_names=True)
        return found

    def _refuse(self, passed: Passed) -> None:
        refused, most = passed.refused, self._quarantine_max
        if most is not None and refused and refused / passed.files > most:
            msg = f"{self.name}: {refused:,} of {passed.files:,} state files are unreadable, more "
            msg += f"than the {most:.2%} that quarantine_max allows; nothing was published"
            raise ContractViolation(msg)

    def _remarks(self, before: Look, passed: Passed, spools: Spools, *, changed: bool) -> Remarks:
        warnings, notes = [], []
        lines = spools.count(QUARANTINE.name) - passed.refused
        if passed.refused:
            share = passed.refused / passed.files
            warnings.append(
                f"quarantine: {passed.refused:,} of {passed.files:,} state files are unreadable "
                f"({share:.2%})"
            )
        if lines:
            what = "line is no row" if lines == 1 else "lines are no rows"
            warnings.append(f"quarantine: {lines:,} {what} of the files beside the states")
        if changed:
            warnings.append("state files changed while they were read: they are of different times")
        if passed.vanished:
            notes.append(f"removed while state files were read: {passed.vanished:,}")
        if before.others:
            more = f" and {before.others - 1:,} more" if before.others > 1 else ""
            notes.append(f"no state files, not read: {before.other}{more}")
        files = refused_figures(passed.refused, passed.files)
        figures = {schema.name: files for schema in self.kind.tables()}
        return Remarks(warnings=warnings, notes=notes, figures=figures)


def _joined(seen: Look, beside: str) -> str:
    return f"{seen.stamp}:{beside}" if beside else seen.stamp
