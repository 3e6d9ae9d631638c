"""Every table of both generations in every format, against plain sqlite3 and json."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from export_assets.engine.verification import verify_source
from export_assets_tests.systems.theprogram.theprogram_world import (
    FORMATS,
    LATER_TABLES,
    TABLES,
    Project,
    expected,
    parse_csv,
    read_records,
    state,
)

EMPTY = ("clients", "charts", "app_config")


@pytest.mark.parametrize(("generation", "tables"), [("earlier", TABLES), ("later", LATER_TABLES)])
def test_every_field_of_every_row_is_exported_in_every_format(
    generation: str, tables: tuple[str, ...], request: pytest.FixtureRequest
) -> None:
    project: Project = request.getfixturevalue(generation)

    report = project.export(formats=FORMATS)

    assert not report.failed
    assert project.published() == set(tables)
    for table in tables:
        rows = project.rows(table)
        assert rows
        for fmt in FORMATS:
            found = read_records(project.part(table, fmt), fmt)
            assert found == expected(rows, fmt), (table, fmt)


@pytest.mark.parametrize("generation", ["earlier", "later"])
def test_the_export_equals_the_source_by_its_digests(
    generation: str, request: pytest.FixtureRequest
) -> None:
    project: Project = request.getfixturevalue(generation)
    project.export(formats=("csv", "json"), computed=True)

    findings = list(verify_source(project.exporter(formats=("csv", "json"), computed=True)))

    assert findings
    assert {finding.verdict for finding in findings} == {"equal"}


def test_rows_that_are_in_the_log_alone_are_exported(earlier: Project, tmp_path: Path) -> None:
    (tmp_path / "main.db").write_bytes(earlier.db.read_bytes())
    with closing(sqlite3.connect(tmp_path / "main.db")) as connection:
        (without,) = connection.execute("select count(*) from clients").fetchone()

    earlier.export(formats=("json",))

    assert len(read_records(earlier.part("clients", "json"), "json")) == 200
    assert without == 180


def test_the_database_and_its_log_stay_as_they_were(earlier: Project) -> None:
    before = state(earlier.db.parent)

    earlier.export(formats=FORMATS, computed=True)

    assert state(earlier.db.parent) == before
    assert set(before) == {"theprogram.db", "theprogram.db-wal"}


def test_a_table_without_rows_is_a_header(earlier: Project) -> None:
    earlier.sql("".join(f"delete from {table};" for table in TABLES))

    earlier.export(formats=FORMATS)

    for table in EMPTY:
        columns = list(_names(earlier, table))
        assert parse_csv(earlier.part(table, "csv").read_text(encoding="utf-8")) == [columns]
        assert json.loads(earlier.part(table, "json").read_text(encoding="utf-8")) == []
        assert earlier.part(table, "ndjson").read_bytes() == b""


def _names(project: Project, table: str) -> list[str]:
    with closing(sqlite3.connect(project.db)) as connection:
        found = connection.execute("select name from pragma_table_info(?)", (table,)).fetchall()
    return ["has_password" if name == "password_hash" else name for (name,) in found]


def test_null_the_text_null_and_the_empty_text_stay_three_things(earlier: Project) -> None:
    earlier.sql("update charts set calculation_params = null, chart_data = 'null';")
    earlier.sql("update charts set calculation_params = '' where chart_type = 'natal';")

    earlier.export(tables=("charts",), formats=("csv", "json", "parquet"))

    for fmt in ("csv", "json", "parquet"):
        found = read_records(earlier.part("charts", fmt), fmt)
        natal = [row for row in found if row["chart_type"] == "natal"]
        assert {row["calculation_params"] for row in natal} == {""}
        assert {row["calculation_params"] for row in found} == {"", None}
        assert {row["chart_data"] for row in found} == {"null"}


def test_json_is_nested_in_json_and_text_that_is_not_escaped_in_csv(earlier: Project) -> None:
    text = '{"planets": ["星", "Sönne"], "orb": 1.50}'
    earlier.sql(f"update charts set chart_data = '{text}';")

    earlier.export(tables=("charts",), formats=("csv", "json", "ndjson"))

    assert text.replace('"', '""').encode() in earlier.part("charts", "csv").read_bytes()
    for fmt in ("json", "ndjson"):
        found = read_records(earlier.part("charts", fmt), fmt)
        assert found[0]["chart_data"] == {"planets": ["星", "Sönne"], "orb": 1.5}
        assert "星".encode() in earlier.part("charts", fmt).read_bytes()


def test_the_two_ways_of_writing_a_time_mix_in_one_column(earlier: Project) -> None:
    earlier.sql(
        "update clients set created_at = '2026-02-08 10:30:00' where rowid % 2;"
        "update clients set updated_at = '2026-02-08T10:30:00' where rowid % 3 = 0;"
    )

    report = earlier.export(tables=("clients",), formats=FORMATS)

    assert not any(record.changed for record in report.records)
    for fmt in FORMATS:
        found = read_records(earlier.part("clients", fmt), fmt)
        assert found == expected(earlier.rows("clients"), fmt)


def test_values_that_are_not_of_their_column_s_type_widen_it_and_are_counted(
    earlier: Project,
) -> None:
    earlier.sql(
        "update clients set created_at = 'yesterday' where rowid < 4;"
        "update birth_data set time_unknown = 2 where rowid = 1;"
        "update birth_data set birth_time = 'noon' where rowid = 2;"
    )

    report = earlier.export(tables=("clients", "birth_data"), formats=("json",))

    assert not report.failed
    clients, births = (record.manifest for record in report.records)
    assert clients is not None
    assert births is not None
    verdicts = {one.name: (one.fidelity, one.fidelity_count) for one in clients.columns}
    assert verdicts["created_at"] == ("widened", 3)
    assert verdicts["updated_at"] == ("exact", 0)
    assert {one.name for one in births.columns if one.fidelity == "widened"} == {
        "time_unknown",
        "birth_time",
    }
    stored = {row["id"]: row["created_at"] for row in earlier.rows("clients")}
    found = read_records(earlier.part("clients", "json"), "json")
    assert {row["id"]: row["created_at"] for row in found} == stored
