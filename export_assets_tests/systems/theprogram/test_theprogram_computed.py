"""The computed columns, against the same definitions written in Python."""

import json
import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from export_assets.errors import ConfigError
from export_assets.store.manifest import Manifest
from export_assets_tests.systems.theprogram.theprogram_world import (
    FORMATS,
    Project,
    Record,
    read_records,
)

BLANKS = " \t\n\v\f\r"
LONG = "Zeile — 星🌙\n" * 40
TEXTS = (None, "", " ", " \n\t", "Ada", "  padded ", "O'Neill", 'a "b", c', "星", LONG[:100], LONG)
NUMBERS = (0.0, -0.5, 40.7128, -74.006, 47, 1e-7, 179.123456789, 0.1 + 0.2, 89.99999999999999)
LISTS = (
    "[]", '["Sun"]', '["Sun", "Moon", null, "Mars"]', '[{"name": "Sun", "deg": 1}, {"deg": 2}]',
    '{"a": 1}', "null", "", "no json", '"Sun"', "[1, 2.5]",
)  # fmt: skip


def joined(parts: tuple[Any, ...], between: str) -> str | None:
    return between.join(part for part in parts if part) or None


def filled(text: str | None) -> bool:
    return bool(text and text.strip(BLANKS))


def preview(text: str | None) -> str | None:
    return text if text is None or len(text) <= 100 else text[:100] + "…"


def coordinate(number: float) -> str:
    mantissa, e, exponent = f"{float(number):.15g}".partition("e")
    return mantissa + (".0" if "." not in mantissa else "") + e + exponent


def planets(text: str) -> list[Any] | None:
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, list) else None


def names(text: str) -> str | None:
    found = planets(text)
    if found is None:
        return None
    shown = []
    for one in found:
        if isinstance(one, dict):
            shown.append(one.get("name") or json.dumps(one, separators=(",", ":")))
        elif one is not None:
            shown.append(str(one))
    return ", ".join(shown)


ORACLE: dict[str, dict[str, Callable[[Record], Any]]] = {
    "clients": {"full_name": lambda r: joined((r["first_name"], r["last_name"]), " ")},
    "birth_data": {
        "location_string": lambda r: joined((r["city"], r["state_province"], r["country"]), ", "),
        "coordinates_string": lambda r: (
            f"{coordinate(r['latitude'])}, {coordinate(r['longitude'])}"
        ),
        "has_time": lambda r: filled(r["birth_time"]) and not r["time_unknown"],
    },
    "charts": {
        "display_name": lambda r: (
            r["chart_name"] if filled(r["chart_name"]) else f"{r['chart_type']} chart"
        )
    },
    "chart_interpretations": {
        "preview_text": lambda r: preview(r["ai_description"]),
        "is_pending": lambda r: r["is_approved"] == "pending",
    },
    "aspect_patterns": {
        "planet_count": lambda r: (
            None if (found := planets(r["planets_involved"])) is None else len(found)
        ),
        "planet_names_string": lambda r: names(r["planets_involved"]),
    },
    "transit_events": {
        "description": lambda r: joined(
            (r["transiting_planet"], r["aspect_type"], r["natal_planet"]), " "
        )
    },
    "session_notes": {
        "preview_text": lambda r: preview(r["note_content"]),
        "has_content": lambda r: filled(r["note_content"]),
    },
}
POOLS = {
    "first_name": TEXTS, "last_name": TEXTS, "city": TEXTS, "state_province": TEXTS,
    "country": TEXTS, "latitude": NUMBERS, "longitude": NUMBERS, "chart_name": TEXTS,
    "birth_time": (None, "", " ", "10:30:00"), "time_unknown": (0, 1), "note_content": TEXTS,
    "ai_description": tuple(text for text in TEXTS if text is not None),
    "is_approved": (None, "", "pending", "approved"), "planets_involved": LISTS,
    "transiting_planet": (None, "", "Sun"), "natal_planet": (None, "", "Moon"),
}  # fmt: skip


def scramble(project: Project) -> None:
    """Give every column something is computed from values of every kind."""
    chance = random.Random(5)
    with closing(sqlite3.connect(project.db)) as connection, connection:
        for table in ORACLE:
            found = connection.execute("select name from pragma_table_info(?)", (table,))
            columns = [name for (name,) in found if name in POOLS]
            if not columns:
                continue
            sets = ", ".join(f"{name} = ?" for name in columns)
            for (row,) in connection.execute(f"select rowid from {table}").fetchall():
                values = [chance.choice(POOLS[name]) for name in columns]
                connection.execute(f"update {table} set {sets} where rowid = ?", [*values, row])


