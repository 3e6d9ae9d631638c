"""`export-assets bundle`, as it is typed."""

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from export_assets.cli.app import main

DATABASE = """
create table clients (id text primary key, name text);
create table charts (id text primary key, client_id text references clients (id));
insert into clients values ('c1', 'Ann'), ('c2', 'Bob');
insert into charts values ('h1', 'c1'), ('h2', 'c1'), ('h3', 'c2');
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "sources").mkdir()
    yaml = "source: shop\nurl: shop.db\n"
    (tmp_path / "sources" / "shop.yaml").write_text(yaml, encoding="utf-8")
    with closing(sqlite3.connect(tmp_path / "shop.db")) as connection, connection:
        connection.executescript(DATABASE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(["bundle", *arguments])
    said = capsys.readouterr()
    return code, said.out, said.err


def document(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    code, out, _ = run(capsys, *arguments, "--json")
    found: dict[str, Any] = json.loads(out)
    assert found["exit_code"] == code
    return found


def test_counts_the_rows_of_every_table_and_says_where_they_are(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(capsys, "shop", "clients", "--id", "c1", "--format", "csv")

    assert (code, err) == (0, "")
    lines = [line.split() for line in out.splitlines()]
    assert ["clients", "1"] in lines
    assert ["charts", "2"] in lines
    assert str(home / "exports" / "shop" / "clients" / "bundle" / "id=c1") in out


def test_a_missing_id_is_a_warning_and_none_found_an_error(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    some = run(capsys, "shop", "clients", "--id", "c1", "--id", "zz")
    none = run(capsys, "shop", "clients", "--id", "yy", "--id", "zz")

    assert (some[0], some[2]) == (3, "warning: clients: no row has id in: zz\n")
    assert (none[0], none[2]) == (2, "error: clients: no row has id in: yy, zz\n")
    assert not (home / "exports" / "shop" / "clients" / "bundle" / "id=yy,zz").exists()


def test_ids_come_from_a_file_or_the_input_too(home: Path) -> None:
    (home / "ids.txt").write_bytes(b"\xef\xbb\xbfc1\r\n\nc2\n")
    command = [sys.executable, "-m", "export_assets.cli.app", "bundle", "shop", "clients", "--json"]

    by_file = subprocess.run([*command, "--ids-file", "ids.txt"], capture_output=True, timeout=60)
    by_input = subprocess.run(
        [*command, "--ids-file", "-"], input=b"c2\n", capture_output=True, timeout=60
    )

    assert json.loads(by_file.stdout)["bundles"][0]["found"] == ["c1", "c2"]
    assert json.loads(by_input.stdout)["bundles"][0]["found"] == ["c2"]


def test_each_id_a_bundle_of_its_own(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = document(capsys, "shop", "clients", "--id", "c1", "--id", "c2", "--each")

    assert [one["bundle"] for one in found["bundles"]] == ["c1", "c2"]
    assert (home / "exports" / "shop" / "clients" / "bundle" / "id=c2" / "bundle.json").exists()


def test_a_dry_run_says_what_is_followed_and_writes_nothing(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = document(capsys, "shop", "clients", "--id", "c1", "--dry-run")

    assert found["follows"] == ["charts.client_id -> clients.id"]
    assert found["tables"] == {"clients": 1, "charts": 2}
    assert not (home / "exports").exists()


def test_any_database_by_its_path_into_any_directory(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "other.db").write_bytes((home / "shop.db").read_bytes())

    found = document(capsys, "other.db", "charts", "--id", "h3", "--follow", "parents", "-o", "out")

    [one] = found["bundles"]
    assert one["tables"] == {"charts": 1, "clients": 1}
    assert sorted(path.name for path in (home / "out").iterdir()) == [
        "_manifest.json",
        *one["files"],
    ]


def test_published_bundles_are_listed_and_verified(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(capsys, "shop", "clients", "--id", "c1", "--format", "parquet,json")

    assert main(["list", "--json"]) == 0
    [listed] = json.loads(capsys.readouterr().out)["exports"]
    assert (listed["format"], listed["rows"]) == ("bundle", 3)
    assert main(["verify", "--deep"]) == 0
    assert main(["verify", "shop", "--source"]) == 0
    with closing(sqlite3.connect(home / "shop.db")) as connection, connection:
        connection.execute("delete from charts where id = 'h2'")
    capsys.readouterr()
    assert main(["verify", "shop", "--source"]) == 24
    assert "the source has 1 rows of charts, published are 2" in capsys.readouterr().err
    tree = home / "exports" / "shop" / "clients" / "bundle" / "id=c1" / "bundle.json"
    tree.write_bytes(tree.read_bytes().replace(b"Ann", b"Eve"))
    assert main(["verify", "shop"]) == 24


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "--id: name the rows, by --id or --ids-file"),
        (("--ids-file", "nowhere"), "--ids-file nowhere: No such file or directory"),
        (("--id", "c1", "--follow", "up"), "--follow 'up': choose one of children, parents, both"),
        (("--id", "c1", "--format", "xml"), "Unsupported export format: xml"),
        (("--id", "c1", "--key", "nope"), "clients: source has no column nope"),
        (("--id", "c1", "--computed"), "shop: computes no columns"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(
    arguments: tuple[str, ...],
    says: str,
    home: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, _, err = run(capsys, "shop", "clients", *arguments)

    assert code == 2
    assert err.startswith(f"error: {says}")
    assert err.count("\n") == 1
    assert not (home / "exports").exists()
