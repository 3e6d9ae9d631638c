"""Moving old logs away: into an archive first, then, where that is permitted, into the trash.

    offloader = Offloader(workspace=workspace, source=source, run=run)
    preview = offloader.plan()          # the dry run: nothing is kept, nothing is written
    outcome = offloader.offload()       # purge what is due, read what is new, archive, move away

A log goes where its last event is old, nothing was written to it for long, and the segments that
are published hold all of it. So its events stay exported, whatever becomes of the file.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from export_assets.archives.encryption.keyring import Keyring
from export_assets.archives.offload.naming import check_name
from export_assets.archives.offload.plan import OffloadPlan
from export_assets.archives.offload.purge import PurgeRequest, plan_purge, purge
from export_assets.archives.offload.request import (
    Candidate,
    OffloadReport,
    OffloadRequest,
    Skipped,
    SkipReason,
)
from export_assets.archives.offload.run import offload, preview_offload
from export_assets.config.log_archives import OffloadConfig
from export_assets.engine.archiving.log_states import LogState, LogStates
from export_assets.engine.ingest.listing import Listed
from export_assets.engine.ingest.names import escaped
from export_assets.engine.ingest.outcome import IngestReport
from export_assets.engine.manifests import code_version
from export_assets.engine.request import Run
from export_assets.engine.workspace import ConfiguredSource, Workspace
from export_assets.errors import (
    EXIT_WARNINGS,
    DestConflict,
    IntegrityError,
    SourceError,
    SourceMissing,
    UsageError,
)
from export_assets.store.filesystem import REAL, Filesystem

_TROUBLES: frozenset[SkipReason] = frozenset({"unreadable", "other_device", "no_key"})
"""Why a log stays that somebody has to do something about."""


@dataclass(frozen=True, kw_only=True)
class OffloadOrder:
    """What is asked for; what is not given is as the source's YAML says under `log.offload`."""

    days_old: int | None = None
    """Whole days, in UTC, that lie between a log's last event and today at least."""
    delete: bool = False
    """Whether logs go once they are archived, though the YAML does not say so."""
    grace: bool = True
    """Whether they wait in the trash before they are gone."""
    name: str | None = None
    """Of the archive, without suffix."""


@dataclass(frozen=True, kw_only=True)
class OffloadPreview:
    """What an offload would do."""

    cutoff: datetime
    plan: OffloadPlan
    deletes: bool
    due: dict[str, list[str]]
    """Files in the trash that would be removed, by archive."""


@dataclass(frozen=True, kw_only=True)
class OffloadOutcome:
    """What an offload did."""

    cutoff: datetime
    deletes: bool
    """Whether logs were to go."""
    report: OffloadReport
    purged: OffloadReport = field(default_factory=OffloadReport)
    """Of the trash, which was emptied first of what was due."""

    @property
    def problems(self) -> list[str]:
        """Damage that was found, one line each."""
        return [*self.purged.problems, *self.report.problems]

    @property
    def exit_code(self) -> int:
        """Return 24 where something is damaged, 3 where a log needs a person, else 0."""
        return exit_code_of(self.purged, self.report)


def exit_code_of(*reports: OffloadReport) -> int:
    """Return 24 where something is damaged, 3 where a log needs a person, else 0."""
    if any(report.problems for report in reports):
        return IntegrityError.exit_code
    troubled = any(one.reason in _TROUBLES for report in reports for one in report.skipped)
    return EXIT_WARNINGS if troubled else 0


