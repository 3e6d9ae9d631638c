"""The export service, beside plain sqlite3 on the same database."""

import csv
import io
import json
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import polars as pl
import pytest

from export_assets.errors import SourceMissing, UsageError
from export_assets.systems.theprogram.service import ExportService
from export_assets.systems.theprogram.service_models import (
    ChartsExport,
    ClientsExport,
    FullDatabaseExport,
    TableExport,
)
from export_assets_tests.systems.theprogram.theprogram_world import LATER_TABLES, TABLES, Project

Result = FullDatabaseExport | TableExport | ClientsExport | ChartsExport

every_format = pytest.mark.parametrize("fmt", ["json", "csv", "ndjson", "parquet"])


def service_of(project: Project, **how: Any) -> ExportService:
    return ExportService(f"sqlite:///{project.db}", home=project.home, **how)


def rows_of(project: Project, statement: str, *values: object) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(project.db)) as connection:
        return connection.execute(statement, values).fetchall()


def counts_of(project: Project, tables: tuple[str, ...]) -> dict[str, int]:
    return {name: rows_of(project, f"select count(*) from {name}")[0][0] for name in tables}


@every_format
def test_the_full_database_holds_every_default_table(earlier: Project, fmt: str) -> None:
    service = service_of(earlier)

    found = service.export_full_database(fmt)

    assert found.record_counts == counts_of(earlier, TABLES)
    assert set(found.tables) == set(TABLES)
    assert found.metadata is not None
    assert found.metadata["total_records"] == sum(found.record_counts.values())
    assert service.validate_export(found).model_dump() == {
        "valid": True,
        "warnings": [],
        "errors": [],
    }


def test_the_later_generation_exports_too(later: Project) -> None:
    found = service_of(later).export_full_database()

    assert found.record_counts == counts_of(later, LATER_TABLES)


def test_json_is_one_document_with_or_without_metadata(earlier: Project) -> None:
    service = service_of(earlier)

    found = service.export_full_database(include_tables=["clients", "charts"], pretty=True)
    bare = service.export_full_database(include_tables=["clients"], include_metadata=False)

    assert isinstance(found.data, str)
    assert isinstance(bare.data, str)
    document = json.loads(found.data)
    assert list(document) == ["metadata", "clients", "charts"]
    assert document["metadata"]["record_counts"] == {"clients": 200, "charts": 400}
    assert found.data.startswith("{\n")
    assert list(json.loads(bare.data)) == ["clients"]
    assert bare.metadata is None


def test_csv_has_its_delimiter_and_a_header_without_rows(earlier: Project) -> None:
    with closing(sqlite3.connect(earlier.db)) as connection, connection:
        connection.execute("delete from session_notes")
    service = service_of(earlier)

    found = service.export_full_database("csv", exclude_tables=["charts"], csv_delimiter="\t")
    verdict = service.validate_export(found)

    assert isinstance(found.data, dict)
    assert "charts" not in found.data
    notes = found.data["session_notes"]
    assert notes == "id\tclient_id\tnote_date\tnote_content\tcreated_at\tupdated_at\n"
    assert verdict.valid
    assert verdict.warnings == ["Table 'session_notes' has 0 records"]


def test_the_password_is_in_no_result(earlier: Project) -> None:
    (hidden,) = rows_of(earlier, "select password_hash from app_config")[0]
    assert hidden

    found = service_of(earlier).export_full_database(include_tables=["app_config"])

    assert isinstance(found.data, str)
    assert hidden not in found.model_dump_json()
    assert json.loads(found.data)["app_config"][0]["has_password"] is True


def test_table_rows_can_be_filtered_cut_and_ordered(earlier: Project) -> None:
    service = service_of(earlier)
    kind = rows_of(earlier, "select chart_type from charts order by id")[0][0]
    wanted = rows_of(
        earlier, "select id from charts where chart_type = ? order by id limit 3 offset 1", kind
    )

    found = service.export_table(
        "charts",
        "csv",
        filters={"chart_type": kind},
        limit=3,
        offset=1,
        columns=["id", "chart_type"],
    )

    assert [record["id"] for record in found.records] == [row[0] for row in wanted]
    assert isinstance(found.data, str)
    assert next(csv.reader(io.StringIO(found.data))) == ["id", "chart_type"]
    assert found.filters == {"chart_type": kind}
    assert service.export_table("charts", limit=0).records == []


