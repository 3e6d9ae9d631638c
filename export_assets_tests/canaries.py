"""Finds secrets in bytes, however they were written down: coded, packed, or inside a database.

canary = Canary("password")
...                                   # put `canary.value` where a secret belongs
assert leaks([canary], root) == []
"""

import base64
import gzip
import io
import json
import re
import sqlite3
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

_PACKED = re.compile(rb"eJ[A-Za-z0-9+/_-]{20,}={0,2}|H4sI[A-Za-z0-9+/_-]{20,}={0,2}")
_DEEPEST = 4
_ZSTD = b"\x28\xb5\x2f\xfd"


@dataclass(frozen=True)
class Canary:
    """One secret, which occurs nowhere unless somebody wrote it."""

    name: str

    @property
    def hex(self) -> str:
        return sha256(self.name.encode()).hexdigest()[:16]

    @property
    def value(self) -> str:
        return f"CANARY-{self.hex}"

    @cached_property
    def forms(self) -> tuple[bytes, ...]:
        """The bytes that it may have become; those of `hex` stay what they are in a URL."""
        plain = self.hex.encode()
        # The three ways Base64 falls on bytes amid others, without the ends these touch.
        coded = [base64.b64encode(b"\0" * shift + plain)[4:-4] for shift in range(3)]
        wide = [self.hex.encode(code) for code in ("utf-16-le", "utf-16-be", "utf-32-le")]
        percent = "".join(f"%{byte:02X}" for byte in plain).encode()
        return (plain, plain.upper(), plain[::-1], plain.hex().encode(), percent, *coded, *wide)


def leaks(canaries: Iterable[Canary], root: Path, *, but: Iterable[Path] = ()) -> list[str]:
    """Return where below *root*, in names too, a secret is found; *but* the files named."""
    wanted, left_out = list(canaries), set(but)
    found = []
    for path in sorted(root.rglob("*")):
        shown = str(path.relative_to(root))
        found += [f"{shown}: {one}, the name" for one in found_in(wanted, shown.encode())]
        if path.is_file() and not path.is_symlink() and path not in left_out:
            texts = [path.read_bytes(), *_within(path)]
            found += [f"{shown}: {one}" for one in sorted({*_any(wanted, texts)})]
    return found


def found_in(canaries: Iterable[Canary], data: bytes | str) -> list[str]:
    """Return the names of the secrets that are in *data*, or in what is packed in it."""
    given = data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data
    texts = list(unpacked(given))
    return [
        one.name for one in canaries if any(form in text for text in texts for form in one.forms)
    ]


def _any(canaries: list[Canary], texts: Iterable[bytes]) -> Iterator[str]:
    for text in texts:
        yield from found_in(canaries, text)


def unpacked(data: bytes, depth: int = 0) -> Iterator[bytes]:
    """Yield *data* and everything that can be unpacked of it."""
    yield data
    if depth == _DEEPEST:
        return
    for inner in _members(data):
        yield from unpacked(inner, depth + 1)


def _members(data: bytes) -> Iterator[bytes]:
    if data[:4] == b"PK\x03\x04":
        with suppress(zipfile.BadZipFile), zipfile.ZipFile(io.BytesIO(data)) as opened:
            for name in opened.namelist():
                yield opened.read(name)
    elif data[:2] == b"\x1f\x8b":
        with suppress(OSError, EOFError, zlib.error):
            yield gzip.decompress(data)
    elif data[:1] == b"\x78":
        with suppress(zlib.error):
            yield zlib.decompress(data)
    elif data[:4] == _ZSTD:
        with suppress(pa.ArrowInvalid, OSError):
            yield pa.CompressedInputStream(pa.BufferReader(data), "zstd").read()
    elif data[:4] == b"PAR1":
        yield from _parquet(data)
    # Dagster keeps what it remembers of automation so.
    for coded in _PACKED.findall(data):
        with suppress(ValueError):
            yield base64.b64decode(coded.replace(b"-", b"+").replace(b"_", b"/") + b"==")


def _parquet(data: bytes) -> Iterator[bytes]:
    file = pq.ParquetFile(io.BytesIO(data))
    yield json.dumps(file.read().to_pylist(), default=str).encode()
    yield str(file.metadata.metadata).encode()


def _within(path: Path) -> Iterator[bytes]:
    """Yield what a database holds: its pages cut values, and DuckDB packs them."""
    with path.open("rb") as file:
        head = file.read(16)
    if head == b"SQLite format 3\0":
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            connection.text_factory = bytes
            tables = connection.execute("select name from sqlite_master where type = 'table'")
            for (name,) in tables.fetchall():
                quoted = name.decode().replace('"', '""')
                for row in connection.execute(f'select * from "{quoted}"'):
                    yield b"\0".join(v if isinstance(v, bytes) else str(v).encode() for v in row)
    elif head[8:12] == b"DUCK":
        with duckdb.connect(str(path), read_only=True) as connection:
            views = "select string_agg(sql, ';') from duckdb_views() where not internal"
            yield str(connection.execute(views).fetchall()).encode()
            for schema, name in connection.execute(
                "select schema_name, table_name from duckdb_tables()"
            ).fetchall():
                rows = connection.execute(f'from "{schema}"."{name}"').fetchall()
                yield str(rows).encode()