@dataclass(frozen=True, kw_only=True)
class Offloader:
    """Offloads the logs of one source."""

    workspace: Workspace
    source: ConfiguredSource
    run: Run
    order: OffloadOrder = OffloadOrder()
    filesystem: Filesystem = REAL

    @property
    def config(self) -> OffloadConfig:
        """What the YAML says."""
        return self.source.config.log.offload

    @property
    def directory(self) -> Path:
        """The log directory.

        Raises:
            UsageError: The source is none of event logs.
        """
        return self.source.logs.place.directory

    @property
    def cutoff(self) -> datetime:
        """Midnight in UTC: logs with events of that moment or later stay."""
        days = self.config.days_old if self.order.days_old is None else self.order.days_old
        today = self.run.now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        try:
            return today - timedelta(days=days)
        except OverflowError as error:
            msg = f"{self.source.name}: {days} days ago there were no days yet"
            raise UsageError(msg) from error

    @property
    def deletes(self) -> bool:
        """Whether logs are to go once they are archived."""
        return self.order.delete or self.config.delete

    @property
    def permitted(self) -> bool:
        """Whether the project permits to delete at all."""
        return self.workspace.project.settings.allow_delete

    @property
    def keyring(self) -> Keyring:
        """For whom archives are encrypted, and what opens them.

        Raises:
            ConfigError: They cannot be as configured.
        """
        return self.workspace.keyring_of(self.source)

    def check(self) -> None:
        """Refuse what would fail later, and to move logs away without the project's permission.

        Raises:
            ConfigError: Archives cannot be encrypted as configured.
            UsageError: The permission is not given, or the name cannot be an archive's.
        """
        # Before anything is read: what is new is published first.
        check_name(self.order.name)
        self.workspace.keyring_of(self.source)
        if self.deletes:
            self._need_permission("to move logs away")

    def plan(self) -> OffloadPreview:
        """Return what `offload` would do; the logs are read, and nothing of it is kept.

        Raises:
            SourceError: The directory or its logs cannot be read.
            UsageError: The project does not permit it, or the order cannot be.
        """
        self.check()
        due = self.plan_purge() if self.permitted else {}
        source = self.source.privately()
        with self._reading(source) as found:
            chooser = self._chooser(LogStates(source.logs, found, now=self.run.now), found)
            plan = preview_offload(chooser.request())
            plan.skipped += chooser.skipped
        return OffloadPreview(cutoff=self.cutoff, plan=plan, deletes=self.deletes, due=due)

    def offload(self) -> OffloadOutcome:
        """Empty the trash of what is due, read what is new, archive, and move away.

        Raises:
            DestinationError: The archive could not be written; no log was moved.
            DestLocked: Another run offloads, or reads the logs.
            IntegrityError: The new archive, read back, does not hold what was read.
            SourceError: The directory or its logs cannot be read.
            UsageError: The project does not permit it, or the order cannot be.
        """
        self.check()
        # What grew in the trash goes back to its place, and is read like any other log.
        purged = self.purge() if self.permitted else OffloadReport()
        source = self._read_as
        with self._reading(source) as found:
            chooser = self._chooser(LogStates(source.logs, found, now=self.run.now), found)
            report = offload(chooser.request())
        report.skipped[:0] = chooser.skipped
        report.problems += chooser.problems
        return OffloadOutcome(
            cutoff=self.cutoff, deletes=self.deletes, report=report, purged=purged
        )

    def plan_purge(self) -> dict[str, list[str]]:
        """Return the files in the trash that `purge` would remove, by archive.

        Raises:
            SourceMissing: There is no log directory.
            UsageError: The project does not permit to delete.
        """
        return plan_purge(self._purge_request())

    def purge(self) -> OffloadReport:
        """Remove from the trash what was there long enough and a sound archive holds.

        Raises:
            DestLocked: Another run offloads.
            SourceMissing: There is no log directory.
            UsageError: The project does not permit to delete.
        """
        return purge(self._purge_request())

    @property
    def _is_elsewhere(self) -> bool:
        """Whether the logs are in another directory than the configured one."""
        own = self.workspace.project.url_of(self.source.name).path
        return own is None or own.resolve() != self.directory.resolve()

    @property
    def _read_as(self) -> ConfiguredSource:
        """The source whose logs are read; where nothing goes, those of others are read privately.

        Their events have no place in the exports of this one.
        """
        return self.source.privately() if self._is_elsewhere and not self.deletes else self.source

    @contextmanager
    def _reading(self, source: ConfiguredSource) -> Iterator[IngestReport]:
        """Read what is new.

        Raises:
            UsageError: The directory is another one than that of the exports.
        """
        with ExitStack() as stack:
            try:
                reading = source.logs.reading(self.run.id, self.run.now)
                report, _ = stack.enter_context(reading)
            except DestConflict as error:
                if not self._is_elsewhere:
                    raise
                msg = f"{source.name}: logs in {self.directory} are not those it exports, so they "
                msg += "may only be archived; make them a source of their own to move them away"
                raise UsageError(msg) from error
            yield report

    def _purge_request(self) -> PurgeRequest:
        self._need_permission("to empty the trash")
        if not self.directory.is_dir():
            msg = f"{self.directory}: is no directory"
            raise SourceMissing(msg)
        grace = timedelta(seconds=self.config.grace) if self.order.grace else timedelta(0)
        return PurgeRequest(
            source_dir=self.directory,
            archives=self.workspace.archives,
            allow_delete=self.permitted,
            grace=grace,
            keyring=self.keyring,
            run_id=self.run.id,
            now=self.run.now,
            filesystem=self.filesystem,
        )

    def _need_permission(self, what: str) -> None:
        if not self.permitted:
            msg = f"{self.source.name}: {what} the project's settings must say `allow_delete: true`"
            raise UsageError(msg)

    def _chooser(self, states: LogStates, report: IngestReport) -> "_Chooser":
        chooser = _Chooser(offloader=self, states=states, report=report)
        chooser.choose(states.files)
        return chooser