@every_format
@pytest.mark.parametrize("chunk_size", [1, 7, 250, 251])
def test_pieces_of_a_stream_are_the_file(earlier: Project, fmt: str, chunk_size: int) -> None:
    service = service_of(earlier)

    pieces = list(service.stream_table_export("session_notes", fmt, chunk_size))

    whole = service.export_table("session_notes", fmt).data
    if fmt == "parquet":
        assert b"".join(piece for piece in pieces if isinstance(piece, bytes)) == whole
        return
    assert "".join(piece for piece in pieces if isinstance(piece, str)) == whole
    assert len(pieces) == -(-250 // chunk_size)


def test_an_empty_stream_is_valid_json_and_a_header(earlier: Project) -> None:
    with closing(sqlite3.connect(earlier.db)) as connection, connection:
        connection.execute("delete from session_notes")
    service = service_of(earlier)

    text = "".join(map(str, service.stream_table_export("session_notes", "json")))
    rows = "".join(map(str, service.stream_table_export("session_notes", "csv")))
    lines = "".join(map(str, service.stream_table_export("session_notes", "ndjson")))

    assert json.loads(text) == []
    assert rows.count("\n") == 1
    assert lines == ""


def test_pieces_do_not_cut_records_with_line_feeds(earlier: Project) -> None:
    pieces = [
        str(piece)
        for piece in service_of(earlier).stream_table_export("chart_interpretations", "csv", 1)
    ]

    assert any(piece.count("\n") > 1 for piece in pieces[1:])
    assert all(len(list(csv.reader(io.StringIO(piece, newline="")))) == 1 for piece in pieces[1:])


@every_format
def test_clients_come_with_all_that_hangs_on_them(earlier: Project, fmt: str) -> None:
    service = service_of(earlier)
    (one, other) = [
        row[0] for row in rows_of(earlier, "select id from clients order by id limit 2")
    ]
    charts = rows_of(earlier, "select count(*) from charts where client_id in (?, ?)", one, other)

    found = service.export_clients([one, other, "nobody"], fmt)

    assert {client["id"] for client in found.clients} == {one, other}
    assert found.client_count == 2
    assert found.missing_ids == ["nobody"]
    assert found.related_counts["charts"] >= charts[0][0]
    assert set(found.related_counts) == {
        "birth_data", "charts", "session_notes", "chart_interpretations", "aspect_patterns",
        "transit_events",
    }  # fmt: skip
    assert service.validate_export(found).errors == []


def test_clients_nest_in_json_and_are_tables_otherwise(earlier: Project) -> None:
    service = service_of(earlier)
    query = "select client_id from session_notes group by 1 having count(*) > 1 order by 1"
    client = rows_of(earlier, query)[0][0]

    nested = service.export_clients([client])
    tables = service.export_clients([client], "parquet")
    alone = service.export_clients([client], include_related=False)

    assert isinstance(nested.data, str)
    tree = json.loads(nested.data)["clients"][0]
    assert len(tree["session_notes"]) == nested.related_counts["session_notes"] > 1
    assert isinstance(tables.data, dict)
    notes = tables.data["session_notes"]
    assert isinstance(notes, bytes)
    assert pl.read_parquet(io.BytesIO(notes)).height == nested.related_counts["session_notes"]
    assert alone.related_counts == {}


def test_charts_come_with_their_interpretations_or_alone(earlier: Project) -> None:
    service = service_of(earlier)
    query = "select chart_id, count(*) from chart_interpretations group by 1 order by 2 desc, 1"
    chart, interpretations = rows_of(earlier, query)[0]

    found = service.export_charts([chart])
    alone = service.export_charts([chart], "csv", include_interpretations=False)

    assert found.related_counts["chart_interpretations"] == interpretations
    assert alone.chart_count == 1
    assert alone.related_counts == {}
    assert service.export_charts(["nobody"]).chart_count == 0


def test_computed_columns_come_when_asked_for(earlier: Project) -> None:
    found = service_of(earlier, computed=True).export_table("clients", limit=1)

    assert "full_name" in found.records[0]
    assert "full_name" not in service_of(earlier).export_table("clients", limit=1).records[0]


@pytest.mark.parametrize(
    ("ask", "fact"),
    [
        (lambda s: s.export_table("nope"), "^Unknown table: nope$"),
        (lambda s: list(s.stream_table_export("nope")), "^Unknown table: nope$"),
        (lambda s: s.export_full_database("xml"), "^Unsupported export format: xml"),
        (
            lambda s: s.export_full_database(include_tables=["x", "clients", "a"]),
            r"^Invalid table names: \['a', 'x'\]$",
        ),
        (
            lambda s: s.export_full_database(exclude_tables=["x"]),
            r"^Invalid table names: \['x'\]$",
        ),
        (lambda s: s.export_full_database(include_tables=[]), "include_tables: is empty"),
        (
            lambda s: s.export_full_database("csv", csv_delimiter=";;"),
            "^CSV delimiter must be a single character$",
        ),
        (lambda s: s.export_table("clients", filters={"nope": 1}), "no column nope"),
        (lambda s: s.export_table("clients", limit=-1), "must not be negative"),
        (lambda s: s.stream_table_export("clients", "csv", 0), "chunk_size: must be 1 or more"),
        (lambda s: s.export_clients([]), "clients: give the id of a row"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(
    earlier: Project, ask: Callable[[ExportService], object], fact: str
) -> None:
    with pytest.raises(UsageError, match=fact):
        ask(service_of(earlier))


def test_a_database_without_clients_says_so(later: Project) -> None:
    with pytest.raises(UsageError, match="clients"):
        service_of(later).export_clients(["1"])


def test_a_missing_database_is_no_empty_export(tmp_path: Path) -> None:
    with pytest.raises(SourceMissing):
        ExportService(str(tmp_path / "gone.db"), home=tmp_path).export_full_database()


def damaged(found: FullDatabaseExport, **changes: Any) -> FullDatabaseExport:
    return found.model_copy(update=changes)


def test_a_damaged_result_is_not_valid(earlier: Project) -> None:
    service = service_of(earlier)
    found = service.export_full_database("ndjson", include_tables=["clients", "charts"])
    assert isinstance(found.data, dict)
    lines = str(found.data["clients"]).split("\n")

    cut = damaged(found, data=found.data | {"clients": "\n".join(lines[1:])})
    gone = damaged(found, data={"charts": found.data["charts"]})
    torn = damaged(found, data=found.data | {"clients": lines[0][:10]})
    counted = damaged(found, record_counts={"clients": 7, "charts": 400}, metadata=None)

    assert service.validate_export(cut).errors == [
        "Table 'clients': the content is not what was exported",
        "Table 'clients': holds 199 records instead of 200",
    ]
    assert service.validate_export(gone).errors == ["Table 'clients': its file is missing"]
    assert "Table 'clients': cannot be read" in service.validate_export(torn).errors[1]
    assert service.validate_export(counted).errors == [
        "Table 'clients': holds 200 records instead of 7"
    ]


def test_an_output_directory_is_compared_with_its_record(earlier: Project) -> None:
    service = service_of(earlier)
    out = earlier.home / "out"
    earlier.export(output_dir=out, formats=("csv",), tables=("clients", "charts"))
    whole = service.validate_export(out)
    files = sorted(out.glob("*.csv"))

    files[0].unlink()
    files[1].write_bytes(files[1].read_bytes()[:-5] + b"xxxx\n")
    verdict = service.validate_export(out)

    assert whole.valid
    assert not verdict.valid
    assert len(verdict.errors) == 2
    assert files[0].name in " ".join(verdict.errors)


@every_format
def test_results_are_themselves_again_out_of_json(earlier: Project, fmt: str) -> None:
    service = service_of(earlier)
    client = rows_of(earlier, "select id from clients order by id limit 1")[0][0]
    chart = rows_of(earlier, "select id from charts order by id limit 1")[0][0]

    results: list[Result] = [
        service.export_full_database(fmt, include_tables=["clients", "charts"]),
        service.export_table("charts", fmt, limit=3),
        service.export_clients([client], fmt),
        service.export_charts([chart], fmt),
    ]

    for result in results:
        again = type(result).model_validate_json(result.model_dump_json())
        assert again == result
        assert service.validate_export(again).valid


def test_filters_come_back_as_json_has_them(earlier: Project) -> None:
    identity, created = rows_of(
        earlier, "select id, created_at from birth_data order by id limit 1"
    )[0]
    filters = {"id": UUID(identity), "created_at": datetime.fromisoformat(created)}

    found = service_of(earlier).export_table("birth_data", filters=filters)

    assert [record["id"] for record in found.records] == [identity]
    assert found.filters == {"id": identity, "created_at": created}
    assert TableExport.model_validate_json(found.model_dump_json()) == found


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda s: s.export_table("charts", None), "Unsupported export format: None"),
        (lambda s: s.export_table("charts", limit=1.5), "limit: must be a whole number, not 1.5"),
        (lambda s: s.export_table("charts", limit="3"), "limit: must be a whole number, not '3'"),
        (lambda s: s.export_table("charts", offset=None), "offset: must be a whole number"),
        (lambda s: s.stream_table_export("charts", "csv", "7"), "chunk_size: must be a whole"),
        (
            lambda s: s.export_table("charts", filters={"chart_type": ["natal"]}),
            r"charts\.chart_type: a filter is a single value or None, not a list",
        ),
        (lambda s: s.export_table("charts", columns="id"), "columns: must be a list, not a text"),
        (lambda s: s.export_clients("abc"), "ids: must be a list, not a text"),
        (lambda s: s.export_clients([None]), "ids: None is none of text, number and UUID"),
        (lambda s: s.export_full_database(include_tables="charts"), "include_tables: must be a li"),
        (
            lambda s: s.export_full_database("csv", csv_delimiter="\n"),
            "CSV delimiter must be a single character, and neither the quote nor a line end",
        ),
        (
            lambda s: s.export_table("charts", "csv", csv_delimiter='"'),
            "CSV delimiter must be a single character, and neither the quote nor a line end",
        ),
    ],
)
def test_an_argument_of_another_kind_is_named(
    earlier: Project, call: Callable[[ExportService], object], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        call(service_of(earlier))


def test_json_that_no_python_value_holds_leaves_as_it_is(earlier: Project) -> None:
    stored = '{"a":1e400,"b":0.10000000000000000000001,"c":1,"c":2}'
    chart, client = rows_of(
        earlier, "select id, client_id from charts where client_id is not null limit 1"
    )[0]
    earlier.sql(f"update charts set chart_data = '{stored}' where id = '{chart}'")
    service = service_of(earlier)

    results: list[Result] = [
        service.export_table("charts", filters={"id": chart}),
        service.export_charts([chart]),
        service.export_clients([client], pretty=True),
        service.export_full_database(),
    ]

    for result in results:
        assert isinstance(result.data, str)
        assert '"a":1e400,"b":0.10000000000000000000001,"c":1,"c":2' in "".join(result.data.split())
        assert service.validate_export(result).errors == []
    assert isinstance(results[0], TableExport)
    assert results[0].records[0]["chart_data"]["a"] == "1e400"


def test_what_the_page_about_the_service_shows_runs(
    earlier: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = Path(__file__).parents[3] / "docs" / "how-to" / "export-service.md"
    found = re.search(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    client = rows_of(earlier, "select id from clients order by id limit 1")[0][0]
    chart = rows_of(earlier, "select id from charts order by id limit 1")[0][0]
    code = found[1]
    for shown, real in (
        ("/srv/app/theprogram.db", str(earlier.db)),
        ("4f0c…", client),
        ("9a51…", chart),
    ):
        assert shown in code
        code = code.replace(shown, real)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EXPORT_ASSETS_HOME", str(earlier.home))

    names: dict[str, Any] = {}
    exec(compile(code, str(page), "exec"), names)

    assert names["service"].validate_export(names["everything"]).valid
    assert "transit_events" not in names["everything"].tables
    streamed = (tmp_path / "charts.csv").read_bytes().decode()
    assert streamed == names["service"].export_table("charts", "csv").data


@pytest.mark.parametrize(
    ("changes", "fact"),
    [
        ({"data": {}, "hashes": {}}, "Table 'clients': its file is missing"),
        ({"metadata": {"total_records": 1}}, "metadata: 1 records in all, the tables have"),
        ({"metadata": {"record_counts": {}}}, "metadata: its record_counts are not those"),
    ],
)
def test_a_result_that_contradicts_itself_is_not_valid(
    earlier: Project, changes: dict[str, Any], fact: str
) -> None:
    service = service_of(earlier)
    result = service.export_full_database("csv", include_tables=["clients"])

    found = service.validate_export(result.model_copy(update=changes))

    assert not found.valid
    assert fact in found.errors[0]


def test_only_results_and_directories_are_validated(earlier: Project) -> None:
    with pytest.raises(UsageError, match="takes a result or a Path, not a str"):
        service_of(earlier).validate_export(str(earlier.home))  # type: ignore[arg-type]  # the point
