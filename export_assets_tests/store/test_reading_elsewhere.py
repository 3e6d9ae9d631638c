"""What docs/on-disk-format.md tells other programs to do, done by them."""

import ast
import io
import re
import shutil
from pathlib import Path

import duckdb
import polars as pl
import pyarrow.dataset
import pytest

from export_assets.store.layout import ExportKey
from export_assets_tests.store.publishing import publish

PAGE = Path(__file__).parents[2] / "docs" / "on-disk-format.md"


def parquet(total: int) -> bytes:
    buffer = io.BytesIO()
    pl.DataFrame({"id": [1, 2], "total": [total, total]}).write_parquet(buffer)
    return buffer.getvalue()


@pytest.fixture
def exports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two days of one table in two formats, with everything beside them that is no data."""
    monkeypatch.chdir(tmp_path)
    root = tmp_path / "exports"
    for day in (8, 9):
        directory = f"day=2026-02-{day:02}"
        part = {"part-00000.parquet": parquet(day)}
        publish(
            root, "r1", key=ExportKey("shop", "orders", "parquet"), directory=directory, parts=part
        )
        text = {"part-00000.csv": f"id,total\n1,{day}\n2,{day}\n".encode()}
        publish(root, "r1", key=ExportKey("shop", "orders", "csv"), directory=directory, parts=text)
    for fmt in ("parquet", "csv"):
        parent = root / "shop" / "orders" / fmt
        staging = root / ".staging" / "shop" / "orders" / fmt
        for name in ("day=2026-02-08.dead.tmp", "day=2026-02-08.dead.old"):
            shutil.copytree(parent / "day=2026-02-08", staging / name)
        (parent / "day=2026-02-08" / "_extra.parquet").write_bytes(b"no parquet")
    quarantine = root / "shop" / "orders" / "_quarantine" / "day=2026-02-08"
    quarantine.mkdir(parents=True)
    (quarantine / "part-00000.ndjson").write_bytes(b"{}\n")
    return root


def statements() -> list[str]:
    """The reading statements of the page, one per line."""
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    block = next(text for text in blocks if "scan_parquet" in text)
    parsed = ast.parse(block).body
    return [ast.unparse(node) for node in parsed if isinstance(node, ast.Expr)]


@pytest.mark.usefixtures("exports")
@pytest.mark.parametrize("statement", statements())
def test_a_program_that_reads_as_the_page_says_reads_what_is_published(statement: str) -> None:
    names = {"pl": pl, "ds": pyarrow.dataset, "duckdb": duckdb}

    read = eval(statement, names)  # the page's own words

    if isinstance(read, pl.LazyFrame):
        frame = read.collect()
    elif isinstance(read, duckdb.DuckDBPyRelation):
        frame = read.pl()
    else:
        frame = pl.DataFrame(read.to_table())
    assert sorted(frame["total"].to_list()) == [8, 8, 9, 9]
    if "csv" not in statement:
        assert sorted(map(str, frame["day"].to_list())) == ["2026-02-08"] * 2 + ["2026-02-09"] * 2


GLOBS = ["*/part-*", "**/part-*", "*/*"]


@pytest.mark.parametrize("glob", GLOBS)
def test_no_glob_below_an_export_meets_what_is_staged(exports: Path, glob: str) -> None:
    for path in (exports / "shop" / "orders" / "parquet").rglob("_*"):
        path.unlink()
    pattern = f"{exports}/shop/orders/parquet/{glob}.parquet"

    by_polars = pl.scan_parquet(pattern).collect()
    with duckdb.connect() as connection:
        by_duckdb = connection.execute(f"select total from read_parquet('{pattern}')").fetchall()

    assert (by_polars.height, len(by_duckdb)) == (4, 4)


def test_the_page_shows_four_ways_to_read() -> None:
    assert len(statements()) == 4