@dataclass(kw_only=True)
class _Chooser:
    """Tells the logs that may go from those that stay."""

    offloader: Offloader
    states: LogStates
    report: IngestReport
    candidates: list[Candidate] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    _seen: dict[str, LogState] = field(default_factory=dict)

    def choose(self, files: Sequence[Listed]) -> None:
        for listed in files:
            try:
                reason = self._one(listed)
            except FileNotFoundError:
                reason = "missing"
            except (OSError, SourceError):
                reason = "unreadable"
            if reason is not None:
                self.skipped.append(Skipped(listed.name, reason))
        self.problems = list(dict.fromkeys(self.problems))

    def request(self) -> OffloadRequest:
        own = self.offloader
        return OffloadRequest(
            source_dir=own.directory,
            archives=own.workspace.archives,
            candidates=tuple(self.candidates),
            cutoff=own.cutoff,
            ingested=self._ingested,
            allow_delete=own.deletes and own.permitted,
            grace=own.order.grace,
            min_idle=timedelta(seconds=own.config.min_idle),
            keyring=own.keyring,
            name=own.order.name,
            run_id=own.run.id,
            code_version=code_version(),
            now=lambda: own.run.now,
            filesystem=own.filesystem,
        )

    def _one(self, listed: Listed) -> SkipReason | None:
        """Make a candidate of a log, or return why it stays; cheap questions come first."""
        own, status = self.offloader, listed.path.stat()
        name = escaped(listed.name)
        if name in self.report.unknown:
            return "unknown_dialect"
        if name in self.report.failed:
            return "unreadable"
        last = self.states.last_event_at_least(listed, status)
        if last is not None and last >= own.cutoff:
            return "too_new"
        idle = self.states.idle(status)
        if idle < timedelta(seconds=own.config.min_idle):
            return "not_idle"
        state = self.states.look(listed)
        return "not_regular" if state is None else self._add(state, idle)

    def _add(self, state: LogState, idle: timedelta) -> SkipReason | None:
        if not state.read:
            return "not_ingested"
        times = state.times
        if times is None:
            return "no_events"
        if times[1] < self.offloader.cutoff and self.offloader.deletes:
            # With the file gone, they alone hold its events in the exports.
            damage = self.states.damage(state)
            self.problems += damage
            if damage:
                return "not_ingested"
        self._seen[state.name] = state
        self.candidates.append(
            Candidate(
                path=Path(state.name), content_start=times[0], content_end=times[1], idle=idle
            )
        )
        return None

    def _ingested(self, path: str, size: int) -> bool:
        """Whether the log at *path* is the one that was looked at; it must not be opened here.

        The kernel would take that for somebody else's use of it.
        """
        state = self._seen.get(path)
        if state is None or size != state.size:
            return False
        return state.is_still(self.offloader.directory / path)
