"""Listing what is published, quickly and without heavy imports."""

import shutil
import subprocess
import sys
import time
from pathlib import Path

from export_assets.store.catalogue import Damaged, Published, Unproven, list_published
from export_assets.store.layout import ExportKey
from export_assets_tests.store.publishing import KEY, publish


def test_everything_published_is_listed_in_order_with_its_figures(tmp_path: Path) -> None:
    odd = ExportKey("shop", "no such/name", "parquet")
    publish(tmp_path, "r1", directory="day=2026-02-09")
    publish(tmp_path, "r2", directory="day=2026-02-08")
    publish(tmp_path, "r3", key=odd)

    rows = list(list_published(tmp_path))

    published = [row for row in rows if isinstance(row, Published)]
    assert len(published) == len(rows)
    assert [(row.table, row.directory, row.run_id) for row in published] == [
        ("no such/name", "all", "r3"),
        ("orders", "day=2026-02-08", "r2"),
        ("orders", "day=2026-02-09", "r1"),
    ]
    last = published[2]
    assert (last.files, last.bytes, last.rows, last.generation) == (2, 3968, 3968, 1)
    assert last.key == KEY
    assert last.path == tmp_path.joinpath(*KEY.parts, "day=2026-02-09")


def test_filters_take_true_names(tmp_path: Path) -> None:
    odd = ExportKey("shop", "no such/name", "parquet")
    publish(tmp_path, "r1")
    publish(tmp_path, "r2", key=odd)

    def tables(**filters: str) -> list[str]:
        rows = list_published(tmp_path, **filters)
        return [row.table for row in rows if isinstance(row, Published)]

    assert tables(table="no such/name") == ["no such/name"]
    assert tables(fmt="csv", source="shop") == ["orders"]
    assert tables(source="other") == []


def test_hidden_staged_and_unpublished_directories_are_passed_over(tmp_path: Path) -> None:
    publish(tmp_path, "r1")
    parent = tmp_path.joinpath(*KEY.parts)
    for name in (".all.run.tmp", "_quarantine", ".hidden"):
        shutil.copytree(parent / "all", parent / name)
    (parent / "empty").mkdir()
    (tmp_path / "archives" / "a" / "b").mkdir(parents=True)
    shutil.copytree(parent / "all", tmp_path / "archives" / "a" / "b" / "all")
    (tmp_path / "catalog.duckdb").write_bytes(b"")

    assert len(list(list_published(tmp_path))) == 1
    assert list(list_published(tmp_path / "nothing")) == []


def test_a_damaged_manifest_is_listed_as_damaged(tmp_path: Path) -> None:
    publish(tmp_path, "r1")
    path = tmp_path.joinpath(*KEY.parts, "all", "_manifest.json")
    path.write_bytes(path.read_bytes().replace(b"orders", b"0rders"))

    rows = list(list_published(tmp_path))

    assert [type(row) for row in rows] == [Damaged]
    assert str(path) in rows[0].message if isinstance(rows[0], Damaged) else False


def test_two_thousand_partitions_are_listed_in_a_moment(tmp_path: Path) -> None:
    publish(tmp_path, "r1", directory="n=0", parts={"part-00000.csv": b"x"})
    parent = tmp_path.joinpath(*KEY.parts)
    for number in range(1, 2_000):
        (parent / f"n={number}").mkdir()
        (parent / f"n={number}" / "_manifest.json").hardlink_to(parent / "n=0" / "_manifest.json")

    begun = time.process_time()
    count = sum(1 for _ in list_published(tmp_path))

    assert count == 2_000
    assert time.process_time() - begun < 1, "10,000 in about a second, with much room"


def test_the_listing_imports_nothing_heavy() -> None:
    code = (
        "import sys, export_assets.store.catalogue\n"
        "print(*sorted({'polars', 'pyarrow', 'duckdb', 'numpy', 'dagster'} & set(sys.modules)))"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )

    assert done.stdout.strip() == ""


def test_files_without_a_manifest_are_listed_as_unproven(tmp_path: Path) -> None:
    publish(tmp_path, "r1")
    path = tmp_path.joinpath(*KEY.parts) / "all"
    (path / "_manifest.json").unlink()

    rows = list(list_published(tmp_path))

    assert [(type(row), row.path) for row in rows] == [(Unproven, path)]
