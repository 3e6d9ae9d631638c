"""The small parts of a table's configuration: partitions, checks, types, format options, keep."""

import re
from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any, Literal, Self, get_args
from zoneinfo import ZoneInfo

from pydantic import (
    BeforeValidator,
    Field,
    NonNegativeInt,
    PositiveInt,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    model_validator,
)

from export_assets.config.base import Model
from export_assets.config.time_forms import check_form

SourceKind = Literal["database", "event_log", "state_files"]

FormatName = Literal["parquet", "csv", "ndjson", "json", "tsv", "xlsx", "sqlite", "duckdb"]
FORMAT_NAMES: tuple[FormatName, ...] = get_args(FormatName)

ALL_FORMATS: tuple[FormatName, ...] = ("parquet", "csv", "ndjson", "json")
"""What `all` stands for: formats of any number of rows, none of them another one once more.

Spreadsheets end after a million rows, TSV is CSV again, and databases are chosen by name.
"""

ONE_FILE_FORMATS: tuple[FormatName, ...] = ("json", "xlsx", "sqlite", "duckdb")
"""Formats of which one file can hold several tables."""

TypeName = Literal[
    "boolean",
    "integer",
    "float",
    "decimal",
    "text",
    "date",
    "time",
    "timestamp",
    "naive_timestamp",
    "json",
    "uuid",
    "binary",
]
"""The values of `tables.schema.LogicalType` that can be promised without a nested type."""

EncodingName = Literal["native", "iso", "epoch_s", "epoch_ms", "epoch_us"]

NAME_PATTERN = r"^[a-z][a-z0-9_]*$"
COLUMN_PATTERN = r"^.+\..+$"
# What Dagster accepts as the owner of an asset.
OWNER_PATTERN = r"^(team:.+|[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,7})$"

Scalar = StrictBool | StrictInt | StrictFloat | StrictStr
Bound = StrictInt | StrictFloat | StrictStr

# The engine that runs `matches` is Rust's, which has neither.
_UNSUPPORTED_REGEX = re.compile(r"\(\?(?:=|!|<=|<!)|(?<!\\)(?:\\\\)*\\[1-9]")
_ISO_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TEMPORAL = frozenset({"date", "time", "timestamp", "naive_timestamp"})


def check_timezone(value: str) -> str:
    """Return the name of a zone.

    Raises:
        ValueError: The IANA database has no such zone.
    """
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError) as error:
        msg = f"no time zone {value!r} in the IANA database"
        raise ValueError(msg) from error
    return value


def _iso_day(value: object) -> object:
    # Pydantic alone would read a number as seconds since 1970.
    if isinstance(value, date) or (isinstance(value, str) and _ISO_DAY.fullmatch(value)):
        return value
    msg = "must be a day written YYYY-MM-DD"
    raise ValueError(msg)


Day = Annotated[date, BeforeValidator(_iso_day, json_schema_input_type=date)]


class PartitionBy(Model):
    """Slice a table by the time of one column, or by the time of its exports, in UTC."""

    column: str | None = Field(default=None, min_length=1)
    """Timestamp or date column that decides which partition a row belongs to."""
    of: Literal["column", "export"] = "column"
    """What is sliced: the rows, by `column`; or exports, each of which holds the whole table as it
    was. A run publishes the partition of its own time, and those before stay as they are."""
    every: Literal["hour", "day", "month", "year"] = "day"
    """Length of one partition."""
    start: Day | None = None
    """First partition offered in Dagster; earlier rows are still exported on the command line."""

    @model_validator(mode="after")
    def _is_by_one_thing(self) -> Self:
        if self.of == "column" and self.column is None:
            msg = "column: required key is missing; only of: export needs none"
            raise ValueError(msg)
        if self.of == "export" and self.column is not None:
            msg = "of: export slices by no column; leave column out"
            raise ValueError(msg)
        return self


