"""What a source's YAML says of one of its tables."""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, PositiveInt, model_validator

from export_assets.config.automation import TableAutomation
from export_assets.config.backfill import BackfillConfig
from export_assets.config.base import Model
from export_assets.config.format_options import FormatOptionsConfig
from export_assets.config.incremental import FullEvery, FullEveryOrText, Seconds
from export_assets.config.rules import (
    Cadence,
    ColumnCheck,
    ColumnTypeOrName,
    FormatName,
    Formats,
    Keep,
    PartitionBy,
)
from export_assets.config.showing import ChartConfig, SampleRows, Volume

DriftManner = Literal["refuse", "warn", "allow"]
Names = tuple[Annotated[str, Field(min_length=1)], ...]


class TableConfig(Model):
    """One table of a source, or with the key `*` every table not named."""

    by_default: bool = True
    """Whether the table is exported when no table is asked for by name."""
    description: str = ""
    """What the table holds, for people."""
    query: str | None = Field(default=None, min_length=1)
    """SELECT statement of a derived table, in the source's own SQL."""
    partition_by: PartitionBy | None = None
    """How the table is sliced; without it the table is one partition called `all`."""
    formats: Formats | None = None
    """File formats of this table, instead of the source's."""
    format_options: Mapping[FormatName, FormatOptionsConfig] = Field(default_factory=dict)
    """Options by format, over those of the source."""
    max_rows_per_file: PositiveInt | None = None
    """Start another file of the partition after so many rows."""
    columns: Names | None = Field(default=None, min_length=1)
    """The only columns exported, in this order."""
    exclude_columns: Names = ()
    """Columns left out."""
    column_descriptions: Mapping[str, str] = Field(default_factory=dict)
    """What columns hold, by column, for people."""
    types: Mapping[str, ColumnTypeOrName] = Field(default_factory=dict)
    """Types by column, over those of the source and its declarations."""
    primary_key: Names = ()
    """Columns that identify a row, where the source does not declare them."""
    order_by: Names = ()
    """Columns that order the rows, instead of time and key."""
    redact: Names = ()
    """Columns whose values never leave, over the source's patterns."""
    expose: Names = ()
    """Columns exported knowingly, although a pattern of the source would redact them or their
    names look personal."""
    anonymize: Names = ()
    """Columns whose values are replaced by keyed hashes that still join."""
    checks: tuple[ColumnCheck, ...] = ()
    """What must hold for the values."""
    cursor: str | None = Field(default=None, min_length=1)
    """Column that grows with every change of a row: a timestamp, a date or an integer. Only the
    partitions of rows it names as new are read again, until the next full pass."""
    lag: Seconds = 3600.0
    """How far behind the cursor to read back, for rows committed late: seconds or `1h`; of an
    integer cursor, a difference in its own unit."""
    full_every: FullEveryOrText = FullEvery()
    """How often all of a table with a cursor is read, which finds what the cursor does not show:
    seconds, `7d` or `20 runs`."""
    tombstones: bool = False
    """Whether keys that were published and left the source are recorded; needs a primary key."""
    cadence: Cadence | None = None
    """Steady beat of the rows, for the gap check."""
    monotone: Names = ()
    """Columns that never decrease in the order of the rows."""
    volume: Volume | None = None
    """What numbers of rows are unusual, instead of the source's; `false` for none."""
    chart: ChartConfig | None = None
    """A picture of each partition, in Dagster."""
    sample_rows: SampleRows = 0
    """Rows of each partition that Dagster shows to whoever sees its web UI, as they are
    published; without columns that look personal and are not exposed."""
    failing_values: bool = False
    """Whether checks in Dagster show the values that break a rule, and not only where they are."""
    drift: DriftManner | None = None
    """What becomes of columns that are gone or hold less, instead of the source's."""
    freshness: float | None = Field(default=None, gt=0)
    """Hours after which the table counts as stale, instead of the source's."""
    keep: Keep | None = None
    """Retention of this table, instead of the source's."""
    backfill: BackfillConfig | None = None
    """How partitions of this table are spread over runs, instead of the source's."""
    automation: TableAutomation = TableAutomation()
    """When this table is exported because of what it is made of, instead of the source's."""

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        _refuse_overlap("redact", self.redact, "anonymize", self.anonymize)
        _refuse_overlap("redact", self.redact, "expose", self.expose)
        _refuse_overlap("columns", self.columns or (), "exclude_columns", self.exclude_columns)
        for name in ("lag", "full_every"):
            chosen = getattr(self, name) != type(self).model_fields[name].default
            if self.cursor is None and chosen:
                msg = f"{name} belongs to a cursor, and the table has none"
                raise ValueError(msg)
        if self.partition_by is not None and self.partition_by.of == "export":
            for name, chosen in (
                ("cursor", self.cursor is not None),
                ("tombstones", self.tombstones),
            ):
                if chosen:
                    msg = f"{name}: each partition of: export holds the whole table as it was"
                    raise ValueError(msg)
        return self


def _refuse_overlap(name: str, one: Names, other_name: str, other: Names) -> None:
    both = [column for column in one if column in other]
    if both:
        msg = f"column {both[0]} is both in {name} and in {other_name}"
        raise ValueError(msg)
