"""The catalogue says what manifests vouch for, and is whole whoever reads or ends when."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest

from export_assets.engine.catalog.leftovers import is_swept
from export_assets.engine.catalog.names import CATALOG
from export_assets.engine.catalog.refreshing import refresh
from export_assets.engine.catalog.session import open_catalog
from export_assets.errors import DestPermission, ExportError
from export_assets.store.layout import ExportKey
from export_assets.store.local import LocalStore
from export_assets_tests.engine.catalog.published_tables import NOW, NUMBERS, Publisher
from export_assets_tests.killed_children import run_child
from export_assets_tests.proof.plugin import Proven

FIRST = date(2026, 1, 1)


@pytest.fixture
def days(tmp_path: Path) -> Path:
    """A table of ten days, a row each."""
    Publisher(root=tmp_path).publish_days(NUMBERS, FIRST, 10)
    return tmp_path


def ids(root: Path, temp_dir: Path | None = None) -> list[int]:
    with open_catalog(root, temp_dir=temp_dir) as catalog:
        return [row[0] for row in catalog.fetch("SELECT id FROM shop.numbers ORDER BY 1")]


def plainly(root: Path, sql: str, *, before: str = "SELECT 1") -> list[tuple[object, ...]]:
    """Ask the file as anybody would, without our session."""
    with duckdb.connect(str(root / CATALOG), read_only=True) as connection:
        connection.execute(before)
        return connection.execute(sql).fetchall()


def files_read(root: Path, condition: str) -> str:
    with open_catalog(root) as catalog:
        sql = f"EXPLAIN ANALYZE SELECT * FROM shop.numbers WHERE {condition}"
        text = str(catalog.fetch(sql)[0][1])
    return next(line.strip("│ ") for line in text.splitlines() if "Files Read" in line)


def test_where_nothing_is_published_there_is_a_catalogue_without_views(tmp_path: Path) -> None:
    found = refresh(tmp_path / "exports")

    assert (found.views, found.left_out) == ((), ())
    assert plainly(tmp_path / "exports", "SHOW ALL TABLES") == []


@pytest.mark.parametrize(
    ("condition", "files"),
    [
        ("day = DATE '2026-01-03'", 1),
        ("day BETWEEN DATE '2026-01-03' AND DATE '2026-01-05'", 3),
        ("day IN (DATE '2026-01-03', DATE '2026-01-09')", 2),
        ("year(day) = 2026", 10),
    ],
)
def test_a_condition_on_the_day_decides_which_files_are_read(
    days: Path, condition: str, files: int
) -> None:
    assert files_read(days, condition) == f"Total Files Read: {files}"


def test_names_in_the_path_above_the_exports_are_no_columns(tmp_path: Path) -> None:
    root = tmp_path / "id=7" / "day=2020-01-01" / "exp[a-z]*'s"
    Publisher(root=root).publish_days(NUMBERS, FIRST, 3)

    with open_catalog(root) as catalog:
        found = catalog.fetch("FROM shop.numbers ORDER BY id")

    assert found == [(number, FIRST + timedelta(days=number)) for number in range(3)]


@pytest.mark.parametrize(
    ("directory", "value"),
    [
        ("hour=2026-02-08T10", "2026-02-08 10:00:00+00"),
        ("month=2026-02", "2026-02"),
        ("year=2026", "2026"),
        ("match_id=a%2Fb", "a/b"),
        ("day=__HIVE_DEFAULT_PARTITION__", None),
    ],
)
def test_every_way_to_slice_is_a_column(tmp_path: Path, directory: str, value: str | None) -> None:
    name, _, text = directory.partition("=")
    keys = {"hour": "2026-02-08-10:00", "match_id": "a/b", "day": text}
    partition = keys.get(name, text)
    Publisher(root=tmp_path).publish(NUMBERS, [(1,)], partition=partition, directory=directory)

    with open_catalog(tmp_path) as catalog:
        found = catalog.fetch(f"SELECT cast({name} AS VARCHAR) FROM shop.numbers")

    assert found == [(value,)]


def test_only_what_a_manifest_vouches_for_is_seen(days: Path) -> None:
    table = days / "shop" / "numbers" / "parquet"
    part = table / "day=2026-01-01" / "part-00000.parquet"
    for place in ("day=2026-02-01", "_quarantine", ".hidden"):
        (table / place).mkdir()
        shutil.copy(part, table / place)
    shutil.copy(part, table / "day=2026-01-02" / "part-00001.parquet")
    (table / "day=2026-01-03" / "_manifest.json").write_text("{}")
    (table / "day=2026-01-04" / "_manifest.json").unlink()
    shutil.copytree(table / "day=2026-01-05", table / "day=2026-03-05")
    (table / "day=2026-04-01").symlink_to(table / "day=2026-01-06")

    with open_catalog(days) as catalog:
        found = catalog.fetch("SELECT id FROM shop.numbers ORDER BY 1")

    assert [row[0] for row in found] == [0, 1, 4, 5, 6, 7, 8, 9]
    assert [line.partition("parquet/")[2].partition(":")[0] for line in catalog.left_out] == [
        "day=2026-01-03/_manifest.json",
        "day=2026-03-05",
    ]


def test_partitions_of_an_older_slicing_do_not_count_twice(days: Path) -> None:
    rows = [(number,) for number in range(10)]
    Publisher(root=days).publish(NUMBERS, rows, at=NOW + timedelta(hours=1))

    assert ids(days) == list(range(10))


def test_the_format_with_all_partitions_is_read(days: Path) -> None:
    publisher = Publisher(root=days)
    for number in range(11):
        day = FIRST + timedelta(days=number)
        publisher.publish(
            NUMBERS, [(number,)], fmt="csv", partition=f"{day}", directory=f"day={day}"
        )

    assert refresh(days).views[0].format == "csv"


def test_what_has_not_changed_is_left_alone(days: Path) -> None:
    refresh(days)
    before = (days / CATALOG).stat()
    Publisher(root=days).publish(
        NUMBERS, [(100,)], partition="2026-01-04", directory="day=2026-01-04", at=NOW
    )

    found = refresh(days)

    assert not found.written
    assert os.path.samestat((days / CATALOG).stat(), before)
    assert (days / CATALOG).stat().st_mtime_ns == before.st_mtime_ns
    assert ids(days) == [0, 1, 2, 4, 5, 6, 7, 8, 9, 100]


def test_publishing_and_pruning_show(days: Path) -> None:
    refresh(days)
    store = LocalStore(days)
    store.remove(ExportKey("shop", "numbers", "parquet"), "day=2026-01-01", "prune")
    Publisher(root=days).publish_days(NUMBERS, date(2027, 1, 1), 1)

    refresh(days)

    assert plainly(days, "SELECT count(*), max(day) FROM shop.numbers") == [(10, date(2027, 1, 1))]


@pytest.mark.parametrize("name", [CATALOG, ".state/_catalog.json"])
@pytest.mark.parametrize("damage", ["remove", "garble"])
def test_what_is_lost_or_damaged_is_made_again(days: Path, name: str, damage: str) -> None:
    refresh(days)
    if damage == "remove":
        (days / name).unlink()
    else:
        (days / name).write_bytes(b"garbage")

    assert ids(days) == list(range(10))
    assert plainly(days, "SELECT count(*) FROM shop.numbers") == [(10,)]


def test_exports_that_were_moved_are_read_where_they_are(days: Path, tmp_path: Path) -> None:
    refresh(days)
    moved = tmp_path.parent / f"{tmp_path.name}-moved"
    days.rename(moved)

    says_where = plainly(
        moved, "SELECT count(*) FROM shop.numbers", before=f"SET VARIABLE exports = '{moved}'"
    )
    refresh(moved)

    assert says_where == [(10,)]
    assert plainly(moved, "SELECT count(*) FROM shop.numbers") == [(10,)]


def test_a_reader_keeps_what_it_opened_and_keeps_nobody_from_refreshing(days: Path) -> None:
    refresh(days)
    with duckdb.connect(str(days / CATALOG), read_only=True) as reader, open_catalog(days) as other:
        Publisher(root=days).publish_days(NUMBERS, date(2027, 1, 1), 1)

        found = refresh(days)

        asked = "SELECT count(*) FROM shop.numbers"
        assert found.written
        assert reader.execute(asked).fetchall() == other.fetch(asked) == [(10,)]
        assert ids(days) == [0, *range(10)]


def _refresh_often(root: str) -> int:
    for _ in range(5):
        refresh(Path(root), thorough=True)
    return 1


def test_refreshes_at_the_same_time_all_end_well(days: Path) -> None:
    with ProcessPoolExecutor(max_workers=4) as pool:
        for number in range(4):
            done = [pool.submit(_refresh_often, str(days)) for _ in range(4)]
            Publisher(root=days).publish_days(NUMBERS, date(2027 + number, 1, 1), 1)
            assert sum(one.result() for one in done) == 4
    refresh(days)

    assert plainly(days, "SELECT count(*) FROM shop.numbers") == [(14,)]
    assert is_swept(days)


POINTS = ["catalog_staged", "catalog_built", "rename", "catalog_replaced", "fsync", "fsync:2"]


@pytest.mark.suite("crash-points")
@pytest.mark.promise("whole-or-absent")
@pytest.mark.parametrize("point", POINTS)
def test_a_refresh_that_is_killed_leaves_the_old_or_the_new_catalogue(
    days: Path, point: str, monkeypatch: pytest.MonkeyPatch, proven: Proven
) -> None:
    monkeypatch.setenv("EXPORT_ASSETS_TESTING", "1")
    refresh(days)
    Publisher(root=days).publish_days(NUMBERS, date(2027, 1, 1), 1)

    killed = run_child(lambda: refresh(days), crash=point)

    assert killed
    left = plainly(days, "SELECT count(*) FROM shop.numbers")
    assert left in ([(10,)], [(11,)])
    assert ids(days) == [0, *range(10)]
    assert is_swept(days)
    proven(1, "kill at a point of a refresh", f"{'old' if left == [(10,)] else 'new'} catalogue")


def test_a_refresh_that_fails_leaves_the_old_catalogue(days: Path) -> None:
    refresh(days)
    Publisher(root=days).publish_days(NUMBERS, date(2027, 1, 1), 1)

    @contextmanager
    def full(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
        with duckdb.connect(str(path)) as connection:
            yield connection
        raise OSError(28, "No space left on device", str(path))

    with pytest.raises(ExportError, match="no space left"):
        refresh(days, connect=full)

    assert plainly(days, "SELECT count(*) FROM shop.numbers") == [(10,)]
    assert is_swept(days)


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user")
def test_exports_that_may_only_be_read_are_answered_from_all_the_same(days: Path) -> None:
    ids(days)  # loads all that another user might not be allowed to load
    (days / CATALOG).unlink()
    for path in (days, *days.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    temp = days / "temp"
    temp.mkdir()
    temp.chmod(0o777)
    for above in days.parents[:3]:
        above.chmod(0o755)

    def ask() -> None:
        os.seteuid(65534)
        with pytest.raises(DestPermission):
            refresh(days)
        assert ids(days, temp) == list(range(10))

    assert not run_child(ask)


def test_a_refresh_of_many_partitions_reads_only_what_is_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Publisher(root=tmp_path).publish_days(NUMBERS, FIRST, 50)
    refresh(tmp_path)
    Publisher(root=tmp_path).publish_days(NUMBERS, date(2027, 1, 1), 1)
    read: list[Path] = []
    really = Path.read_bytes

    def counted(path: Path) -> bytes:
        if path.name == "_manifest.json":
            read.append(path)
        return really(path)

    monkeypatch.setattr(Path, "read_bytes", counted)

    refresh(tmp_path)

    assert {path.parent.name for path in read} == {"day=2027-01-01"}


def test_nothing_of_duckdb_is_loaded_where_nothing_changed(days: Path) -> None:
    refresh(days)
    code = (
        "import sys; from pathlib import Path;"
        "from export_assets.engine.catalog.refreshing import refresh;"
        "refresh(Path(sys.argv[1]));"
        "sys.exit(bool({'duckdb', 'polars', 'pyarrow'} & {*sys.modules}))"
    )

    done = subprocess.run([sys.executable, "-c", code, str(days)], check=False, timeout=60)

    assert done.returncode == 0
