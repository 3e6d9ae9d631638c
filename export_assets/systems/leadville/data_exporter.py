"""The exporter: what a program asks of the logs of a range, without a project of its own.

    exporter = DataExporter(export_dir="exports", log_dir="logs", compression="gzip")
    exporter.export_run_data_csv()
    exporter.export_ndjson(filter_events=["shot_detected"], include_raw_data=False)
    exporter.export_parquet(partition_by="date")
    exporter.create_match_archive("club_2025")
    exporter.offload_data("logs", date(2025, 9, 1))

Every call returns the path of what it wrote, after it was read back and compared with the logs.
"""

import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from pydantic import ValidationError

from export_assets.config.format_options import FormatOptionsConfig
from export_assets.config.models import SourceConfig
from export_assets.config.problems import problems_of
from export_assets.engine.archiving.match_archives import MatchArchiver, MatchOrder
from export_assets.engine.archiving.offloading import Offloader, OffloadOrder
from export_assets.engine.request import ExportRequest, Run
from export_assets.engine.run import Exporter
from export_assets.engine.workspace import ConfiguredSource, Workspace
from export_assets.errors import DestConflict, IntegrityError, UsageError, class_of
from export_assets.systems.registry import load_workspace

SOURCE = "leadville"

_GLOB = str.maketrans({sign: f"[{sign}]" for sign in "*?["})