class ColumnCheck(Model):
    """What must hold for the values of one column; nulls pass everything but `not_null`."""

    column: str = Field(min_length=1)
    """Column the check looks at."""
    ge: Bound | None = None
    """Smallest value allowed: a number, for numbers held as text as well, or ISO 8601 text for
    dates and times."""
    gt: Bound | None = None
    """Every value is greater than this."""
    le: Bound | None = None
    """Largest value allowed."""
    lt: Bound | None = None
    """Every value is less than this."""
    unique: bool = False
    """No value occurs twice in one partition."""
    not_null: bool = False
    """No value is null."""
    isin: tuple[Scalar, ...] | None = Field(default=None, min_length=1)
    """The only values allowed."""
    matches: str | None = None
    """Regular expression (no look-around, no back-references) found in every value."""
    severity: Literal["error", "warn"] = "error"
    """`error` publishes nothing where a row breaks the check, `warn` only reports it."""

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        rules = (self.ge, self.gt, self.le, self.lt, self.isin, self.matches)
        if not (self.unique or self.not_null or any(rule is not None for rule in rules)):
            msg = "checks nothing; give one of ge, gt, le, lt, unique, not_null, isin, matches"
            raise ValueError(msg)
        for one, other in (("ge", "gt"), ("le", "lt")):
            if getattr(self, one) is not None and getattr(self, other) is not None:
                msg = f"has both {one} and {other}; one of them is enough"
                raise ValueError(msg)
        self._range_is_not_empty()
        if self.matches is not None:
            _check_regex(self.matches)
        return self

    def _range_is_not_empty(self) -> None:
        low = self.ge if self.ge is not None else self.gt
        high = self.le if self.le is not None else self.lt
        if low is None or high is None:
            return
        if isinstance(low, str) or isinstance(high, str):
            if not (isinstance(low, str) and isinstance(high, str)):
                msg = f"compares with a number and with text: {low!r} and {high!r}"
                raise ValueError(msg)  # noqa: TRY004 - pydantic reports ValueError only
            return
        closed = self.ge is not None and self.le is not None
        if low > high or (low == high and not closed):
            msg = f"allows no value between {low} and {high}"
            raise ValueError(msg)


def _check_regex(pattern: str) -> None:
    try:
        re.compile(pattern)
    except re.error as error:
        msg = f"matches: not a regular expression: {error}"
        raise ValueError(msg) from error
    if _UNSUPPORTED_REGEX.search(pattern):
        msg = "matches: look-around and back-references are not supported"
        raise ValueError(msg)


class ColumnType(Model):
    """The type promised for a column, where the source's own declaration is not enough."""

    type: TypeName
    """Logical type of the exported column."""
    encoding: EncodingName = "native"
    """How the source holds dates and times: natively, as ISO 8601 text or as an epoch number."""
    precision: PositiveInt | None = Field(default=None, le=38)
    """Digits of a decimal in all."""
    scale: NonNegativeInt | None = Field(default=None, le=38)
    """Digits of a decimal after the point."""
    format: str = ""
    """Form of dates and times held as text, in the signs of strptime: `%d.%m.%Y %H:%M`. A form
    with `%z` reads offsets. The signs are `%Y %y %m %d %j %b %B %a %A %H %I %p %M %S %f %z %%`,
    read as Python reads them, names in English."""
    timezone: str = ""
    """IANA zone of this column's wall clocks, instead of the source's `assume_timezone`."""
    null_values: tuple[str, ...] = ()
    """Texts that stand for no value, such as `n/a`; they become null and are counted."""
    true_values: tuple[str, ...] = ()
    """Texts that mean true; a boolean with such needs `false_values`, too."""
    false_values: tuple[str, ...] = ()
    """Texts that mean false."""
    on_mismatch: Literal["refuse", "widen", "null"] = "refuse"
    """What becomes of a value that is none of this type: `refuse` fails the table (exit 30),
    `widen` exports the column as a type that holds every value, `null` exports such values as null
    and counts them as lost. Blobs in a column of another type always widen it."""

    @property
    def reading(self) -> dict[str, Any]:
        """The rules of reading that were chosen, by name, as `tables.reading` takes them."""
        names = (
            ("format", self.format),
            ("timezone", self.timezone),
            ("null_values", self.null_values),
            ("true_values", self.true_values),
            ("false_values", self.false_values),
        )
        chosen: dict[str, Any] = {name: value for name, value in names if value}
        if chosen or self.on_mismatch == "null":
            chosen["on_mismatch"] = self.on_mismatch
        return chosen

    @model_validator(mode="after")
    def _reads_what_it_says(self) -> Self:
        if self.format and self.type not in _TEMPORAL:
            msg = f"format belongs to dates and times, not to {self.type}"
            raise ValueError(msg)
        if self.format and (self.encoding != "native" or "%" not in self.format):
            msg = "format is a pattern such as %d.%m.%Y, and leaves no place for an encoding"
            raise ValueError(msg)
        if self.format:
            _check_format(self.format, self.type)
        if self.timezone and self.type != "timestamp":
            msg = f"timezone belongs to timestamp, not to {self.type}"
            raise ValueError(msg)
        if self.timezone:
            check_timezone(self.timezone)
        if self.type != "boolean" and (self.true_values or self.false_values):
            msg = f"true_values and false_values belong to boolean, not to {self.type}"
            raise ValueError(msg)
        if bool(self.true_values) != bool(self.false_values):
            msg = "true_values and false_values: give both"
            raise ValueError(msg)
        words = (*self.true_values, *self.false_values, *self.null_values)
        if len(set(words)) != len(words):
            msg = "true_values, false_values and null_values: a text is in them twice"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _fits_the_type(self) -> Self:
        if self.type != "decimal" and (self.precision is not None or self.scale is not None):
            msg = f"precision and scale belong to decimal, not to {self.type}"
            raise ValueError(msg)
        if self.encoding != "native" and self.type not in _TEMPORAL:
            msg = f"encoding {self.encoding} belongs to dates and times, not to {self.type}"
            raise ValueError(msg)
        if (self.scale or 0) > (self.precision or 38):
            msg = f"scale {self.scale} is more than precision {self.precision}"
            raise ValueError(msg)
        return self


