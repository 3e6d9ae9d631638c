"""How a directory of event logs is read: `kind: event_log` and the key `log` of a source.

source: web
kind: event_log
url: /var/log/web
log: {timestamp: ts, event_type: action}
tables:
  events: {partition_by: {column: occurred_at}}
"""

from collections.abc import Mapping
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, PositiveInt, model_validator

from export_assets.config.base import Model
from export_assets.config.format_options import Delimiter, Values
from export_assets.config.incremental import Seconds
from export_assets.config.log_archives import (
    MATCH_PATTERN,
    EncryptionConfig,
    MatchConfig,
    Names,
    OffloadConfig,
)
from export_assets.config.rules import ColumnType, ColumnTypeOrName
from export_assets.config.time_forms import check_form

LOG_FILES = tuple(
    f"*.{suffix}{rotated}" for suffix in ("jsonl", "ndjson", "csv", "log") for rotated in ("", ".*")
)
"""What logs are called: by their suffix, rotated and compressed ones included."""

TIME_KEYS: Final = (
    "timestamp",
    "time",
    "ts",
    "@timestamp",
    "datetime",
    "date",
    "occurred_at",
    "created_at",
)
"""What the key of an event's time is called where nothing else is said, the first there is."""

_TIME_NAMES: Final = ("auto", "iso", "epoch_s", "epoch_ms", "epoch_us", "epoch_ns")


def _time_form(value: str) -> str:
    if value in _TIME_NAMES:
        return value
    if "%" not in value:
        msg = f"must be one of {', '.join(_TIME_NAMES)}, or a form such as %d.%m.%Y %H:%M"
        raise ValueError(msg)
    return check_form(value, of_day=True)


def _fields_of(value: object) -> object:
    if isinstance(value, list | tuple):
        return dict.fromkeys(value, "text")
    return value


Fields = Annotated[
    Mapping[str, ColumnTypeOrName],
    BeforeValidator(_fields_of, json_schema_input_type=Mapping[str, ColumnTypeOrName] | list[str]),
]


class LogConfig(Model):
    """How the lines of the logs are read."""

    files: Names = Field(default=LOG_FILES, min_length=1)
    """Patterns of the logs' names, at any depth below the directory."""
    format: Literal["auto", "json", "csv"] = "auto"
    """What a line is: a JSON object, a row of CSV under a header; `auto` tells by the first line
    of each file that is an object, or a header that names the time."""
    delimiter: Delimiter = ","
    """Between the fields of CSV: one character, or `tab`."""
    header: tuple[Annotated[str, Field(min_length=1)], ...] | None = Field(
        default=None, min_length=2
    )
    """Names of the columns of CSVs whose first line is no header, the key of the time among
    them."""
    timestamp: str | None = Field(default=None, min_length=1)
    """Key of an event's time; without it the first there is of `timestamp`, `time`, `ts`,
    `@timestamp`, `datetime`, `date`, `occurred_at`, `created_at`."""
    timestamp_format: Annotated[str, AfterValidator(_time_form)] = "auto"
    """`auto` (ISO 8601, or a number since 1970 whose size tells its unit: of 1990 to 2100),
    `iso`, `epoch_s`, `epoch_ms`, `epoch_us`, `epoch_ns`, or a form in the signs of strptime, such
    as `%d.%m.%Y %H:%M:%S,%f`; see `format` of a column's type."""
    event_type: str | None = Field(default=None, min_length=1)
    """Key of what happened; without it the first there is of `event_type`, `event`, `type`."""
    fields: Fields | None = None
    """The only keys that become columns, with their types; all others are kept in `extra`. Without
    it every key that any event has is a column, its type found from all values."""
    max_fields: PositiveInt = Field(default=1_000, le=5_000)
    """Most columns found so; further keys are kept in `extra`. What is a column stays one."""
    seal_after: Seconds = 86_400.0
    """Idle for so long, the last line of a log counts without its line feed."""
    max_line_bytes: int = Field(default=16 << 20, ge=1_024, le=1 << 30)
    """Longer lines are quarantined, told by place and SHA-256."""
    duplicate_keys: Literal["quarantine", "last_wins"] = "quarantine"
    """What becomes of an object with a key twice."""
    ambiguous: Literal["quarantine", "earliest", "latest"] = "quarantine"
    """How a local time is read that the clock showed twice."""
    nonexistent: Literal["quarantine", "later"] = "quarantine"
    """How a local time is read that the clock never showed."""
    quarantine_warn: float = Field(default=0.01, ge=0, le=1)
    """Share of lines in quarantine above which the check `quarantine_share` warns."""
    quarantine_max: float | None = Field(default=None, ge=0, le=1)
    """Share above which nothing is published (exit 30); no limit without it."""
    payload: Mapping[Annotated[str, Field(min_length=1)], Mapping[str, Values]] = Field(
        default_factory=dict
    )
    """Members of logged objects that hold raw payload, each with the values that other members
    must have for it, if any; `include_raw_data: false` of a format leaves them out."""
    matches: Mapping[Annotated[str, Field(pattern=MATCH_PATTERN)], MatchConfig] = Field(
        default_factory=dict
    )
    """Matches by id. A directory `match_<id>` below the log directory is one by itself."""
    match_idle: Seconds = 3_600.0
    """For how long nothing may have been written to the logs of a match before Dagster's sensor
    has it archived."""
    offload: OffloadConfig = OffloadConfig()
    """How old logs are moved away."""
    encryption: EncryptionConfig | None = None
    """Who can read the archives made from now on; without it anybody who has the file."""

    @model_validator(mode="after")
    def _names_the_time(self) -> Self:
        names = self.header or ()
        if len(set(names)) != len(names):
            msg = "header: a name is in it twice"
            raise ValueError(msg)
        if names and not set(self.time_keys) & set(names):
            msg = f"header: has no {' or '.join(self.time_keys)}, which would say when"
            raise ValueError(msg)
        return self

    @property
    def time_keys(self) -> tuple[str, ...]:
        """Keys that may hold an event's time, the first there is."""
        return (self.timestamp,) if self.timestamp else TIME_KEYS

    @property
    def typed_fields(self) -> dict[str, ColumnType] | None:
        """The fields that become columns; None for all that are found."""
        return None if self.fields is None else dict(self.fields)
