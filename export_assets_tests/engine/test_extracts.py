"""Rows that anybody may choose: no file elsewhere, nothing that does not leave, one clear line."""

import fcntl
import json
import os
import sqlite3
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from export_assets.engine.extracts import Extract, ExtractOrder, extract
from export_assets.engine.request import Run
from export_assets.errors import ConfigError, DestConflict, ExportError, UsageError
from export_assets.store.manifest import MANIFEST_NAME
from export_assets.systems.registry import load_workspace
from export_assets_tests.defs.range_project import string

NOW = datetime(2026, 2, 8, 10, 30, tzinfo=UTC)
SHOP = """\
source: shop
url: sqlite:///shop.db
formats: [csv]
tables:
  people:
    partition_by: {column: born, every: day}
    redact: [email]
    anonymize: [phone]
    exclude_columns: [notes]
"""
ROWS = [
    (1, "ann", "ann@example.org", "1", "likes tea", "2024-01-01T10:00:00Z"),
    (2, "bob", "bob@example.org", "2", "owes us", "2024-01-02T10:00:00Z"),
    (3, "eve", "eve@example.org", "3", None, "2024-01-03T10:00:00Z"),
    (4, None, "eve@example.org", "4", None, "2024-01-03T11:00:00Z"),
]
COLUMNS = "id integer primary key, name text, email text, phone text, notes text, born timestamp"


@dataclass
class Project:
    home: Path

    def extract(self, source: str = "shop", *, run_id: str = "run-1", **asked: Any) -> Extract:
        workspace = load_workspace(self.home, environ={"KEY": "0" * 32})
        run = Run(id=run_id, now=NOW)
        return extract(workspace, workspace.source(source), ExtractOrder(**asked), run)

    def lines(self, **asked: Any) -> list[str]:
        made = self.extract(**asked)
        [file] = made.path.glob("*.csv")
        return file.read_text(encoding="utf-8").splitlines()

    @property
    def files(self) -> list[str]:
        extracts = self.home / "extracts"
        return sorted(str(one.relative_to(extracts)) for one in extracts.rglob("*.*"))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources" / "shop.yaml").write_text(SHOP, encoding="utf-8")
    (tmp_path / "export_assets.yaml").write_text("anonymize_key: ${KEY}\n", encoding="utf-8")
    with closing(sqlite3.connect(tmp_path / "shop.db")) as database, database:
        database.execute(f"create table people ({COLUMNS})")
        database.executemany("insert into people values (?, ?, ?, ?, ?, ?)", ROWS)
    return Project(tmp_path)


def test_rows_columns_and_days_are_chosen(project: Project) -> None:
    chosen = project.lines(
        name="mine", start_date="2024-01-02", end_date="2024-01-03", columns=("name", "id"),
        limit=2, offset=1,
    )  # fmt: skip

    assert chosen == ["name,id", "eve,3", ",4"]
    assert project.files == [
        "shop/mine/_manifest.json",
        "shop/mine/people_20260208_103000.csv",
    ]
    assert not (project.home / "exports" / "shop").exists()


@pytest.mark.suite("security")
@pytest.mark.promise("source-left-alone")
def test_a_value_is_compared_and_never_part_of_the_question(project: Project) -> None:
    odd = ["' or 1=1 --", "ann' or 'a'='a", "%", '"; drop table people; --', "${HOME}", "eve"]
    found = {
        value: len(project.lines(name=f"n{at}", where={"name": value})) - 1
        for at, value in enumerate(odd)
    }

    assert found == dict.fromkeys(odd, 0) | {"eve": 1}
    assert len(project.lines(name="null", where={"name": None})) - 1 == 1


@pytest.mark.parametrize(
    ("column", "value", "why"),
    [
        ("email", "ann@example.org", "its values do not leave the source"),
        ("phone", "1", "its values do not leave the source"),
        ("notes", None, "it is not exported, as configured"),
    ],
)
def test_what_does_not_leave_chooses_no_rows(
    project: Project, column: str, value: str | None, why: str
) -> None:
    with pytest.raises(UsageError, match=f"people.{column}: cannot choose rows: {why}"):
        project.extract(where={column: value})

    assert project.files == []


def test_a_column_that_is_exported_chooses_rows_of_others(project: Project) -> None:
    assert project.lines(where={"name": "bob"}, columns=("id",)) == ["id", "2"]


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"name": "../../sources"}, r"name '../../sources': up to 64"),
        ({"limit": -1}, "limit: a number of rows from 0"),
        ({"limit": 10**40}, "limit: a number of rows from 0"),
        ({"offset": 2**63}, "offset: a number of rows from 0"),
        ({"tables": ("people; drop table people",)}, "Invalid table name"),
        ({"columns": ("nmae",)}, "source has no column nmae, did you mean name"),
        ({"columns": ("notes",)}, "people.notes: is not exported, as configured"),
        ({"where": {"1=1 or name": "x"}}, "source has no column 1=1 or name"),
        ({"where": {"name": "x" * 10_001}}, "a value is up to 10,000 characters"),
        ({"where": {"name": "a\0"}}, "none of them NUL"),
        ({"where": {"name": "\ud800"}}, "characters of text"),
        ({"where": {f"c{one}": "" for one in range(51)}}, "at most 50 columns"),
        ({"start_date": "yesterdaze"}, "date 'yesterdaze': expected YYYY-MM-DD"),
        ({"start_date": "2024-01-03", "end_date": "2024-01-02"}, "is after end date"),
        ({"formats": ("exe",)}, "exe"),
        ({"profile": "logged"}, "no format that is written knows it"),
        ({"profile": "../x"}, "profile: one of default"),
        ({"match_id": "1"}, "is no source of event logs"),
        ({"match_id": "../1"}, "match id"),
    ],
)
def test_what_cannot_be_is_one_line_and_leaves_nothing(
    project: Project, asked: dict[str, Any], says: str
) -> None:
    with pytest.raises(ExportError, match=says) as caught:
        project.extract(**asked)

    assert len(str(caught.value).splitlines()) == 1
    assert not list((project.home / "extracts").rglob("*.csv"))
    assert not list((project.home / "extracts").glob("shop/*"))


