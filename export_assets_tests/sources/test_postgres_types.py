"""The matrix of PostgreSQL types and values: every value exact in every format, or counted."""

import csv
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from export_assets.store.manifest import Manifest
from export_assets_tests.engine.engine_world import ALL_FORMATS, World
from export_assets_tests.fidelity.fidelity_row import FidelityRow
from export_assets_tests.fidelity.postgres_matrix import CASES, Case, export, fill, name_of
from export_assets_tests.fidelity.readback import (
    Duck,
    Promise,
    Row,
    microseconds,
    nanoseconds,
    readers,
)
from export_assets_tests.fidelity.trial import _differences, _read_parts, published
from export_assets_tests.postgres_server import (
    Database,
    PostgresServer,
    postgres_server,
    temporary_database,
)

__all__ = ["postgres_server"]  # a fixture

Published = Mapping[str, Mapping[str, Sequence[tuple[Manifest, Path]]]]


@pytest.fixture(scope="module")
def duck() -> Iterator[Duck]:
    opened = Duck()
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def matrix(
    postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Database, Published]]:
    world = World(tmp_path_factory.mktemp("matrix"))
    with temporary_database(postgres_server) as database:
        fill(database)
        export(world, database)
        yield database, published(world)


def instant(text: str) -> int:
    return microseconds(datetime.fromisoformat(text).replace(tzinfo=UTC))


NOT_FINITE = ("nan", "inf", "-inf")
CANONICAL: dict[str, Callable[[str], object]] = {
    "boolean": lambda text: text == "t",
    "integer": int,
    "float": lambda text: float(text).hex(),
    "decimal": Decimal,
    "binary": lambda text: bytes.fromhex(text.removeprefix("\\x")),
    "date": date.fromisoformat,
    "time": nanoseconds,
    "timestamp": lambda text: instant(text.removesuffix("+00")),
}
"""From the server's own output of a value to the form readers give it."""


def stored(database: Database, table: str, case: Case, logical: str) -> list[str | None]:
    """Return the values of *table* as the server itself writes them."""
    json_made = case.verdict == "widened" and logical == "json"
    shown = "to_json(c)::text" if json_made else "format('%s', c)"
    shown = "format('%s', c::float8)" if case.declared == "real" else shown
    with database.connect() as connection:
        connection.execute("set timezone = 'UTC'; set intervalstyle = 'iso_8601'")
        statement = f"select case when c is not distinct from null then null else {shown} end"
        return [row[0] for row in connection.execute(f"{statement} from {table}".encode())]


@pytest.mark.parametrize(
    ("index", "case"),
    list(enumerate(CASES)),
    ids=[f"{case.declared} {' '.join(case.values)}"[:60] for case in CASES],
)
def test_every_value_is_exact_or_counted(
    index: int, case: Case, matrix: tuple[Database, Published], duck: Duck
) -> None:
    database, found = matrix
    table = name_of(index)

    ((manifest, directory),) = found[table]["parquet"]
    row = FidelityRow.of(case.declared, "", manifest.columns[0])

    assert (row.logical, row.verdict, row.count) == (case.logical, case.verdict, case.count)
    assert bool(row.reason) == (case.verdict != "exact")
    promise = Promise.of(manifest.columns[0])
    texts = stored(database, table, case, promise.logical)
    if promise.logical == "nested":
        check_lists(database, table, found[table])
        return
    canonical = CANONICAL.get(promise.logical, str)
    wanted: list[Row] = [(None if text is None else canonical(text),) for text in texts]
    for fmt in ALL_FORMATS:
        ((manifest, directory),) = found[table][fmt]
        for name, read in readers(duck)[fmt].items():
            where = f"{table}/{fmt}/{name}"
            got = list(_read_parts(read, directory, [promise]))
            assert list(_differences(where, [promise], held(wanted, promise, fmt), got)) == []
        check_count(manifest, promise, wanted, fmt)


def held(rows: list[Row], promise: Promise, fmt: str) -> list[Row]:
    """Return *rows* as *fmt* can hold them: JSON has no number for NaN and infinities."""
    if promise.logical != "float" or fmt not in ("json", "ndjson"):
        return rows
    return [(None,) if value in NOT_FINITE else (value,) for (value,) in rows]


def check_count(manifest: Manifest, promise: Promise, wanted: Sequence[Row], fmt: str) -> None:
    """What a format cannot hold is counted."""
    if promise.logical == "float" and fmt in ("json", "ndjson"):
        lost = sum(value in NOT_FINITE for (value,) in wanted)
        (column,) = manifest.columns
        assert (column.fidelity, column.fidelity_count) == (
            ("lossy", lost) if lost else ("exact", 0)
        )


def check_lists(
    database: Database, table: str, parts: Mapping[str, Sequence[tuple[Manifest, Path]]]
) -> None:
    wanted: list[Any] = [row[0] for row in database.rows(f"select c from {table}")]
    for fmt in ALL_FORMATS:
        ((_, directory),) = parts[fmt]
        (part,) = directory.glob("part-*")
        if fmt == "parquet":
            assert pl.read_parquet(part, hive_partitioning=False)["c"].to_list() == wanted
        elif fmt == "csv":
            with part.open(encoding="utf-8", newline="") as file:
                texts = [row[0] if row else "" for row in csv.reader(file)][1:]
            assert [json.loads(one) if one else None for one in texts] == wanted
        else:
            text = part.read_text(encoding="utf-8")
            lines = json.loads(text) if fmt == "json" else map(json.loads, text.splitlines())
            assert [one["c"] for one in lines] == wanted
