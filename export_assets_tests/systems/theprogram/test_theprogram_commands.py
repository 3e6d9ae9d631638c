"""The commands a user of the application types, run as they are typed."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from export_assets.cli.app import main
from export_assets_tests.end_to_end.world import Ended
from export_assets_tests.systems.theprogram.theprogram_world import (
    TABLES,
    Project,
    expected,
    parse_csv,
    read_records,
)

Cli = Callable[..., Ended]


@pytest.fixture
def home(earlier: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.chdir(earlier.home)
    monkeypatch.delenv("EXPORT_ASSETS_HOME", raising=False)
    monkeypatch.delenv("THEPROGRAM_URL", raising=False)
    return earlier


@pytest.fixture
def cli(capsysbinary: pytest.CaptureFixture[bytes]) -> Cli:
    def run(*arguments: Any) -> Ended:
        code = main([str(one) for one in arguments])
        out, err = capsysbinary.readouterr()
        return Ended(code=code, out=out.decode(), err=err.decode())

    return run


def written(directory: Path, table: str, suffix: str) -> Path:
    (path,) = directory.glob(f"{table}_2*{suffix}")
    return path


def test_tables_are_included_and_excluded(home: Project, cli: Cli) -> None:
    done = cli(
        "export", "theprogram", "-f", "csv",
        "--include", "location_cache", "--exclude", "charts,clients",
    )  # fmt: skip

    assert done.code == 0, done.err
    assert home.published() == {*TABLES, "location_cache"} - {"charts", "clients"}


def test_a_filter_a_limit_an_offset_and_columns_work_together(home: Project, cli: Cli) -> None:
    wanted = [row for row in home.rows("charts") if row["chart_type"] == "natal"][3:8]

    done = cli(
        "export", "theprogram", "charts", "-f", "json", "-o", "out", "--where",
        "chart_type=natal", "--where", "zodiac_type=tropical", "--limit", 5, "--offset", 3,
        "--columns", "chart_name,id",
    )  # fmt: skip

    assert done.code == 0, done.err
    found = json.loads(written(Path("out"), "charts", ".json").read_text("utf-8"))
    assert [list(row) for row in found] == [["chart_name", "id"]] * 5
    assert [row["id"] for row in found] == [row["id"] for row in wanted]


@pytest.mark.parametrize(
    ("where", "column", "stored"),
    [
        ("phone=", "phone", ""),
        ("email:null", "email", None),
        ("first_name=美咲", "first_name", "美咲"),
    ],
)
def test_a_filter_knows_null_the_empty_text_and_any_script(
    home: Project, cli: Cli, where: str, column: str, stored: str | None
) -> None:
    wanted = [row["id"] for row in home.rows("clients") if row[column] == stored]

    done = cli("export", "theprogram", "clients", "-f", "ndjson", "-o", "out", "--where", where)

    assert done.code == 0, done.err
    found = read_records(written(Path("out"), "clients", ".ndjson"), "ndjson")
    assert [row["id"] for row in found] == wanted


def test_a_filter_on_a_boolean_takes_the_words_for_it(home: Project, cli: Cli) -> None:
    wanted = [row["id"] for row in home.rows("birth_data") if row["time_unknown"]]

    for value in ("true", "1", "yes"):
        directory = home.home / value
        cli("export", "theprogram", "birth_data", "-f", "json", "-o", directory,
            "--where", f"time_unknown={value}")  # fmt: skip

        found = read_records(written(directory, "birth_data", ".json"), "json")
        assert [row["id"] for row in found] == wanted


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("birth_data", "time_unknown"),
        ("birth_data", "birth_time"),
        ("clients", "created_at"),
        ("app_config", "has_password"),
        ("session_notes", "has_content"),
    ],
)
def test_a_filter_takes_what_the_export_shows_also_of_a_column_left_out(
    home: Project, cli: Cli, table: str, column: str
) -> None:
    cli("export", "theprogram", table, "-f", "csv", "-o", "all", "--computed")
    header, *records = parse_csv(written(Path("all"), table, ".csv").read_text("utf-8"))
    shown = [dict(zip(header, record, strict=True)) for record in records]
    value = next(row[column] for row in shown if row[column])

    done = cli(
        "export", "theprogram", table, "-f", "json", "-o", "out", "--computed",
        "--where", f"{column}={value}", "--columns", "id",
    )  # fmt: skip

    assert done.code == 0, done.err
    found = read_records(written(home.home / "out", table, ".json"), "json")
    wanted = [{"id": row["id"]} for row in shown if row[column] == value]
    assert [{"id": str(row["id"])} for row in found] == wanted


def test_a_filter_on_a_computed_column_works(home: Project, cli: Cli) -> None:
    done = cli(
        "export", "theprogram", "session_notes", "-f", "json", "-o", "out", "--computed",
        "--where", "has_content=false",
    )  # fmt: skip

    assert done.code == 0, done.err
    found = read_records(written(home.home / "out", "session_notes", ".json"), "json")
    assert {(row["note_content"] or "").strip() for row in found} == {""}


@pytest.mark.usefixtures("home")
def test_rows_come_by_primary_key_unless_told_otherwise(cli: Cli) -> None:
    cli("export", "theprogram", "clients", "-f", "json", "-o", "out")
    cli("export", "theprogram", "clients", "-f", "json", "-o", "by", "--order-by", "last_name,id")

    by_key = read_records(written(Path("out"), "clients", ".json"), "json")
    by_name = read_records(written(Path("by"), "clients", ".json"), "json")
    assert [row["id"] for row in by_key] == sorted(row["id"] for row in by_key)
    assert by_name == sorted(
        by_key, key=lambda row: (row["last_name"] is not None, row["last_name"] or "", row["id"])
    )


def test_limit_0_is_no_row_and_a_header(home: Project, cli: Cli) -> None:
    done = cli(
        "export", "theprogram", "clients", "-f", "csv,json,ndjson", "-o", "out", "--limit", 0
    )

    assert done.code == 0, done.err
    out = home.home / "out"
    assert written(out, "clients", ".csv").read_text("utf-8").count("\n") == 1
    assert json.loads(written(out, "clients", ".json").read_text("utf-8")) == []
    assert written(out, "clients", ".ndjson").read_bytes() == b""


@pytest.mark.parametrize(
    ("option", "character"), [(";", ";"), ("tab", "\t"), ("\t", "\t"), ("|", "|"), ("ä", "ä")]
)
def test_the_delimiter_is_any_single_character(
    home: Project, cli: Cli, option: str, character: str
) -> None:
    done = cli(
        "export", "theprogram", "interpretations", "-f", "csv", "-o", "out", "--delimiter", option
    )

    assert done.code == 0, done.err
    text = written(home.home / "out", "interpretations", ".csv").read_bytes().decode()
    header, *records = parse_csv(text, character)
    found = [dict(zip(header, record, strict=True)) for record in records]
    assert found == expected(home.rows("interpretations"), "csv")


@pytest.mark.parametrize("delimiter", [";;", "", "\n", '"'])
@pytest.mark.usefixtures("home")
def test_what_is_no_single_character_is_no_delimiter(cli: Cli, delimiter: str) -> None:
    done = cli("export", "theprogram", "-f", "csv", "--delimiter", delimiter, "-o", "out")

    assert done.code == 2
    assert "CSV delimiter must be a single character" in done.err
    assert not Path("out").exists()


def test_json_is_pretty_or_compact(home: Project, cli: Cli) -> None:
    cli("export", "theprogram", "charts", "-f", "json", "-o", "pretty", "--pretty")
    cli("export", "theprogram", "charts", "-f", "json", "-o", "compact", "--compact")

    pretty = written(Path("pretty"), "charts", ".json").read_text("utf-8")
    compact = written(Path("compact"), "charts", ".json").read_text("utf-8")
    rows = expected(home.rows("charts"), "json")
    assert json.loads(pretty) == json.loads(compact) == rows
    assert pretty.count("\n") > 10 * len(rows)
    assert compact.count("\n") <= len(rows) + 2


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["clients", "--where", "nam=x"], "clients: source has no column nam"),
        (["clients", "--columns", "idd"], "clients: source has no column idd, did you mean id?"),
        (["clients", "--order-by", "nope"], "clients: source has no column nope"),
        (["client"], "Invalid table name 'client'. Did you mean 'clients'?"),
        (["--include", "nothing"], "Invalid table name 'nothing'"),
        (["--include", ""], "--include '': is empty"),
        (["--include", " , "], "--include ' , ': is empty"),
        (["--exclude", ""], "--exclude '': is empty"),
        (["clients", "--columns", ""], "--columns '': is empty"),
        (["clients", "--order-by", ""], "--order-by '': is empty"),
        (["--format", ""], "--format '': is empty"),
        (["--format", "xml"], "xml"),
        (["clients", "--limit", "-1"], "--limit"),
        (["--exclude", ",".join(TABLES)], "no table is left to export"),
    ],
)
def test_a_wrong_request_is_one_line_and_exit_2(
    home: Project, cli: Cli, arguments: list[str], says: str
) -> None:
    done = cli("export", "theprogram", *arguments, "-o", "out")

    assert done.code == 2
    assert says in done.err
    assert "Traceback" not in done.err
    assert not (home.home / "out").exists()


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("command", ["export", "plan", "inspect"])
def test_computed_columns_are_refused_where_there_are_none(cli: Cli, command: str) -> None:
    one, other = (cli(command, name, "--computed") for name in ("tandem", "data/theprogram.db"))

    assert (one.code, other.code) == (2, 2)
    assert one.err == "error: --computed: tandem has no computed columns\n"
    assert not Path("exports").exists()


@pytest.mark.usefixtures("home")
def test_inspect_shows_computed_columns_and_tables_left_out(cli: Cli) -> None:
    plain = cli("inspect", "theprogram", "--json", "--declared")
    done = cli("inspect", "theprogram", "--json", "--computed", "--declared")

    def columns(ended: Ended) -> dict[str, list[str]]:
        tables = ended.document["tables"]
        return {one["table"]: [column["name"] for column in one["columns"]] for one in tables}

    assert done.code == 0, done.err
    assert columns(done)["clients"] == [*columns(plain)["clients"], "full_name"]
    assert done.document["other_tables"] == ["location_cache", "client_summary", "recent_charts"]
    described = done.document["tables"][0]["columns"][-1]["description"]
    assert described == "First and last name, as far as they are there."


@pytest.mark.usefixtures("home")
def test_a_plan_speaks_of_computed_columns_as_another_configuration(cli: Cli) -> None:
    cli("export", "theprogram", "clients", "-f", "csv")

    same = cli("plan", "theprogram", "clients", "-f", "csv", "--json")
    other = cli("plan", "theprogram", "clients", "-f", "csv", "--json", "--computed")

    assert [one["action"] for one in same.document["exports"]] == ["nothing"]
    assert [one["action"] for one in other.document["exports"]] == ["publish"]
