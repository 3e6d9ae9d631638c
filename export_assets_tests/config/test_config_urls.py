"""Addresses of sources, in every form people write them."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from export_assets.config.urls import UrlKind, parse_url
from export_assets.errors import UsageError

SQLITE_HEAD = b"SQLite format 3\0" + bytes(100)
DUCKDB_HEAD = bytes(8) + b"DUCK" + bytes(100)

# Everything a file name may hold on POSIX; a lone surrogate is a byte that is no UTF-8.
path_text = st.text(
    st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=40
)


@pytest.mark.parametrize(
    ("text", "kind", "path"),
    [
        ("sqlite:///rel.db", "sqlite", "/base/rel.db"),
        ("sqlite:////abs.db", "sqlite", "/abs.db"),
        ("SQLite+pysqlite:///rel.db", "sqlite", "/base/rel.db"),
        ("sqlite:///rel.db?mode=ro", "sqlite", "/base/rel.db"),
        ("duckdb:///a/b.duckdb?access_mode=read_only", "duckdb", "/base/a/b.duckdb"),
        ("duckdb:////x", "duckdb", "/x"),
        ("sqlite:///a%20b%25.db", "sqlite", "/base/a b%.db"),
        ("sqlite:///%C3%BC.db", "sqlite", "/base/ü.db"),
        ('sqlite:///it\'s "it".db', "sqlite", '/base/it\'s "it".db'),
        ("sqlite:///a#b;c.db", "sqlite", "/base/a#b;c.db"),
        ("sqlite:///../up.db", "sqlite", "/base/../up.db"),
        ("file:///abs/a.ddb", "duckdb", "/abs/a.ddb"),
        ("  rel.db\n", "sqlite", "/base/rel.db"),
        ("rel.duckdb", "duckdb", "/base/rel.duckdb"),
        ("REL.DDB", "duckdb", "/base/REL.DDB"),
        ("/abs.sqlite3", "sqlite", "/abs.sqlite3"),
        ("a%20b.db", "sqlite", "/base/a%20b.db"),
        ("a:b?c.db", "sqlite", "/base/a:b?c.db"),
        ("noending", "sqlite", "/base/noending"),
    ],
)
def test_files_are_found_in_every_form(text: str, kind: str, path: str) -> None:
    url = parse_url(text, base=Path("/base"))

    assert (url.kind, url.path) == (kind, Path(path))


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("postgresql://u@h/db", "postgresql"),
        ("postgresql+psycopg://u:p@h:5432/db?sslmode=require", "postgresql"),
        ("postgres://h/db", "postgresql"),
        ("postgresql:///db?host=/run/pg", "postgresql"),
        ("mysql+pymysql://u:p@h/db", "mysql"),
        ("mariadb://h/db", "mysql"),
        ("mssql+pyodbc://h/db", "other"),
        ("sqlite+pysqlcipher:///x.db", "other"),
    ],
)
def test_servers_keep_their_text_and_have_no_path(text: str, kind: str) -> None:
    url = parse_url(text, base=Path("/base"))

    assert (url.kind, url.path, url.text) == (kind, None, text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "url: empty"),
        ("  ", "url: empty"),
        (":memory:", ":memory:: a database in memory has no rows to export; name a file"),
        ("sqlite://", "sqlite://: a database in memory has no rows to export; name a file"),
        ("sqlite:///", "sqlite:///: a database in memory"),
        ("sqlite:///:memory:", "sqlite:///:memory:: a database in memory"),
        ("sqlite:///file::memory:?mode=ro", "a database in memory"),
        ("duckdb:///:memory:", "duckdb:///:memory:: a database in memory"),
        ("sqlite://a/b.db", "a relative path needs three slashes: sqlite:///a/b.db"),
        ("sqlite:///b.db?timeout=5", "parameter 'timeout' means nothing for a file opened"),
        ("sqlite:///a%00b", "a path holds no NUL character"),
        ("a\0b", "an address holds no NUL character"),
        ("postgresql://", "postgresql://: names no server and no database"),
    ],
)
def test_what_is_no_address_is_one_line(text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_url(text, base=Path("/base"))

    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "head", "kind"),
    [
        ("a.db", SQLITE_HEAD, "sqlite"),
        ("a.db", DUCKDB_HEAD, "duckdb"),
        ("a", DUCKDB_HEAD, "duckdb"),
        ("a.sqlite", b"", "sqlite"),
        ("a.db3", b"something else", "sqlite"),
        ("a.duckdb", SQLITE_HEAD, "duckdb"),
    ],
)
def test_a_bare_path_is_judged_by_its_first_bytes(
    tmp_path: Path, name: str, head: bytes, kind: UrlKind
) -> None:
    (tmp_path / name).write_bytes(head)

    assert parse_url(name, base=tmp_path).kind == kind


def test_a_directory_is_something_else_and_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    assert parse_url(".", base=tmp_path).kind == "other"
    assert parse_url("pipe", base=tmp_path).kind == "sqlite"


def test_a_name_no_file_can_have_is_left_to_whoever_opens_it(tmp_path: Path) -> None:
    assert parse_url("a" * 300, base=tmp_path).kind == "sqlite"


def test_a_home_directory_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))

    assert parse_url("~/a.db", base=Path("/base")).path == tmp_path / "a.db"


def test_a_file_named_by_a_url_is_never_opened(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    path.write_bytes(SQLITE_HEAD)
    probe = (
        "import fcntl, sys\n"
        "with open(sys.argv[1], 'r+b') as file:\n"
        "    try: fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)\n"
        "    except OSError: print('held')\n"
    )

    with path.open("r+b") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)
        parse_url(f"sqlite:///{path}", base=tmp_path)
        held = subprocess.run(
            [sys.executable, "-c", probe, str(path)], capture_output=True, text=True, check=True
        )

    assert held.stdout == "held\n"


def test_the_address_for_people_has_no_password() -> None:
    url = parse_url("postgresql://u:hunter2@h/db?password=hunter2", base=Path("/base"))

    assert str(url) == "postgresql://u:***@h/db?password=***"
    assert "hunter2" not in repr(url)


@settings(max_examples=60, deadline=None)
@given(path_text)
def test_any_path_survives_a_url(name: str) -> None:
    path = Path("/base") / f"d{name}"

    for slashes, text in (("////", str(path)[1:]), ("///", f"d{name}")):
        for scheme in ("sqlite", "duckdb"):
            url = parse_url(f"{scheme}:{slashes}{quote(text)}", base=Path("/base"))
            assert url.path == path
            assert url.kind == scheme


@settings(max_examples=60, deadline=None)
@given(path_text)
def test_any_bare_path_is_itself(name: str) -> None:
    text = f"./{name}.ddb"

    assert parse_url(text, base=Path("/base")).path == Path("/base") / text
