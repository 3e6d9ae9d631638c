"""The search for secrets finds them however they are packed, and nothing where there is none."""

import base64
import gzip
import io
import sqlite3
import zipfile
import zlib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa
import pytest

from export_assets_tests.canaries import Canary, leaks

pytestmark = pytest.mark.suite("security")

SECRET = Canary("a test's own")


def zipped(path: Path, text: str) -> None:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a", text)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("b.zip", inner.getvalue())


def zstandard(path: Path, text: str) -> None:
    with pa.CompressedOutputStream(str(path), "zstd") as stream:
        stream.write(text.encode())


def split_over_pages(path: Path, text: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("create table t (c text)")
        # Wherever pages of 4 KiB cut it, one of these is cut.
        connection.execute("insert into t values (?)", ["x" * 4_070 + text * 3])


def duck(path: Path, text: str) -> None:
    with duckdb.connect(str(path)) as connection:
        connection.execute("create table t as select ? || range as c from range(3000)", [text])


def remembered(path: Path, text: str) -> None:
    path.write_bytes(b'{"x": "' + base64.b64encode(zlib.compress(text.encode() * 9)) + b'"}')


WAYS: dict[str, Callable[[Path, str], object]] = {
    "plain": lambda path, text: path.write_text(text, encoding="utf-8"),
    "utf-16": lambda path, text: path.write_text(text, encoding="utf-16"),
    "base64": lambda path, text: path.write_bytes(base64.b64encode(text.encode())),
    "base64, shifted": lambda path, text: path.write_bytes(base64.b64encode(b"x" + text.encode())),
    "base64, shifted twice": lambda path, text: path.write_bytes(
        base64.b64encode(b"xx" + text.encode())
    ),
    "hexadecimal": lambda path, text: path.write_text(text.encode().hex(), encoding="utf-8"),
    "per cent": lambda path, text: path.write_text(
        "".join(f"%{byte:02X}" for byte in text.encode()), encoding="utf-8"
    ),
    "gzip": lambda path, text: path.write_bytes(gzip.compress(text.encode())),
    "zip in zip": zipped,
    "zstd": zstandard,
    "parquet": lambda path, text: pl.DataFrame({"c": [text] * 50}).write_parquet(path),
    "sqlite": split_over_pages,
    "duckdb": duck,
    "packed in JSON": remembered,
    "a name": lambda path, text: (path.parent / text).touch(),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_secret_is_found(way: str, tmp_path: Path) -> None:
    WAYS[way](tmp_path / "file", f"before {SECRET.value} after".replace(" ", "-"))

    assert leaks([SECRET], tmp_path)
    assert leaks([Canary("another")], tmp_path) == []
