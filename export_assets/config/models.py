"""What a source's YAML says: the source, and its tables.

    source ─┬─ url, assume_timezone, formats, keep, schedule, …
            ├─ tables ── name or "*" ── partition_by, checks, types, redact, …
            └─ relations ── from table.column to table.column

A model knows how its own parts combine (a table's formats, options, redaction); everything that
needs the source itself is decided further up.
"""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PositiveInt,
    PrivateAttr,
    model_validator,
)

from export_assets.config.automation import SourceAutomation, foreign_switch
from export_assets.config.backfill import NO_POOL, POOL_PATTERN, BackfillConfig
from export_assets.config.base import Model
from export_assets.config.bundles import BundleConfig
from export_assets.config.cron import check_cron
from export_assets.config.event_logs import LogConfig
from export_assets.config.format_options import FormatOptionsConfig
from export_assets.config.masking import SECRET_GLOBS
from export_assets.config.monitor import MonitorConfig
from export_assets.config.pruning import PruneConfig
from export_assets.config.rules import (
    NAME_PATTERN,
    OWNER_PATTERN,
    ColumnType,
    ColumnTypeOrName,
    FormatName,
    Formats,
    Keep,
    Relation,
    Scalar,
    SourceKind,
    check_timezone,
)
from export_assets.config.sets import SetConfig
from export_assets.config.showing import ChartConfig, Volume, VolumeConfig
from export_assets.config.state_files import StatesConfig
from export_assets.config.table import DriftManner, Names, TableConfig
from export_assets.config.verifying import VerifyConfig

EVERY_OTHER = "*"
"""The key of `tables` that stands for every table not named."""

DEFAULT_REDACT = SECRET_GLOBS
RESERVED_NAMES = frozenset({"dagster"})
"""Names of sources whose jobs would be called as others: `prune_dagster` deletes Dagster's runs."""


def all_tables(value: object) -> object:
    """Turn `all` into its long form, and tables of which nothing is said into empty ones."""
    if value == "all":
        return {EVERY_OTHER: {}}
    return said_of(value)


def said_of(value: object) -> object:
    """Turn names of which nothing is said into empty rules."""
    if isinstance(value, Mapping):
        return {name: {} if rules is None else rules for name, rules in value.items()}
    return value


Timezone = Annotated[str, AfterValidator(check_timezone)]
Cron = Annotated[str, AfterValidator(check_cron)]
_UNSAID = TableConfig()