@pytest.mark.parametrize("generation", ["earlier", "later"])
def test_every_computed_value_is_what_its_definition_says(
    generation: str, request: pytest.FixtureRequest
) -> None:
    project: Project = request.getfixturevalue(generation)
    scramble(project)

    report = project.export(formats=("json",), computed=True)

    assert not report.failed
    for table in ORACLE.keys() & project.published():
        found = read_records(project.part(table, "json"), "json")
        for row, computed in zip(project.rows(table), found, strict=True):
            for name, oracle in ORACLE[table].items():
                assert computed[name] == oracle(row), (table, name, row)


def test_they_are_of_their_own_types_in_every_format(earlier: Project) -> None:
    earlier.export(formats=FORMATS, computed=True)

    births = read_records(earlier.part("birth_data", "parquet"), "parquet")
    patterns = read_records(earlier.part("aspect_patterns", "parquet"), "parquet")
    assert {type(row["has_time"]) for row in births} == {bool}
    assert {type(row["planet_count"]) for row in patterns} == {int}
    assert {row["has_time"] for row in read_records(earlier.part("birth_data", "csv"), "csv")} == {
        "true",
        "false",
    }


def test_they_are_of_their_own_types_where_there_is_no_row(earlier: Project) -> None:
    earlier.sql("delete from aspect_patterns;")

    report = earlier.export(tables=("aspect_patterns",), formats=("parquet",), computed=True)

    assert types(report.records[0].manifest)["planet_count"] == "integer"


def types(manifest: Manifest | None) -> dict[str, str]:
    assert manifest is not None
    return {column.name: column.logical_type for column in manifest.columns}


def test_exports_with_and_without_them_do_not_mix(earlier: Project) -> None:
    first = earlier.export(tables=("charts",), formats=("csv",))

    second = earlier.export(tables=("charts",), formats=("csv",), computed=True)
    third = earlier.export(tables=("charts",), formats=("csv",), computed=True)
    fourth = earlier.export(tables=("charts",), formats=("csv",))

    statuses = [report.records[0].status for report in (first, second, third, fourth)]
    assert statuses == ["success", "success", "unchanged", "success"]
    assert "display_name" in types(second.records[0].manifest)
    assert "display_name" not in types(fourth.records[0].manifest)


def test_the_configuration_can_ask_for_them_for_good(earlier: Project) -> None:
    earlier.configure("options: {computed: true}\n")

    asked = earlier.export(tables=("clients",), formats=("csv",))
    again = earlier.export(tables=("clients",), formats=("csv",), computed=True)

    assert "full_name" in types(asked.records[0].manifest)
    assert again.counts == {"unchanged": 1}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("computed: 1", "theprogram: options.computed: must be true or false"),
        ("generation: 3", "theprogram: options.generation: must be 1 or 2, not 3"),
        ("compute: true", "theprogram: options.compute: unknown; theprogram has"),
    ],
)
def test_a_wrong_option_is_named(earlier: Project, options: str, says: str) -> None:
    earlier.configure(f"options: {{{options}}}\n")

    with pytest.raises(ConfigError, match=says):
        earlier.export(tables=("clients",))


def test_a_column_of_the_database_is_not_covered_by_a_computed_one(earlier: Project) -> None:
    earlier.sql("alter table clients add column full_name text default 'own';")

    earlier.export(tables=("clients",), formats=("json",), computed=True)

    found = read_records(earlier.part("clients", "json"), "json")
    assert {row["full_name"] for row in found} == {"own"}


def test_what_cannot_be_computed_is_left_out(earlier: Project) -> None:
    earlier.sql(
        "drop view client_summary; alter table clients drop column last_name;"
        "alter table birth_data drop column longitude;"
    )

    earlier.export(tables=("clients", "birth_data"), formats=("json",), computed=True)

    births = read_records(earlier.part("birth_data", "json"), "json")
    clients = read_records(earlier.part("clients", "json"), "json")
    assert "coordinates_string" not in births[0]
    assert "has_time" in births[0]
    assert all(row["full_name"] == (row["first_name"] or None) for row in clients)
