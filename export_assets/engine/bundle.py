"""Relational bundles: chosen rows with everything that hangs on them, from one snapshot.

    report = Bundler(workspace=…, source=…, request=BundleRequest(table="clients", ids=("7",)),
                     run=…).export()

publishes one nested JSON tree and a file per table and format, all in one step; `collect` gives
the same in memory.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec

from export_assets.config.format_options import FormatOptionsConfig
from export_assets.engine.bundle_request import BundleRequest
from export_assets.engine.bundles.bundle_set import SetWriter
from export_assets.engine.bundles.gather import Gathered, Gatherer
from export_assets.engine.bundles.naming import shown_ids
from export_assets.engine.bundles.publishing import PublishedSet, publish, write_directory
from export_assets.engine.bundles.relations import Link
from export_assets.engine.report import ExportRecord, failure
from export_assets.engine.request import ExportRequest, Run
from export_assets.engine.run import Exporter
from export_assets.engine.table_pass import Progress, silent
from export_assets.engine.tables import define_views
from export_assets.engine.workspace import ConfiguredSource, Workspace
from export_assets.errors import EXIT_PARTIAL, EXIT_WARNINGS, ExportError, UsageError
from export_assets.formats.registry import resolve_formats
from export_assets.sources.base import Snapshot
from export_assets.sources.private_temp import private_directory
from export_assets.store.manifest import BUNDLE, TREE, Manifest


@dataclass(frozen=True, kw_only=True)
class BundleReport:
    """What became of one bundle."""

    source: str
    table: str
    run_id: str
    seconds: float
    tables: dict[str, int]
    """Rows by table."""
    found: tuple[str, ...]
    missing: tuple[str, ...]
    path: Path | None = None
    """The directory of the set, or its tree in an output directory."""
    manifest: Manifest | None = None
    """What the store has; in an output directory, what it would have."""
    files: tuple[Path, ...] = ()
    """The tree first."""
    records: Sequence[ExportRecord] = ()
    warnings: Sequence[str] = field(default_factory=tuple)

    @property
    def rows(self) -> int:
        """Rows over all tables."""
        return sum(self.tables.values())

    @property
    def exit_code(self) -> int:
        """0, 3 where an id is missing or something is odd, else the failure's own."""
        failed = [record for record in self.records if record.status == "failed"]
        if failed:
            return failed[0].exit_code
        skipped = any(record.status == "skipped" for record in self.records)
        return EXIT_WARNINGS if self.warnings or skipped else 0