class SourceConfig(Model):
    """A place tables come from, as its YAML file describes it."""

    source: str = Field(pattern=NAME_PATTERN)
    """Name of the source: lower case letters, digits and underscores."""
    system: str | None = Field(default=None, pattern=NAME_PATTERN)
    """Built-in system that reads the source, where it is more than a database; its own YAML holds
    where this file says nothing."""
    kind: SourceKind = "database"
    """What lies at the address: a database, a directory of event logs, or one of state files, each
    of which a built-in system reads."""
    url: str = Field(min_length=1, repr=False)
    """Address in SQLAlchemy form or a path, of event logs that of their directory; passwords by
    `${NAME}` only. A file whose source is called as a built-in system may leave it out."""
    log: LogConfig = LogConfig()
    """How event logs are read."""
    states: StatesConfig = StatesConfig()
    """How state files are read."""
    private: bool = False
    """Whether what is exported is for its owner's eyes only: files of mode 0600 in directories of
    mode 0700, whatever the umask."""
    enabled: bool = True
    """Whether the source is exported at all: otherwise exports refuse it, and Dagster runs nothing
    for it by itself."""
    description: str = ""
    """What the source is, for people."""
    owners: tuple[Annotated[str, Field(pattern=OWNER_PATTERN)], ...] = ()
    """Who answers for the source: e-mail addresses or `team:name`."""
    assume_timezone: Timezone = "UTC"
    """IANA zone in which times without an offset are read."""
    formats: Formats = ("parquet",)
    """File formats of every table; `all` is parquet, csv, ndjson and json."""
    format_options: Mapping[FormatName, FormatOptionsConfig] = Field(default_factory=dict)
    """Options by format."""
    tables: Annotated[
        Mapping[str, TableConfig],
        BeforeValidator(
            all_tables, json_schema_input_type=Literal["all"] | Mapping[str, TableConfig]
        ),
    ] = Field(default_factory=dict)
    """What differs, by table, or `all`; the key `*` is every table not named, and without it the
    tables named are the only ones (all tables where none is named)."""
    types: Mapping[str, ColumnTypeOrName] = Field(default_factory=dict)
    """Types by column name, in every table that has the column."""
    relations: tuple[Relation, ...] = ()
    """References between tables that the source does not declare."""
    bundles: Annotated[
        Mapping[str, BundleConfig],
        BeforeValidator(said_of, json_schema_input_type=Mapping[str, BundleConfig | None]),
    ] = Field(default_factory=dict)
    """Root tables whose rows Dagster offers as bundles, with everything that hangs on them."""
    sets: Annotated[
        Mapping[str, SetConfig],
        BeforeValidator(said_of, json_schema_input_type=Mapping[str, SetConfig | None]),
    ] = Field(default_factory=dict)
    """Files of one moment that are published in one step, by the set's name."""
    monitor: MonitorConfig = MonitorConfig()
    """How changes of the source are followed."""
    redact: Names = ()
    """Patterns of column names whose values never leave, added to the default patterns."""
    redact_defaults: bool = True
    """Whether the default patterns `*password*`, `*secret*`, `*token*`, `*api_key*` hold.
    The last one also without its underscore, or with another separator: `apiKey`."""
    unclassified: Literal["warn", "refuse", "allow"] = "warn"
    """What to do about columns whose names look personal and that no `redact`, `anonymize` or
    `expose` names: say so, export nothing, or say nothing."""
    expose: Names = ()
    """Patterns of column names that look personal and are exported knowingly, in every table; what
    is redacted stays so."""
    drift: DriftManner = "refuse"
    """What becomes of a table whose columns are gone, or hold less, since it was published:
    `refuse` publishes nothing, `warn` publishes and says so, `allow` is silent."""
    schemas: Names = ()
    """Schemas of a database server that are read; without it those that its engine takes by
    default. A file has no use for it."""
    busy_timeout: float = Field(default=30.0, ge=0)
    """Seconds to wait for a source held by somebody else."""
    read_timeout: float = Field(default=60.0, gt=0)
    """Seconds that a SQLite file in WAL mode may be read in place, which keeps its log from being
    emptied; only where there is no room for a copy."""
    batch_size: PositiveInt | None = None
    """Most rows that are read and written at once; less of it needs less memory."""
    schedule: Cron | None = None
    """Cron line, in UTC, by which Dagster exports the source."""
    every_hours: PositiveInt | None = None
    """Hours from one export by Dagster to the next, instead of `schedule`."""
    scheduled_formats: Formats | None = None
    """File formats that the schedule exports; those of each table without it."""
    freshness: float | None = Field(default=None, gt=0)
    """Hours after which a table counts as stale."""
    volume: Volume = VolumeConfig()
    """What numbers of rows are unusual, compared with partitions before; `false` for none."""
    charts: bool | None = None
    """Whether charts of its tables are drawn; without it they are, unless the source is
    `private`."""
    keep: Keep | None = None
    """Retention of every table; without it everything is kept."""
    prune: PruneConfig = PruneConfig()
    """What Dagster does about what is not kept."""
    verify: VerifyConfig = VerifyConfig()
    """When Dagster reads again what is published."""
    backfill: BackfillConfig = BackfillConfig()
    """How Dagster spreads partitions over runs."""
    pool: str | None = Field(default=None, pattern=POOL_PATTERN)
    """Dagster's concurrency pool of the runs that read the source, `source_<source>` without it:
    sources on one server may share one. `none`: any number of runs may read at once."""
    automation: SourceAutomation = SourceAutomation()
    """Which sensors and schedules are on from the start."""
    options: Mapping[str, Scalar] = Field(default_factory=dict, repr=False)
    """Settings of the built-in system."""

    _key_id: str = PrivateAttr(default="")

    @model_validator(mode="after")
    def _has_one_schedule(self) -> Self:
        if self.schedule is not None and self.every_hours is not None:
            msg = "schedule and every_hours: give one of them"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _is_of_one_kind(self) -> Self:
        logs = self.kind == "event_log"
        if not logs and self.log != LogConfig():
            msg = "log: belongs to kind: event_log"
            raise ValueError(msg)
        if self.kind != "state_files" and self.states != StatesConfig():
            msg = "states: belongs to kind: state_files"
            raise ValueError(msg)
        queries = [name for name, table in self.tables.items() if table.query]
        if self.kind != "database" and queries:
            what = "event logs" if logs else "state files"
            msg = f"tables.{queries[0]}.query: {what} know no SQL"
            raise ValueError(msg)
        said: tuple[SourceConfig | TableConfig, ...] = (self, *self.tables.values())
        wrong = foreign_switch(
            self.automation,
            logs=logs,
            keeps=any(one.keep for one in said),
            ages=any(one.freshness for one in said),
            followed=self.monitor.enabled is not False,
        )
        if logs and self.pool == NO_POOL:
            wrong = "pool: new lines of event logs are read by one run at a time; name a pool"
        if self.source in RESERVED_NAMES:
            wrong = f"source: {self.source!r} is what Dagster's own jobs are called after"
        if wrong is not None:
            raise ValueError(wrong)
        return self

    @property
    def key_id(self) -> str:
        """Fingerprint of the key that pseudonyms are made with, empty where none are."""
        return self._key_id

    def keyed(self, key_id: str) -> Self:
        """Return this source with the fingerprint of its pseudonyms' key."""
        copy = self.model_copy()
        copy._key_id = key_id  # noqa: SLF001 - of this very class
        return copy

    @property
    def anonymizes(self) -> bool:
        """Whether values of any table are replaced by pseudonyms."""
        return any(table.anonymize for table in self.tables.values())

    def table(self, name: str) -> TableConfig:
        """Return what the configuration says about the table *name*, listed or not."""
        return self.tables.get(name) or self.tables.get(EVERY_OTHER) or _UNSAID

    def selects(self, name: str) -> bool:
        """Whether the table *name* is exported when no table is asked for by name."""
        if name in self.tables or EVERY_OTHER in self.tables or not self.tables:
            return self.table(name).by_default
        return False

    def formats_of(self, table: str) -> tuple[FormatName, ...]:
        """Return the formats of *table*, in the order configured."""
        return self.table(table).formats or self.formats

    def format_options_of(self, table: str, fmt: FormatName) -> FormatOptionsConfig:
        """Return the options of *table* in the format *fmt*: the table's over the source's."""
        below = self.format_options.get(fmt, FormatOptionsConfig())
        return self.table(table).format_options.get(fmt, FormatOptionsConfig()).over(below)

    def types_of(self, table: str) -> dict[str, ColumnType]:
        """Return the types configured for columns of *table*: the table's over the source's."""
        return dict(self.types) | dict(self.table(table).types)

    @property
    def redact_globs(self) -> tuple[str, ...]:
        """Patterns of column names whose values never leave, whatever the table."""
        return (DEFAULT_REDACT if self.redact_defaults else ()) + self.redact

    def redacts(self, table: str, column: str) -> bool:
        """Whether the values of *column* never leave.

        The table's own lists decide first, by exact name; patterns ignore case.
        """
        config = self.table(table)
        if column in config.redact or column in config.expose:
            return column in config.redact
        folded = column.casefold()
        return any(fnmatchcase(folded, glob.casefold()) for glob in self.redact_globs)

    def exposes(self, table: str, column: str) -> bool:
        """Whether *column* is exported knowingly, by exact name or by a pattern of the source."""
        folded = column.casefold()
        patterns = (glob.casefold() for glob in self.expose)
        return column in self.table(table).expose or any(fnmatchcase(folded, g) for g in patterns)

    def keep_of(self, table: str) -> Keep | None:
        """Return the retention of *table*, None to keep everything."""
        return self.table(table).keep or self.keep

    def backfill_of(self, table: str) -> BackfillConfig:
        """Return how partitions of *table* are spread over runs."""
        return self.table(table).backfill or self.backfill

    def condition_of(self, table: str) -> str | None:
        """Return the automation condition of the exports of *table*, None for none."""
        return self.table(table).automation.condition or self.automation.condition

    def drift_of(self, table: str) -> DriftManner:
        """Return what becomes of *table* when columns are gone, or hold less."""
        return self.table(table).drift or self.drift

    def volume_of(self, table: str) -> VolumeConfig | None:
        """Return what numbers of rows of *table* are unusual, None where none is."""
        own = self.table(table).volume
        return (self.volume if own is None else own) or None

    def chart_of(self, table: str) -> ChartConfig | None:
        """Return the picture to draw of *table*, None for none."""
        drawn = not self.private if self.charts is None else self.charts
        return self.table(table).chart if drawn else None

    def freshness_of(self, table: str) -> float | None:
        """Return the hours after which *table* is stale, None for never."""
        own = self.table(table).freshness
        return own if own is not None else self.freshness
