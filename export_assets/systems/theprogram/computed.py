"""The computed columns, as SQL expressions of SQLite over the columns that are there.

Rulings, the same for every column:

- Text that is NULL or empty counts as absent. A text put together of several leaves absent parts
  out and is NULL where all are; a boolean is never NULL.
- Blank means nothing but spaces, tabs and line ends.
- A column of the database that has the name of a computed one stays as it is.
- A computed column is left out where the source lacks what it is made of.

Nothing depends on the version of SQLite, two of which read the same database here: numbers become
text by an explicit format, never by a cast.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from export_assets.sources.sql import quote, text
from export_assets.tables.schema import LogicalType

PREVIEW: Final = 100
"""Characters of a preview; where something was cut off, an ellipsis follows."""

_BLANKS: Final = "' ' || char(9, 10, 11, 12, 13)"


@dataclass(frozen=True, kw_only=True)
class Computed:
    """One computed column."""

    name: str
    logical: LogicalType
    needs: tuple[str, ...]
    """Columns it is made of."""
    expression: Callable[[Sequence[str]], str]
    """SQL over the quoted names of those of `needs` that are there, in their order."""
    description: str
    all_needed: bool = True
    """Whether it is left out unless all of `needs` are there, not only where none is."""

    def sql(self, columns: Sequence[str]) -> str | None:
        """Return the expression over a table with *columns*, None where it cannot be computed."""
        there = [quote(name) for name in self.needs if name in columns]
        if not there or (self.all_needed and len(there) < len(self.needs)):
            return None
        return self.expression(there)


def _joined(parts: Sequence[str], between: str) -> str:
    """Join what is present of *parts*, NULL where nothing is."""
    present = [f"({part} is not null and {part} <> '')" for part in parts]
    pieces = []
    for at, part in enumerate(parts):
        before = " or ".join(present[:at]) or "0"
        gap = f"case when {before} then {text(between)} else '' end"
        pieces.append(f"case when {present[at]} then {gap} || {part} else '' end")
    return f"nullif({' || '.join(pieces)}, '')"


def _coordinate(column: str) -> str:
    # 15 digits are those a float always keeps; `!` writes 40 as 40.0.
    number = f"typeof({column}) in ('integer', 'real')"
    return f"case when {number} then printf('%!.15g', {column}) else {column} end"


def _preview(columns: Sequence[str]) -> str:
    (column,) = columns
    cut = f"substr({column}, 1, {PREVIEW}) || '…'"
    return f"case when length({column}) > {PREVIEW} then {cut} else {column} end"


def _has_time(columns: Sequence[str]) -> str:
    time, unknown = columns
    known = f"lower(coalesce({unknown}, 0)) in ('0', '0.0', 'false')"
    return f"({_is_filled(time)} and {known})"


def _is_filled(column: str) -> str:
    return f"coalesce(trim({column}, {_BLANKS}) <> '', 0)"


def _display_name(columns: Sequence[str]) -> str:
    name, kind = columns
    return f"case when {_is_filled(name)} then {name} else {kind} || ' chart' end"


def _as_list(column: str) -> str:
    """Return *column* as a JSON list, NULL where it is none; looked at only once it is valid."""
    valid = f"typeof({column}) = 'text' and json_valid({column})"
    return f"case when {valid} then case when json_type({column}) = 'array' then {column} end end"


def _planet_count(columns: Sequence[str]) -> str:
    return f"json_array_length({_as_list(columns[0])})"


def _planet_names(columns: Sequence[str]) -> str:
    planets = _as_list(columns[0])
    name = "case when type = 'object' then coalesce(json_extract(value, '$.name'), value)"
    named = f"select {name} else value end as name from json_each({planets}) order by key"  # noqa: S608 - quoted
    joined = f"(select group_concat(name, ', ') from ({named}))"  # noqa: S608 - quoted
    return f"case when {planets} is not null then coalesce({joined}, '') end"


_TEXT, _BOOLEAN, _INTEGER = LogicalType.TEXT, LogicalType.BOOLEAN, LogicalType.INTEGER

COMPUTED: Final[dict[str, tuple[Computed, ...]]] = {
    "clients": (
        Computed(
            name="full_name",
            logical=_TEXT,
            needs=("first_name", "last_name"),
            expression=lambda parts: _joined(parts, " "),
            description="First and last name, as far as they are there.",
            all_needed=False,
        ),
    ),
    "birth_data": (
        Computed(
            name="location_string",
            logical=_TEXT,
            needs=("city", "state_province", "country"),
            expression=lambda parts: _joined(parts, ", "),
            description="City, state or province, and country, as far as they are there.",
            all_needed=False,
        ),
        Computed(
            name="coordinates_string",
            logical=_TEXT,
            needs=("latitude", "longitude"),
            expression=lambda pair: f"{_coordinate(pair[0])} || ', ' || {_coordinate(pair[1])}",
            description="Latitude and longitude in degrees with up to 15 digits: 40.7128, -74.006.",
        ),
        Computed(
            name="has_time",
            logical=_BOOLEAN,
            needs=("birth_time", "time_unknown"),
            expression=_has_time,
            description="Whether there is a time of birth that is not marked as unknown.",
        ),
    ),
    "charts": (
        Computed(
            name="display_name",
            logical=_TEXT,
            needs=("chart_name", "chart_type"),
            expression=_display_name,
            description="The chart's name; where that is blank, its type: natal chart.",
        ),
    ),
    "chart_interpretations": (
        Computed(
            name="preview_text",
            logical=_TEXT,
            needs=("ai_description",),
            expression=_preview,
            description=f"The first {PREVIEW} characters, with an ellipsis where more follow.",
        ),
        Computed(
            name="is_pending",
            logical=_BOOLEAN,
            needs=("is_approved",),
            expression=lambda one: f"coalesce({one[0]} = 'pending', 0)",
            description="Whether it waits for approval: is_approved is pending.",
        ),
    ),
    "aspect_patterns": (
        Computed(
            name="planet_count",
            logical=_INTEGER,
            needs=("planets_involved",),
            expression=_planet_count,
            description="How many planets are listed; null where planets_involved is no list.",
        ),
        Computed(
            name="planet_names_string",
            logical=_TEXT,
            needs=("planets_involved",),
            expression=_planet_names,
            description="The planets listed, separated by commas; empty where none is.",
        ),
    ),
    "transit_events": (
        Computed(
            name="description",
            logical=_TEXT,
            needs=("transiting_planet", "aspect_type", "natal_planet"),
            expression=lambda parts: _joined(parts, " "),
            description="Transiting planet, aspect and natal planet: Saturn square Moon.",
            all_needed=False,
        ),
    ),
    "session_notes": (
        Computed(
            name="preview_text",
            logical=_TEXT,
            needs=("note_content",),
            expression=_preview,
            description=f"The first {PREVIEW} characters, with an ellipsis where more follow.",
        ),
        Computed(
            name="has_content",
            logical=_BOOLEAN,
            needs=("note_content",),
            expression=lambda one: _is_filled(one[0]),
            description="Whether the note holds more than blanks.",
        ),
    ),
}
"""By table, in the order they follow the table's own columns."""
