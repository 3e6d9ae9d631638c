"""What Dagster shows of a partition's rows: a chart, and rows where that is configured."""

from collections.abc import Callable
from dataclasses import dataclass, field

import dagster as dg

from export_assets.config.showing import ChartConfig
from export_assets.config.table import TableConfig
from export_assets.defs.findings import table_of
from export_assets.defs.history import History
from export_assets.defs.table import TableExport
from export_assets.engine.charts.charting import MOST_BARS, draw_chart, draw_partitions
from export_assets.engine.privacy import treatment
from export_assets.engine.published import carried_schema, read_columns
from export_assets.errors import ExportError
from export_assets.store.manifest import Manifest
from export_assets.tables.failing import told

CHART, SAMPLE = "chart", "sample"
_MOST_COLUMNS = 20
_BY_COLUMN = "parquet"


@dataclass(frozen=True, kw_only=True)
class Showing:
    """Looks at the rows of one table's partitions, at each once, whatever its formats."""

    table: TableExport
    warn: Callable[[str], None]
    """Told, once each, why there is no chart."""
    most_rows: int | None = None
    """Partitions of more rows are not read."""
    _shown: dict[str, dict[str, dg.MetadataValue]] = field(default_factory=dict)
    _warned: set[str] = field(default_factory=set)

    def describe(self, manifest: Manifest, history: History) -> dict[str, dg.MetadataValue]:
        """Return chart and sample of the partition of *manifest*, as far as it has any."""
        if manifest.partition not in self._shown:
            self._shown[manifest.partition] = self._describe(manifest, history)
        return self._shown[manifest.partition]

    def _describe(self, manifest: Manifest, history: History) -> dict[str, dg.MetadataValue]:
        found: dict[str, dg.MetadataValue] = {}
        chart = self.table.configured.config.chart_of(self.table.name)
        if chart is None and not self._rules.sample_rows:
            return found
        try:
            manifest = self._quickest(manifest)
            picture = None if chart is None else self._chart(chart, manifest, history)
            if picture is not None:
                found[CHART] = dg.MetadataValue.md(picture)
            if self._rules.sample_rows and self._may_read(manifest):
                found[SAMPLE] = self._sample(manifest)
        except (ExportError, OSError) as error:
            self._tell(str(error))
        except Exception as error:  # noqa: BLE001 - what is published stands, picture or none
            # By its class: the text of a library may hold a value.
            self._tell(f"{self.table.source}/{self.table.name}: no chart: {type(error).__name__}")
        return found

    @property
    def _rules(self) -> TableConfig:
        return self.table.configured.config.table(self.table.name)

    def _may_read(self, manifest: Manifest) -> bool:
        return self.most_rows is None or manifest.rows <= self.most_rows

    def _quickest(self, manifest: Manifest) -> Manifest:
        """Return the record of the same rows in the format of which columns are read alone."""
        if manifest.format == _BY_COLUMN or _BY_COLUMN not in self.table.formats:
            return manifest
        other = self.table.manifest(_BY_COLUMN, manifest.partition)
        same = other is not None and other.row_digest == manifest.row_digest
        return other if other is not None and same else manifest

    def _chart(self, chart: ChartConfig, manifest: Manifest, history: History) -> str | None:
        config = self.table.configured.config
        if chart.kind == "partitions":
            past = history.before(manifest.partition, MOST_BARS - 1)
            return draw_partitions(
                [*((one.key, one.rows) for one in past), (manifest.partition, manifest.rows)]
            )
        if not self._may_read(manifest):
            return None
        directory = self.table.partition_path(manifest.format, manifest.partition)
        return draw_chart(chart, config, manifest, directory)

    def _sample(self, manifest: Manifest) -> dg.TableMetadataValue:
        """Return the first rows as they are published: what is redacted there is null.

        Columns that look personal are left out, unless somebody decided on them.
        """
        config = self.table.configured.config
        names = tuple(
            column.name
            for column in carried_schema(manifest).columns
            if treatment(config, self.table.name, column.name, column.declared) != "unclassified"
        )[:_MOST_COLUMNS]
        directory = self.table.partition_path(manifest.format, manifest.partition)
        frame = next(read_columns(directory, manifest, names), None)
        first = [] if frame is None else frame.head(self._rules.sample_rows).rows()
        rows = (tuple(None if value is None else told(value) for value in row) for row in first)
        return table_of(dict.fromkeys(names, ""), rows)

    def _tell(self, fact: str) -> None:
        if fact not in self._warned:
            self._warned.add(fact)
            self.warn(fact)