def _check_format(form: str, kind: TypeName) -> None:
    try:
        check_form(form, of_day=kind != "time")
    except ValueError as error:
        msg = f"format: {error}"
        raise ValueError(msg) from error


def _type_by_name(value: object) -> object:
    return {"type": value} if isinstance(value, str) else value


ColumnTypeOrName = Annotated[
    ColumnType, BeforeValidator(_type_by_name, json_schema_input_type=TypeName | ColumnType)
]


class Relation(Model):
    """A reference between two tables that the source does not declare as a foreign key."""

    child: str = Field(alias="from", pattern=COLUMN_PATTERN)
    """`table.column` that refers."""
    parent: str = Field(alias="to", pattern=COLUMN_PATTERN)
    """`table.column` referred to."""

    @property
    def child_table(self) -> str:
        """Table that refers; the column follows the last dot."""
        return self.child.rpartition(".")[0]

    @property
    def child_column(self) -> str:
        """Column that refers."""
        return self.child.rpartition(".")[2]

    @property
    def parent_table(self) -> str:
        """Table referred to."""
        return self.parent.rpartition(".")[0]

    @property
    def parent_column(self) -> str:
        """Column referred to."""
        return self.parent.rpartition(".")[2]


class Keep(Model):
    """What retention keeps; everything no rule keeps may be pruned."""

    all_within_days: NonNegativeInt | None = None
    """Keep everything of the last so many days."""
    hourly: NonNegativeInt = 0
    """Keep the newest of each of the last so many hours."""
    daily: NonNegativeInt = 0
    """Keep the newest of each of the last so many days."""
    weekly: NonNegativeInt = 0
    """Keep the newest of each of the last so many weeks."""
    monthly: NonNegativeInt = 0
    """Keep the newest of each of the last so many months."""
    yearly: NonNegativeInt = 0
    """Keep the newest of each of the last so many years."""

    @model_validator(mode="after")
    def _keeps_something(self) -> Self:
        if not any(value for _, value in self):
            msg = "keeps nothing; leave it out to keep everything"
            raise ValueError(msg)
        return self


class Cadence(Model):
    """Rows that should come at a steady beat."""

    column: str = Field(min_length=1)
    """Timestamp column of the beat."""
    minutes: float = Field(gt=0)
    """Minutes from one row to the next."""
    max_gap_minutes: float | None = Field(default=None, gt=0)
    """Longer silences than this are reported as gaps; three beats where not given."""

    @property
    def allowed_gap(self) -> float:
        """Longest silence, in minutes, that is no gap."""
        return self.max_gap_minutes if self.max_gap_minutes is not None else 3 * self.minutes

    @model_validator(mode="after")
    def _gap_exceeds_the_beat(self) -> Self:
        if self.allowed_gap < self.minutes:
            msg = f"max_gap_minutes {self.max_gap_minutes} is less than minutes {self.minutes}"
            raise ValueError(msg)
        return self


def expand_formats(value: object) -> object:
    """Turn `all` (alone or in a list) into `ALL_FORMATS` and drop repetitions, order kept."""
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, Sequence) or not all(isinstance(name, str) for name in names):
        return value
    if "all" in names:
        names = [*ALL_FORMATS, *(name for name in names if name != "all")]
    return tuple(dict.fromkeys(names))


Formats = Annotated[
    tuple[FormatName, ...],
    BeforeValidator(
        expand_formats,
        json_schema_input_type=Literal["all", FormatName] | tuple[Literal["all", FormatName], ...],
    ),
    Field(min_length=1),
]