def test_a_directory_that_leads_elsewhere_is_not_written_to(project: Project) -> None:
    (project.home / "extracts").mkdir()
    (project.home / "extracts" / "shop").symlink_to(project.home / "sources")

    with pytest.raises(DestConflict, match="is no directory of its own"):
        project.extract(name="mine")

    assert [one.name for one in (project.home / "sources").iterdir()] == ["shop.yaml"]


def test_a_second_extract_of_the_name_stands_beside_the_first(project: Project) -> None:
    project.extract(name="mine", columns=("id",))
    again = project.extract(name="mine", columns=("name",))
    replaced = project.extract(name="mine", columns=("name",), overwrite=True)

    assert [one.status for one in again.report.records] == ["skipped"]
    assert [one.status for one in replaced.report.records] == ["success"]
    assert project.files == ["shop/mine/_manifest.json", "shop/mine/people_20260208_103000.csv"]


def test_what_a_killed_extract_staged_goes_with_the_next_one(project: Project) -> None:
    staging = ".export_assets.run-0-0badcafe.tmp"
    for name in ("killed", "alive"):
        (project.home / "extracts" / "shop" / name / staging).mkdir(parents=True)
        (project.home / "extracts" / "shop" / name / staging / "people.csv").touch()
    held = os.open(project.home / "extracts" / "shop" / "alive" / staging, os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)

    project.extract(name="mine")

    left = (project.home / "extracts").rglob("*.tmp")
    os.close(held)
    assert [one.parent.name for one in left] == ["alive"]


def test_a_private_source_has_private_extracts(project: Project) -> None:
    yaml = project.home / "sources" / "shop.yaml"
    yaml.write_text(SHOP + "private: true\n", encoding="utf-8")

    made = project.extract(name="mine")

    modes = {one.name: one.stat().st_mode & 0o777 for one in made.path.iterdir()}
    assert made.path.stat().st_mode & 0o777 == 0o700
    assert set(modes.values()) == {0o600}


def test_a_project_may_have_no_extracts(project: Project) -> None:
    (project.home / "export_assets.yaml").write_text(
        "anonymize_key: ${KEY}\nextracts_dir: null\n", encoding="utf-8"
    )

    with pytest.raises(ConfigError, match="extracts_dir: there is none"):
        project.extract()


@pytest.fixture
def matches(project: Project) -> Project:
    (project.home / "sources" / "leadville.yaml").write_text(
        "source: leadville\nurl: logs\nformats: [csv]\nlog:\n  matches:\n"
        "    days: {start: 2025-09-06}\n    files: {files: ['a.jsonl']}\n",
        encoding="utf-8",
    )
    for name, day in (("a.jsonl", "2025-09-06"), ("b.jsonl", "2025-09-07")):
        _write_log(project.home / "logs" / name, day)
    _write_log(project.home / "logs" / "match_7" / "c.jsonl", "2025-09-08")
    return project


def _write_log(path: Path, day: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(one) for one in string(f"{day}T10:00:00")]
    path.write_text("\n".join([*lines, ""]), encoding="utf-8")


@pytest.mark.parametrize(
    ("match_id", "day"), [("7", "2025-09-08"), ("days", "2025-09-06"), ("files", "2025-09-06")]
)
def test_only_the_logs_of_a_match_are_read(matches: Project, match_id: str, day: str) -> None:
    made = matches.extract("leadville", tables=("events",), match_id=match_id)

    [file] = made.path.glob("events*.csv")
    [record] = made.report.records
    text = file.read_text(encoding="utf-8")
    assert record.rows == 5
    assert day in text
    assert not any(f"2025-09-{one:02d}" in text for one in (6, 7, 8) if f"2025-09-{one:02d}" != day)


def test_a_match_nobody_knows_is_not_all_of_them(matches: Project) -> None:
    with pytest.raises(UsageError, match="no match 8"):
        matches.extract("leadville", tables=("events",), match_id="8")


def test_another_log_of_the_same_name_is_not_taken_for_one_of_the_match(matches: Project) -> None:
    _write_log(matches.home / "logs" / "match_9" / "a.jsonl", "2025-09-09")
    yaml = matches.home / "sources" / "leadville.yaml"
    said = yaml.read_text(encoding="utf-8").replace("    files: {files: ['a.jsonl']}\n", "")
    yaml.write_text(said, encoding="utf-8")

    with pytest.raises(UsageError, match=r"match_9/a.jsonl is called as a log of it, and is none"):
        matches.extract("leadville", tables=("events",), match_id="days")


def test_an_order_says_where_only_by_a_name() -> None:
    fields = set(ExtractOrder.__dataclass_fields__)

    assert not fields & {"output_dir", "path", "url", "source", "delete", "order_by", "query"}
    assert replace(ExtractOrder(), name="x").name == "x"
    assert MANIFEST_NAME.startswith("_")
