"""What may be chosen about the files of one format: how they look, and which rows they hold."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PositiveInt

from export_assets.config.base import Model
from export_assets.config.rules import Scalar

_ROWS = frozenset({"only", "without", "include_raw_data"})
"""What is chosen about the rows, not about the file."""

Column = Annotated[str, Field(min_length=1)]
Values = Annotated[
    tuple[Scalar, ...],
    BeforeValidator(
        lambda value: value if isinstance(value, list | tuple) else (value,),
        json_schema_input_type=Scalar | tuple[Scalar, ...],
    ),
    Field(min_length=1),
]


def _delimiter(value: object) -> object:
    if value == "tab":
        return "\t"
    if isinstance(value, str) and (len(value) != 1 or value in '"\r\n\0'):
        msg = "CSV delimiter must be a single character other than the quote, line ends and NUL, "
        msg += "or 'tab'"
        raise ValueError(msg)
    return value


Delimiter = Annotated[str, BeforeValidator(_delimiter)]


class FormatOptionsConfig(Model):
    """Choices about the files of one format; what is left out keeps the format's own default."""

    compression: str | None = None
    """Codec of the format, or `none`."""
    compression_level: int | None = None
    """Level of the codec."""
    profile: Literal["default", "excel", "legacy", "tidy", "logged"] | None = None
    """Named set of conventions: of CSV `excel`, `legacy`, `tidy`, of NDJSON `logged`, by which
    lines are the objects that were logged, with members of ours before."""
    delimiter: Delimiter | None = None
    """Field separator of CSV: one character, or `tab`."""
    pretty: bool | None = None
    """Indented JSON."""
    row_group_rows: PositiveInt | None = None
    """Rows per row group of Parquet."""
    partition_by: Column | None = None
    """Column of Parquet by whose values a partition's files lie in directories `column=value`;
    `date` is the day of the table's time, `session` the column `session_id`."""
    schema_header: bool | None = None
    """Whether the first line of NDJSON describes the others; the default of `logged` alone."""
    schema_version: str | None = None
    """Version of such a description, and of `logged` lines."""
    members_of: Column | None = None
    """Column of JSON objects that are the lines of `logged`."""
    stamps: tuple[Column, ...] | None = None
    """Columns whose values stand before the members of a `logged` object, under their names with
    `_` before."""
    as_of: Column | None = None
    """Timestamp column whose latest value in the file is the time that the file tells of itself."""
    fields: Mapping[str, str] | None = None
    """What the members of the lines are, for the description; without it the table's columns."""
    only: Mapping[Column, Values] | None = None
    """The only rows that are written: those whose column has one of the values."""
    without: Mapping[Column, Values] | None = None
    """Rows that are left out: those whose column has one of the values."""
    include_raw_data: bool | None = None
    """Whether logged objects keep the members that `log.payload` of the source names."""

    def given(self) -> dict[str, Any]:
        """Return the options of the file that were chosen, by name."""
        return {key: value for key, value in self if value is not None and key not in _ROWS}

    def over(self, below: "FormatOptionsConfig") -> "FormatOptionsConfig":
        """Return these options, with those of *below* where these say nothing."""
        chosen = {key: value for one in (below, self) for key, value in one if value is not None}
        return FormatOptionsConfig(**chosen)
