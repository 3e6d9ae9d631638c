"""A database that is not quite as expected is exported whole, and the report says so."""

import pytest

from export_assets.engine.inspection import inspect_source
from export_assets.errors import UsageError
from export_assets_tests.systems.theprogram.theprogram_world import (
    LATER_TABLES,
    Project,
    expected,
    read_records,
)

LATER_SAYS = [
    "tables.clients: source has no such table",
    "tables.session_notes: source has no such table",
    "birth_data: is not as expected: lacks client_id",
    "charts: is not as expected: lacks client_id",
    (
        "chart_interpretations: is not as expected: lacks element_key, ai_model, "
        "ai_prompt_version, version; has element_id besides"
    ),
    "app_config: is not as expected: id is declared VARCHAR, not INTEGER",
    "user_preferences: is not as expected: id is declared VARCHAR, not INTEGER",
]


def test_the_earlier_generation_is_as_expected(earlier: Project) -> None:
    report = earlier.export(formats=("csv",), computed=True)

    assert report.warnings == []
    assert report.exit_code == 0


def test_the_later_generation_is_reported_also_where_nothing_is_read_again(later: Project) -> None:
    first = later.export(formats=("csv",))
    second = later.export(formats=("csv",))

    assert list(first.warnings) == LATER_SAYS
    assert second.counts == {"unchanged": len(LATER_TABLES)}
    assert list(second.warnings) == LATER_SAYS
    assert (first.exit_code, second.exit_code) == (3, 3)


def test_the_later_generation_can_be_what_is_expected(later: Project) -> None:
    later.configure("options: {generation: 2}\n")

    report = later.export(formats=("csv",), computed=True)

    assert report.warnings == []


def test_the_earlier_one_is_reported_where_the_later_one_is_expected(earlier: Project) -> None:
    earlier.configure("options: {generation: 2}\n")

    report = earlier.export(formats=("csv",))

    assert "charts: is not as expected: has client_id besides" in report.warnings


def test_inspect_says_the_same_and_names_the_tables_not_exported(later: Project) -> None:
    found = inspect_source(later.source())

    assert list(found.warnings) == LATER_SAYS
    assert list(found.others) == ["location_cache", "recent_charts"]


def test_columns_that_come_and_go_are_reported_and_exported(earlier: Project) -> None:
    earlier.sql(
        "alter table clients add column nickname text default 'nick';"
        "alter table session_notes drop column note_date;"
        "alter table transit_events rename to old; create table transit_events (id INTEGER "
        "primary key, chart_id text, aspect_type text, orb TEXT);"
        "insert into transit_events values (7, 'x', 'trine', 'wide');"
    )

    report = earlier.export(formats=("json",))

    assert not report.failed
    assert list(report.warnings) == [
        "clients: is not as expected: has nickname besides",
        "session_notes: is not as expected: lacks note_date",
        (
            "transit_events: is not as expected: lacks event_date, transiting_planet, "
            "natal_planet, is_applying, created_at, updated_at; id is declared INTEGER, not TEXT; "
            "orb is declared TEXT, not REAL"
        ),
    ]
    for table in ("clients", "session_notes", "transit_events"):
        found = read_records(earlier.part(table, "json"), "json")
        assert found == expected(earlier.rows(table), "json")


def test_a_column_left_out_on_purpose_is_no_drift(earlier: Project) -> None:
    earlier.configure("tables: {clients: {exclude_columns: [notes]}}\n")

    reports = [earlier.export(tables=("clients",), formats=("csv",)) for _ in range(2)]

    assert [report.warnings for report in reports] == [[], []]
    assert reports[1].counts == {"unchanged": 1}


def test_a_table_that_cannot_be_read_fails_and_is_not_empty(earlier: Project) -> None:
    earlier.sql("drop table session_notes; create view session_notes as select nope() as id;")

    report = earlier.export(formats=("json",))

    (failed,) = report.failed
    assert failed.table == "session_notes"
    assert report.exit_code == 4
    assert "session_notes" not in earlier.published()


def test_a_new_table_is_noted_and_exported_when_asked_for(earlier: Project) -> None:
    earlier.sql("create table extras (id integer primary key); insert into extras values (1);")

    without = earlier.export(formats=("csv",))
    noted_again = earlier.export(formats=("csv",))
    included = earlier.export(formats=("csv",), include=("extras", "location_cache"))

    said = ["theprogram: table extras unknown to theprogram, not exported"]
    assert [list(one.notes) for one in (without, noted_again, included)] == [said, said, []]
    assert without.exit_code == 0
    assert {"extras", "location_cache"} <= earlier.published()


def test_all_tables_are_all_there_are(earlier: Project) -> None:
    earlier.sql("create table extras (id integer primary key); insert into extras values (1);")
    earlier.configure("tables: all\n")

    earlier.export(formats=("csv",))

    assert {"extras", "location_cache", "client_summary"} <= earlier.published()
    assert "password" not in earlier.part("app_config", "csv").read_text("utf-8").replace(
        "has_password", ""
    )


def test_what_is_configured_of_known_columns_need_not_be_there(later: Project) -> None:
    later.configure("tables: {charts: {redact: [client_id], types: {client_id: text}}}\n")

    report = later.export(tables=("charts",), formats=("csv",))

    assert report.counts == {"success": 1}


@pytest.mark.parametrize(
    "yaml",
    [
        "tables: {charts: {redact: [chart_nam]}}",
        "tables: {charts: {expose: [chart_nam]}}",
        "tables: {charts: {column_descriptions: {chart_nam: A name}}}",
        "tables: {charts: {checks: [{column: chart_nam, not_null: true}]}}",
    ],
)
def test_a_misspelt_column_is_still_refused(later: Project, yaml: str) -> None:
    later.configure(yaml + "\n")

    with pytest.raises(UsageError, match="chart_nam"):
        later.export(tables=("charts",), formats=("csv",))


def test_a_misspelt_table_is_still_refused(later: Project) -> None:
    later.configure("tables: {chart: {}}\n")

    with pytest.raises(UsageError, match=r"tables\.chart: source has no such table"):
        later.export(tables=("charts",), formats=("csv",))
