"""One table as Dagster sees it: its exports, their keys and partitions, and where they lie."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import dagster as dg

from export_assets.config.rules import FormatName
from export_assets.defs.names import export_key, op_part, source_table_key
from export_assets.defs.partitions import build_partitions
from export_assets.defs.shapes import TableShape, partitions_of
from export_assets.engine.manifests import effective_hash
from export_assets.engine.request import ExportRequest
from export_assets.engine.workspace import ConfiguredSource, Workspace
from export_assets.store.layout import ExportKey
from export_assets.store.local import LocalStore
from export_assets.store.manifest import Manifest
from export_assets.tables.partitions import ALL, UNDATED, Partitions, TimePartitions


@dataclass(frozen=True, kw_only=True)
class TableExport:
    """The exports of one table: one asset per format, one step for all of them."""

    workspace: Workspace
    configured: ConfiguredSource
    shape: TableShape

    @property
    def source(self) -> str:
        """The source's name."""
        return self.configured.name

    @property
    def name(self) -> str:
        """The table's name."""
        return self.shape.name

    @property
    def formats(self) -> tuple[FormatName, ...]:
        """Names of the formats, in the order configured."""
        return self.configured.config.formats_of(self.name)

    @property
    def partitions_per_run(self) -> int | None:
        """Most partitions that one run is asked for, None where there is no limit."""
        return self.configured.config.backfill_of(self.name).partitions_per_run

    @property
    def store(self) -> LocalStore:
        """Where partitions are published."""
        return self.workspace.store

    @cached_property
    def partitions(self) -> Partitions:
        """How the table is sliced."""
        return partitions_of(self.configured, self.shape)

    @cached_property
    def partitions_def(self) -> dg.TimeWindowPartitionsDefinition | None:
        """The slices as Dagster's, None for a table that is one partition."""
        if isinstance(self.partitions, TimePartitions):
            return build_partitions(self.partitions)
        return None

    @property
    def op_name(self) -> str:
        """Name of the step that writes the exports."""
        return f"export__{self.source}__{op_part(self.name)}"

    @property
    def by_default(self) -> bool:
        """Whether jobs, schedules and sensors export the table."""
        return self.configured.config.table(self.name).by_default

    @property
    def source_key(self) -> dg.AssetKey:
        """The asset key of the table where it lies."""
        return source_table_key(self.source, self.name)

    def key(self, fmt: str) -> dg.AssetKey:
        """Return the asset key of the export in *fmt*."""
        return export_key(self.source, self.name, fmt)

    @property
    def keys(self) -> list[dg.AssetKey]:
        """The asset keys of all formats."""
        return [self.key(fmt) for fmt in self.formats]

    def code_version(self, fmt: str) -> str:
        """Return the version of how the export is made: the hash of its configuration."""
        return effective_hash(self.configured.config, self.name, fmt, ExportRequest())

    def partition_path(self, fmt: str, key: str) -> Path:
        """Return where partition *key* is, or would be, published."""
        directory = self.partitions.directory(key)
        return self.store.partition_path(ExportKey(self.source, self.name, fmt), directory)

    def export_path(self, fmt: str) -> Path:
        """Return the directory of all partitions in *fmt*."""
        return self.store.partition_path(ExportKey(self.source, self.name, fmt), ALL).parent

    def manifest(self, fmt: str, key: str) -> Manifest | None:
        """Return the record of partition *key*, None where it is not published.

        Raises:
            IntegrityError: It is damaged.
        """
        directory = self.partitions.directory(key)
        return self.store.manifest(ExportKey(self.source, self.name, fmt), directory)

    def keys_of_run(
        self, context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext
    ) -> list[str]:
        """Return the partitions a run is about: those it names, else all that are published."""
        if self.partitions_def is None:
            return [ALL]
        if context.has_partition_key or context.has_partition_key_range:
            return list(context.partition_keys)
        published = {key for fmt in self.formats for key in self.published_keys(fmt)}
        return sorted(published - {UNDATED})

    def published_keys(self, fmt: str) -> list[str]:
        """Return the keys of everything published in *fmt*, in order, without opening anything."""
        parent = self.export_path(fmt)
        if not parent.is_dir():
            return []
        keys = (self.partitions.key_of_directory(path.name) for path in parent.iterdir())
        return sorted(key for key in keys if key is not None)