class DataExporter:
    """Exports and archives the logs of one range.

    Args:
        export_dir: Where files go, archives below it; by default where the project's exports go.
        compression: Codec of Parquet: gzip, brotli, lz4, zstd, snappy or none; by default as
            configured.
        batch_size: Most rows held at once; by default as configured.
        log_dir: The logs; by default those of the project's source `leadville`.
        home: Directory of a project whose configuration holds; by default that of the
            environment, and where there is none the built-in configuration.

    Raises:
        ConfigError: The project's configuration is wrong.
        UsageError: *compression* or *batch_size* is none.
    """

    def __init__(
        self,
        export_dir: Path | str | None = None,
        *,
        compression: str | None = None,
        batch_size: int | None = None,
        log_dir: Path | str | None = None,
        home: Path | None = None,
    ) -> None:
        given = None if export_dir is None else Path.cwd() / Path(export_dir).expanduser()
        self._workspace: Workspace = load_workspace(
            home, environ=os.environ, flags={"exports_dir": given}
        )
        self._source = self._source_of(log_dir)
        if batch_size is not None:
            config = _with_batches(self._source.config, batch_size)
            self._source = replace(self._source, config=config)
        self._compression = compression
        self._last = datetime.min.replace(tzinfo=UTC)

    @property
    def export_dir(self) -> Path:
        """Where files go."""
        return self._workspace.project.settings.exports_dir

    def export_run_data_csv(self, *, pattern: str | None = None) -> Path:
        """Write one row per shooting run and return the file.

        Args:
            pattern: Of the paths of the only logs that are read.

        Raises:
            SourceMissing: There are no logs.
            ExportError: The runs could not be written as they are.
        """
        return self._exported("runs", "csv", pattern)

    def export_ndjson(
        self,
        filter_events: Sequence[str] | None = None,
        *,
        include_raw_data: bool | None = None,
        pattern: str | None = None,
    ) -> Path:
        """Write the logged objects, one a line under a line that describes them.

        Args:
            filter_events: The only types of events, by canonical names or the logs' own.
            include_raw_data: Whether objects keep their raw payload; by default as configured.
            pattern: Of the paths of the only logs that are read.

        Raises:
            UsageError: No event is called as in *filter_events*.
            SourceMissing: There are no logs.
            ExportError: The events could not be written as they are.
        """
        only = {}
        if filter_events is not None:
            only = {"events": {"event_type": self._types(filter_events)}}
        options = {}
        if include_raw_data is not None:
            options["ndjson"] = FormatOptionsConfig(include_raw_data=include_raw_data)
        return self._exported("events", "ndjson", pattern, only=only, options=options)

    def export_parquet(
        self,
        partition_by: str | None = None,
        *,
        table: str = "events",
        pattern: str | None = None,
        overwrite: bool = False,
    ) -> Path:
        """Write a table as Parquet and return the file, or the directory where it is divided.

        Args:
            partition_by: `date`, `session` or a column, by whose values files lie in directories.
            table: `events`, `runs` or another table.
            pattern: Of the paths of the only logs that are read.
            overwrite: Whether a directory of an earlier call is replaced.

        Raises:
            DestConflict: The directory is there, and may not be replaced.
            UsageError: There is no such table, column or codec.
            SourceMissing: There are no logs.
            ExportError: The rows could not be written as they are.
        """
        given = {"compression": self._compression, "partition_by": partition_by}
        chosen = FormatOptionsConfig(**{key: value for key, value in given.items() if value})
        return self._exported(
            table, "parquet", pattern, options={"parquet": chosen}, overwrite=overwrite
        )

    def create_match_archive(
        self,
        match_id: str,
        log_files: Sequence[Path | str] = (),
        database_path: Path | str | None = None,
        *,
        include_all_formats: bool = True,
    ) -> Path:
        """Write the archive of a match and return it; one of before where it holds the same.

        Args:
            match_id: Letters, digits, `.`, `_` and `-`.
            log_files: Logs below the log directory; those of the match, or all, where none is
                named.
            database_path: A SQLite file to put in.
            include_all_formats: Whether exports of the logs go in, in all formats.

        Raises:
            UsageError: The id is none, or a log is not below the log directory.
            SourceError: A log or the database cannot be read.
            ExportError: The archive could not be written.
        """
        order = MatchOrder(
            match_id=match_id,
            patterns=tuple(map(self._pattern, log_files)),
            database=None if database_path is None else Path.cwd() / database_path,
            logs_only=not include_all_formats,
        )
        archiver = MatchArchiver(
            workspace=self._workspace, source=self._source, run=self._run(), order=order
        )
        return archiver.archive().path

    def offload_data(
        self,
        source_dir: Path | str | None = None,
        cutoff_date: date | None = None,
        *,
        delete_source: bool = False,
    ) -> Path | None:
        """Archive the logs whose events are all older than a day, and return the archive.

        Args:
            source_dir: The logs; by default those of this exporter.
            cutoff_date: The first day, in UTC, whose logs stay; by default as configured.
            delete_source: Whether logs are moved to the trash once the archive is proven, which
                the project's settings must permit.

        Returns:
            None where there was nothing to archive.

        Raises:
            UsageError: The project does not permit to delete, or the day is still to come.
            IntegrityError: An archive or what it was made of is damaged.
            ExportError: The archive could not be written; no log was moved.
        """
        run = self._run()
        offloader = Offloader(
            workspace=self._workspace,
            source=self._source if source_dir is None else self._source_of(source_dir),
            run=run,
            order=OffloadOrder(days_old=_days_before(run, cutoff_date), delete=delete_source),
        )
        outcome = offloader.offload()
        if outcome.problems:
            raise IntegrityError("; ".join(outcome.problems))
        return outcome.report.archive

    def _source_of(self, log_dir: Path | str | None) -> ConfiguredSource:
        url = None if log_dir is None else str(Path.cwd() / Path(log_dir).expanduser())
        return self._workspace.source(SOURCE, url=url, base=Path.cwd())

    def _types(self, names: Sequence[str]) -> tuple[str, ...]:
        if isinstance(names, str) or not names:
            msg = "filter_events: must be a list of names; leave it out for all events"
            raise UsageError(msg)
        assert self._source.system is not None  # noqa: S101 - the source is built in
        found: list[str] = []
        for name in names:
            found += self._source.system.event_types(name)
        return tuple(dict.fromkeys(found))

    def _pattern(self, log: Path | str) -> str:
        """Return the pattern of one log: its path below the log directory, nothing else."""
        directory = self._source.logs.place.directory.resolve()
        path = (Path.cwd() / log).resolve()
        if not path.is_relative_to(directory):
            msg = f"{log}: is not below the log directory {directory}"
            raise UsageError(msg)
        return path.relative_to(directory).as_posix().translate(_GLOB)

    def _exported(
        self,
        table: str,
        fmt: str,
        pattern: str | None,
        **chosen: Any,  # noqa: ANN401 - fields of the request
    ) -> Path:
        """Export one table in one format; raise what went wrong with it."""
        only_logs = () if pattern is None else (pattern,)
        request = ExportRequest(
            tables=(table,),
            formats=(fmt,),
            output_dir=self.export_dir,
            only_logs=only_logs,
            **chosen,
        )
        source = replace(self._source, only_logs=only_logs)
        report = Exporter(
            workspace=self._workspace, source=source, request=request, run=self._run()
        ).export()
        for name, error in report.unread.items():
            msg = f"{name}: {error}"
            raise class_of(error.exit_code)(msg) from error
        record = report.records[0]
        if record.status == "skipped":
            raise DestConflict(record.error)
        if record.path is None:
            raise class_of(record.exit_code)(record.error)
        return record.path

    def _run(self) -> Run:
        # Names of files tell the second: no two calls have the same.
        now = max(datetime.now(UTC), self._last + timedelta(seconds=1))
        self._last = now
        return Run(id=f"exporter-{now:%Y%m%dT%H%M%S}-{uuid4().hex[:6]}", now=now)


def _with_batches(config: SourceConfig, rows: int) -> SourceConfig:
    try:
        SourceConfig.model_validate(
            {"source": config.source, "url": config.url, "batch_size": rows}
        )
    except ValidationError as error:
        problem = problems_of(error, SourceConfig, written={})[0]
        msg = f"batch_size: {problem.text}"
        raise UsageError(msg) from error
    return config.model_copy(update={"batch_size": rows})


def _days_before(run: Run, day: date | None) -> int | None:
    """Return how many days before that of *run* the *day* is.

    Raises:
        UsageError: It is still to come.
    """
    if day is None:
        return None
    if isinstance(day, datetime):
        day = (day.astimezone(UTC) if day.tzinfo is not None else day).date()
    days = (run.now.date() - day).days
    if days < 0:
        msg = f"cutoff_date: {day} is still to come"
        raise UsageError(msg)
    return days
