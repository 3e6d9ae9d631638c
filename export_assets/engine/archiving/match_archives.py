"""The archive of a match: its logs, a database as of one moment, and exports of exactly these.

    archiver = MatchArchiver(workspace=workspace, source=source, run=run, order=order)
    plan = archiver.plan()              # the dry run
    outcome = archiver.archive()

Everything is copied first. What the zip holds and what the exports are made of are the same bytes,
though loggers go on writing; a last line without its end counts as it stands.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from export_assets.archives.content import CHUNK
from export_assets.archives.encryption.keyring import Keyring
from export_assets.archives.encryption.reading import check_archive, read_metadata
from export_assets.archives.match import (
    MatchFile,
    MatchRequest,
    archive_match,
    archives_of_match,
)
from export_assets.archives.metadata import MatchMetadata
from export_assets.archives.offload.recovery import OF_THE_ARCHIVE
from export_assets.archives.zip_reader import true_path
from export_assets.engine.archiving.match_exports import (
    MatchExports,
    export_match,
    match_config_hash,
    match_formats,
)
from export_assets.engine.archiving.match_logs import MatchLogs, choose_logs
from export_assets.engine.ingest.listing import Listed
from export_assets.engine.ingest.look import open_log
from export_assets.engine.manifests import code_version
from export_assets.engine.request import Run
from export_assets.engine.workspace import ConfiguredSource, Workspace
from export_assets.errors import (
    EXIT_PARTIAL,
    EXIT_WARNINGS,
    IntegrityError,
    SourceMissing,
    WrongKey,
)
from export_assets.sources.private_temp import private_directory
from export_assets.sources.sqlite import SqliteSource
from export_assets.store.durable import directory
from export_assets.store.hashing import hash_file
from export_assets.store.space import check_space
from export_assets.translate import translating


@dataclass(frozen=True, kw_only=True)
class MatchOrder:
    """What is asked for."""

    match_id: str
    patterns: tuple[str, ...] = ()
    """Of the logs; those of the match in the YAML, of its directory, or all, where empty."""
    database: Path | None = None
    """A SQLite file to put in; that of the match in the YAML where not given."""
    logs_only: bool = False
    """Whether exports are left out."""
    force: bool = False
    """Whether another archive is made although one holds the same."""


@dataclass(frozen=True, kw_only=True)
class MatchPlan:
    """What would be archived."""

    logs: MatchLogs
    databases: Mapping[str, Path]
    """By name in the archive, where each is."""
    exports: tuple[str, ...]
    """Names of the files that would be made."""


@dataclass(frozen=True, kw_only=True)
class MatchOutcome:
    """What became of it."""

    path: Path
    status: Literal["archived", "unchanged"]
    """`unchanged`: the archive of before holds the same."""
    logs: MatchLogs
    formats: tuple[str, ...]
    counts: Mapping[str, int]
    members: int
    bytes: int
    """Of the zip."""
    warnings: Sequence[str] = ()
    unread: Mapping[str, str] = field(default_factory=dict)
    """Logs that are inside, and of which nothing could be exported, each with why."""

    @property
    def exit_code(self) -> int:
        """Return 4 where a log could not be read, 3 with warnings, else 0."""
        if self.unread:
            return EXIT_PARTIAL
        return EXIT_WARNINGS if self.warnings else 0


@dataclass(frozen=True, kw_only=True)
class MatchArchiver:
    """Archives one match of one source."""

    workspace: Workspace
    source: ConfiguredSource
    run: Run
    order: MatchOrder

    def plan(self) -> MatchPlan:
        """Return what `archive` would put in; nothing is kept, nothing is written.

        Raises:
            SourceMissing: The log directory or the database is not there, or no log is of the
                match.
            UsageError: The id is none, or the source is none of event logs.
        """
        logs = self._logs(self.source.privately())
        databases = self._databases(logs)
        for path in databases.values():
            if not path.is_file():
                msg = f"{path}: no such file"
                raise SourceMissing(msg)
        formats = {} if self.order.logs_only else match_formats(self.source)
        exports = tuple(f"{table}.{fmt}" for table, names in formats.items() for fmt in names)
        return MatchPlan(logs=logs, databases=databases, exports=exports)

    def archive(self) -> MatchOutcome:
        """Write the archive of the match, unless one that is sound holds the same.

        Raises:
            ConfigError: It cannot be encrypted as configured.
            DestinationError: It could not be written.
            ExportError: An export of the match failed.
            SourceError: A log or the database cannot be read, or no log is of the match.
            UsageError: The id is none, or the source is none of event logs.
        """
        keyring = self.workspace.keyring_of(self.source)
        logs = self._logs(self.source)
        with private_directory(self.source.temp_dir) as scratch:
            files = [*self._copies(logs, scratch), *self._database_copies(logs, scratch)]
            made_by = "" if self.order.logs_only else match_config_hash(self.source)
            found = None if self.order.force else self._standing(files, made_by, keyring)
            if found is not None:
                return self._outcome(found, keyring, logs, "unchanged")
            exports = MatchExports()
            if not self.order.logs_only:
                exports = export_match(
                    self.workspace, self.source, self.run, logs=scratch / "logs", scratch=scratch
                )
            path = archive_match(
                MatchRequest(
                    match_id=self.order.match_id,
                    archives=self.workspace.archives,
                    files=[*files, *exports.files],
                    counts=dict(exports.counts),
                    config_hash=made_by,
                    keyring=keyring,
                    run_id=self.run.id,
                    code_version=code_version(),
                    now=self.run.now,
                )
            )
        return self._outcome(path, keyring, logs, "archived", exports)

    def _logs(self, source: ConfiguredSource) -> MatchLogs:
        order, run = self.order, self.run
        return choose_logs(source, order.match_id, order.patterns, run_id=run.id, now=run.now)

    def _copies(self, logs: MatchLogs, scratch: Path) -> Iterator[MatchFile]:
        """Copy the logs, and yield the copies."""
        with translating(str(scratch)), directory(scratch) as dir_fd:
            needed = sum(listed.path.stat().st_size for listed in logs.logs)
            check_space(dir_fd, subject=str(scratch), estimated_bytes=needed)
        for listed in logs.logs:
            copy = _copied(listed, scratch / "logs" / listed.name)
            yield MatchFile(folder="logs", path=listed.name, file=copy)

    def _databases(self, logs: MatchLogs) -> dict[str, Path]:
        """Return the databases to put in, by their names in the archive."""
        match = self.source.config.log.matches.get(self.order.match_id)
        found = {listed.name: listed.path for listed in logs.databases}
        own = self.order.database
        if own is None and match is not None and match.database is not None:
            own = self.workspace.project.settings.home / Path(match.database).expanduser()
        if own is not None and own.resolve() not in found.values():
            found[own.name] = own
        return found

    def _database_copies(self, logs: MatchLogs, scratch: Path) -> Iterator[MatchFile]:
        """Copy the databases as of one moment each, and yield the copies."""
        for name, path in self._databases(logs).items():
            copy = scratch / "database" / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            SqliteSource(
                self.source.name,
                path,
                busy_timeout=self.source.config.busy_timeout,
                temp_dir=self.source.temp_dir,
            ).copy_to(copy)
            status = path.stat()
            os.utime(copy, ns=(status.st_atime_ns, status.st_mtime_ns))
            yield MatchFile(folder="database", path=name, file=copy)

    def _standing(self, files: Sequence[MatchFile], made_by: str, keyring: Keyring) -> Path | None:
        """Return the newest sound archive of the match that holds exactly *files*.

        Whether it is encrypted, and for whom, does not matter.
        """
        wanted = {(f"{one.folder}/{one.path}", *hash_file(one.file)) for one in files}
        archives, match_id = self.workspace.archives, self.order.match_id
        for path, metadata in archives_of_match(archives, match_id, keyring):
            held = {
                (true_path(member), member.bytes, member.sha256)
                for member in metadata.members
                if not true_path(member).startswith("exports/")
            }
            if held != wanted or metadata.config_hash != made_by:
                continue
            try:
                check_archive(path, keyring)
            except (*OF_THE_ARCHIVE, WrongKey):
                continue
            return path
        return None

    def _outcome(
        self,
        path: Path,
        keyring: Keyring,
        logs: MatchLogs,
        status: Literal["archived", "unchanged"],
        exports: MatchExports | None = None,
    ) -> MatchOutcome:
        metadata = read_metadata(path, keyring)
        if not isinstance(metadata, MatchMetadata):
            msg = f"{path}: is no archive of a match"
            raise IntegrityError(msg)
        return MatchOutcome(
            path=path,
            status=status,
            logs=logs,
            formats=metadata.formats,
            counts=metadata.counts,
            members=len(metadata.members),
            bytes=path.stat().st_size,
            warnings=exports.warnings if exports is not None else (),
            unread=exports.unread if exports is not None else {},
        )


def _copied(listed: Listed, target: Path) -> Path:
    """Copy a log as it is now, with its time of modification.

    Raises:
        SourceMissing: It is gone, or no regular file any more.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with translating(listed.name, side="source"), open_log(listed) as descriptor:
        if descriptor is None:
            msg = f"{listed.name}: is no regular file any more"
            raise SourceMissing(msg)
        status, at = os.fstat(descriptor), 0
        with target.open("xb") as file:
            # A busy writer may be faster than we are: what is there now is what counts.
            while data := os.pread(descriptor, min(CHUNK, status.st_size - at), at):
                file.write(data)
                at += len(data)
    os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))
    return target
