"""The sets of one run: those that are wanted, from memory or made anew."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from export_assets.engine.report import ExportRecord, failure
from export_assets.engine.request import ExportRequest, Run
from export_assets.engine.sets.choosing import sets_of, tables_besides, wanted_sets
from export_assets.engine.sets.memory import SetMemory
from export_assets.engine.table_pass import Progress
from export_assets.engine.workspace import ConfiguredSource, Workspace
from export_assets.errors import ConfigError, UsageError
from export_assets.sources.base import Snapshot
from export_assets.store.manifest import SET
from export_assets.tables.partitions import ALL

if TYPE_CHECKING:
    from export_assets.engine.sets.spec import ExportSet


@dataclass(frozen=True, kw_only=True)
class SetRun:
    """Exports the sets that a request is for."""

    workspace: Workspace
    source: ConfiguredSource
    request: ExportRequest
    run: Run
    progress: Progress

    @cached_property
    def names(self) -> list[str]:
        """The sets that are wanted.

        Raises:
            UsageError: One is named where only tables can be.
        """
        return wanted_sets(self.source.config, self.request)

    def check(self) -> None:
        """Refuse, before anything is read, what no set can be asked for.

        Raises:
            UsageError: Only tables can be had so, or there is no such layout.
        """
        profile, system = self.request.profile, self.source.system
        if profile and (system is None or profile not in system.profiles()):
            msg = f"profile {profile!r}: {self.source.name} has no set in such a layout"
            raise UsageError(msg)
        if self.names and self.request.filters:
            msg = f"{self.request.filters[0]}: chooses rows or columns, and a set is complete"
            raise UsageError(msg)
        if self.names and tables_besides(self.request, self.source.config) is None:
            self._refuse_idle_options()

    def _refuse_idle_options(self) -> None:
        """Refuse what says nothing of sets where nothing else is exported.

        Raises:
            UsageError: Such an option was given.
        """
        request = self.request
        given = {
            "format": request.formats,
            "compression and other options of files": request.options,
            "date range": request.window.bounded,
        }
        for option, value in given.items():
            if value:
                msg = f"{option}: {self.names[0]} is a set, whose files are those configured"
                raise UsageError(msg)

    def recalled(self, fingerprint: str) -> list[ExportRecord] | None:
        """Return the records of sets that need not be made again; None where one must be."""
        return self._memory.recall(self.names, fingerprint)

    def export(
        self, snapshot: Snapshot, columns_of: Mapping[str, Sequence[str]]
    ) -> list[ExportRecord]:
        """Export them; whatever goes wrong with one is in the records.

        Args:
            snapshot: The moment the tables were exported from.
            columns_of: Columns by table, of every table that can be exported.

        Raises:
            ConfigError: A set is configured as it cannot be.
            UsageError: The layout asked for does not exist, or a set is named that cannot be made.
        """
        if not self.names:
            return []
        recalled = self.recalled(snapshot.info.id)
        if recalled is not None:
            return recalled
        try:
            sets = self._sets(columns_of)
        except ConfigError:
            raise
        except UsageError as error:
            if self.request.profile or set(self.names) & set(self.request.tables):
                raise
            return [failure(self.source.name, name, SET, ALL, error) for name in self.names]
        # Most sources have no sets.
        from export_assets.engine.sets.export import SetExporter

        exporter = SetExporter(
            workspace=self.workspace,
            source=self.source,
            request=self.request,
            run=self.run,
            progress=self.progress,
        )
        self._refuse_partitions(sets)
        return [record for name in self.names for record in exporter.export(sets[name], snapshot)]

    def _refuse_partitions(self, sets: "Mapping[str, ExportSet]") -> None:
        for name in self.names:
            if sets[name].split is None and self.request.partitions not in {(), (ALL,)}:
                msg = f"{name}: is one partition, which is called {ALL}"
                raise UsageError(msg)
            if sets[name].split is not None and self.request.export_dir is not None:
                msg = f"{name}: has a partition for each record, which no one directory can hold"
                raise UsageError(msg)

    def keep(self, records: Sequence[ExportRecord], fingerprint: str) -> None:
        """Remember what was made; called once the snapshot has proven sound."""
        self._memory.keep([one for one in records if one.table in self.names], fingerprint)

    def _sets(self, columns_of: Mapping[str, Sequence[str]]) -> "dict[str, ExportSet]":
        return sets_of(
            columns_of, self.source.config, self.source.system, profile=self.request.profile
        )

    @cached_property
    def _memory(self) -> SetMemory:
        return SetMemory(self.workspace.store, self.source, self.request)


def exported_columns(snapshot: Snapshot) -> dict[str, Sequence[str]]:
    """Return the columns of every table of *snapshot*, derived ones with none known."""
    return {name: snapshot.columns(name) for name in snapshot.tables()}