@dataclass(frozen=True, kw_only=True)
class BundleData:
    """A bundle in memory, each value in the form it has in JSON."""

    roots: list[dict[str, Any]]
    related: dict[str, list[dict[str, Any]]]
    """Rows by table, of every table that a reference leads to; of the root's, the other rows."""
    missing: tuple[str, ...]
    tree: msgspec.Raw = field(default_factory=lambda: msgspec.Raw(b"[]"))
    """JSON: the roots with everything that hangs on them inside, as `bundle.json` holds them."""
    files: dict[str, dict[str, bytes]] = field(default_factory=dict)
    """The content of each table's file, by format, then table."""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class BundlePlan:
    """What a bundle would hold."""

    links: list[Link]
    """The references that are followed."""
    tables: dict[str, int]
    """Rows by table."""
    missing: tuple[str, ...]
    """The ids that no row has."""
    warnings: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Bundler:
    """Makes the bundles of one request."""

    workspace: Workspace
    source: ConfiguredSource
    request: BundleRequest
    run: Run
    progress: Progress = silent

    def export(self) -> BundleReport:
        """Export one bundle of all ids.

        Raises:
            UsageError: No row has any of the ids, or the request names what does not exist.
            SourceError: The source cannot be read.
            DestinationError: The set cannot be published; what was published before still is.
            IntegrityError: What was written is not what the snapshot held.
        """
        with self._opened() as (gatherer, spool):
            report = self._export(gatherer, self.request.ids, spool)
            if report is None:
                raise self._unknown(gatherer.key, self.request.ids)
            return report

    def export_each(self) -> list[BundleReport]:
        """Export a bundle of its own for each id, all from one snapshot.

        An id that no row has is told of in the first report; a bundle that cannot be published is
        a failed record.

        Raises:
            UsageError: No row has any of the ids, or the request names what does not exist.
            SourceError: The source cannot be read.
        """
        reports: list[BundleReport] = []
        missing: list[str] = []
        with self._opened() as (gatherer, spool):
            for number, one in enumerate(self.request.ids):
                directory = spool / str(number)
                directory.mkdir()
                try:
                    report = self._export(gatherer, (one,), directory)
                except ExportError as error:
                    report = self._failed(one, error)
                if report is None:
                    missing.append(one)
                else:
                    reports.append(report)
            if not reports:
                raise self._unknown(gatherer.key, missing)
            if missing:
                told = str(self._unknown(gatherer.key, missing))
                warnings = (*reports[0].warnings, told)
                reports[0] = replace(reports[0], missing=tuple(missing), warnings=warnings)
        return reports

    def collect(self) -> BundleData:
        """Return the bundle of all ids in memory, nothing written; ids may all be missing.

        Raises:
            UsageError: The request names what does not exist.
            SourceError: The source cannot be read.
        """
        with self._opened() as (gatherer, spool):
            gathered = gatherer.gather(self.request.ids, spool)
            writer = self._writer(gatherer, gathered, spool)
            written = writer.write(lambda stem, suffix: spool / f"{stem}{suffix}")
            roots, related = writer.records()
            tree = msgspec.json.decode((spool / TREE).read_bytes(), type=dict[str, msgspec.Raw])
            files: dict[str, dict[str, bytes]] = {}
            for table in written.record.tables:
                for fmt, name in table.files.items():
                    files.setdefault(fmt, {})[table.name] = (spool / name).read_bytes()
            return BundleData(
                roots=roots,
                related=related,
                missing=gathered.missing,
                tree=next(value for name, value in tree.items() if name != "metadata"),
                files=files,
                warnings=(*gatherer.warnings, *gathered.warnings, *written.warnings),
            )

    def plan(self) -> BundlePlan:
        """Say what the bundle would hold; only keys are read, nothing is written.

        Raises:
            UsageError: The request names what does not exist.
            SourceError: The source cannot be read.
        """
        with self._opened() as (gatherer, _):
            links = dict.fromkeys(step.link for step in gatherer.route.walked())
            counts, missing = gatherer.count(self.request.ids)
            if len(missing) == len(self.request.ids):
                raise self._unknown(gatherer.key, missing)
            warnings = list(gatherer.warnings)
            if missing:
                warnings.append(str(self._unknown(gatherer.key, missing)))
            return BundlePlan(
                links=list(links), tables=counts, missing=missing, warnings=tuple(warnings)
            )

    @contextmanager
    def _opened(self) -> Iterator[tuple[Gatherer, Path]]:
        """Give what gathers rows from one snapshot, and a private directory."""
        exporter = self.exporter
        for fmt in resolve_formats(self.request.formats):
            for table in ("*", *self._source.config.tables):
                fmt.check_options(exporter.choices.bundled_options(table, fmt))
        with (
            private_directory(self._source.temp_dir) as spool,
            self._source.privately().source.snapshot() as snapshot,
        ):
            yield self.gatherer(snapshot), spool

    def gatherer(self, snapshot: Snapshot) -> Gatherer:
        """Return what gathers the rows of this request from *snapshot*.

        Raises:
            UsageError: The request names what does not exist.
        """
        define_views(snapshot, self._source.config, self._source.system)
        return Gatherer(exporter=self.exporter, snapshot=snapshot, request=self.request)

    def _export(self, gatherer: Gatherer, ids: tuple[str, ...], spool: Path) -> BundleReport | None:
        """Export one set; None where no row has any of *ids*."""
        started = time.perf_counter()
        gathered = gatherer.gather(ids, spool)
        if not gathered.roots:
            return None
        writer = self._writer(gatherer, gathered, spool)
        done = self._put(gatherer, writer)
        seconds = round(time.perf_counter() - started, 6)
        warnings = [*gatherer.warnings, *gathered.warnings, *done.warnings]
        if gathered.missing:
            warnings.append(str(self._unknown(gathered.key, gathered.missing)))
        return BundleReport(
            source=self.source.name,
            table=self.request.table,
            run_id=self.run.id,
            seconds=seconds,
            tables=gathered.counts,
            found=gathered.found,
            missing=gathered.missing,
            path=done.record.path,
            manifest=done.record.manifest,
            files=done.files,
            records=[replace(done.record, seconds=seconds)],
            warnings=warnings,
        )

    def _put(self, gatherer: Gatherer, writer: SetWriter) -> PublishedSet:
        if self.request.output_dir is not None:
            return write_directory(self.request.output_dir, gatherer, writer, self.run)
        return publish(gatherer, writer, self.run)

    def _writer(self, gatherer: Gatherer, gathered: Gathered, spool: Path) -> SetWriter:
        ids = (*gathered.found, *gathered.missing)
        shown = shown_ids(gatherer, ids)
        extra: dict[str, Any] = {}
        if self.request.output_dir is not None:
            extra = {
                "exported_at": self.run.now.isoformat(),
                "snapshot": gatherer.snapshot.info.taken_at.isoformat(),
            }
        return SetWriter(
            gathered=gathered,
            request=self.request,
            choices=self.exporter.choices,
            ids=tuple(sorted(shown[one] for one in ids)),
            missing=tuple(sorted(shown[one] for one in gathered.missing)),
            spool=spool,
            extra=extra,
        )

    def _unknown(self, key: Sequence[str], ids: Sequence[str]) -> UsageError:
        named = ", ".join(ids)
        return UsageError(f"{self.request.table}: no row has {', '.join(key)} in: {named}")

    def _failed(self, one: str, error: ExportError) -> BundleReport:
        record = failure(self.source.name, self.request.table, BUNDLE, one, error)
        return BundleReport(
            source=self.source.name,
            table=self.request.table,
            run_id=self.run.id,
            seconds=0.0,
            tables={},
            found=(one,),
            missing=(),
            records=[record],
        )

    @cached_property
    def _source(self) -> ConfiguredSource:
        """The source, with the columns its system computes where they were asked for."""
        if not self.request.computed:
            return self.source
        if self.source.system is None or not self.source.system.computes:
            msg = f"{self.source.name}: computes no columns"
            raise UsageError(msg)
        options = {**self.source.config.options, "computed": True}
        return replace(
            self.source, config=self.source.config.model_copy(update={"options": options})
        )

    @cached_property
    def exporter(self) -> Exporter:
        """What plans, profiles and redacts the tables, as for any other export."""
        options = {"json": FormatOptionsConfig(pretty=self.request.pretty)}
        return Exporter(
            workspace=self.workspace,
            source=self._source,
            request=ExportRequest(formats=self.request.formats, options=options),
            run=self.run,
            progress=self.progress,
        )


def verdict(reports: Sequence[BundleReport]) -> int:
    """Return the exit code of several bundles: the common one, 4 where only part failed."""
    codes = {report.exit_code for report in reports}
    if len(codes) == 1:
        return codes.pop()
    return EXIT_WARNINGS if codes <= {0, EXIT_WARNINGS} else EXIT_PARTIAL
