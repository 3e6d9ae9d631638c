"""Exports a SQLite database in every format and compares what every reader finds with its rows."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import yaml

from export_assets.engine.report import ExportReport
from export_assets.store.manifest import Manifest, read_manifest
from export_assets_tests.engine.engine_world import ALL_FORMATS, World
from export_assets_tests.fidelity.oracle import (
    Stored,
    count_rows,
    expected,
    in_json,
    is_native,
    json_value,
    stored_rows,
)
from export_assets_tests.fidelity.readback import UNREAD, Duck, Promise, Row, readers

_BY_DOUBLE = frozenset(
    {("ndjson", "polars"), ("ndjson", "duckdb"), ("json", "polars"), ("json", "duckdb")}
)
"""Readers that take every fraction in JSON for a double."""
_NO_JSON = frozenset({("ndjson", "pyarrow"), ("json", "polars")})
"""Readers that take a column of JSON for one type, which its values are not of."""


@dataclass
class Tally:
    """What was compared."""

    tables: int = 0
    rows: int = 0
    cells: Counter[str] = field(default_factory=Counter)
    """Cells compared by `format/reader`; without those it has no way to deliver."""
    problems: list[str] = field(default_factory=list)


def export_all(world: World, tables: Mapping[str, Mapping[str, object]]) -> ExportReport:
    """Export every table of the world's database into its store, *tables* configured so."""
    config = {"source": "shop", "url": "shop.db", "formats": ["all"], "redact_defaults": False}
    world.config(yaml.safe_dump(config | {"tables": {"*": {}, **tables}}, allow_unicode=True))
    return world.export()


def published(world: World) -> dict[str, dict[str, list[tuple[Manifest, Path]]]]:
    """Return manifests and directories of all that is published, by table and format."""
    found: dict[str, dict[str, list[tuple[Manifest, Path]]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for path in sorted(world.exports.rglob("_manifest.json")):
        manifest = read_manifest(path)
        found[manifest.table][manifest.format].append((manifest, path.parent))
    return found


def compare(
    world: World,
    duck: Duck,
    table: str,
    parts: Mapping[str, Sequence[tuple[Manifest, Path]]],
    tally: Tally,
    *,
    sliced: bool = False,
) -> None:
    """Read *table* back from every format by every reader and note what differs."""
    tally.tables += 1
    for fmt in ALL_FORMATS:
        if not parts.get(fmt):
            # Without rows a table that is sliced has no slices.
            if count_rows(world.db, table) or not sliced:
                tally.problems.append(f"{table}/{fmt}: nothing published")
            continue
        manifests = [manifest for manifest, _ in parts[fmt]]
        columns = manifests[0].columns
        promises = [Promise.of(column) for column in columns]
        rows = stored_rows(world.db, table, [column.name for column in columns])
        tally.problems += _verdicts(table, fmt, rows, manifests)
        wanted = [
            tuple(
                expected(cell, promise, column)
                for cell, promise, column in zip(row, promises, columns, strict=True)
            )
            for row in rows
        ]
        for name, read in readers(duck)[fmt].items():
            where = f"{table}/{fmt}/{name}"
            try:
                found = [row for _, path in parts[fmt] for row in _read_parts(read, path, promises)]
            except Exception as error:  # noqa: BLE001 - whatever a reader raises is a finding
                tally.problems.append(f"{where}: {type(error).__name__}: {str(error)[:300]}")
                continue
            tally.problems += _differences(where, promises, wanted, found)
            unread = sum(cell is UNREAD for row in found for cell in row)
            tally.cells[f"{fmt}/{name}"] += len(rows) * len(columns) - unread
        tally.rows += len(rows) if fmt == ALL_FORMATS[0] else 0


def _read_parts(read: object, directory: Path, promises: Sequence[Promise]) -> Iterator[Row]:
    assert callable(read)
    for path in sorted(directory.glob("part-*")):
        yield from read(path, promises)


def _verdicts(
    table: str, fmt: str, rows: Sequence[tuple[Stored, ...]], manifests: Sequence[Manifest]
) -> Iterator[str]:
    """Tell where a manifest calls exact what is not, or miscounts."""
    if sum(manifest.rows for manifest in manifests) != len(rows):
        yield f"{table}/{fmt}: {len(rows)} rows in the source"
    for index, column in enumerate(manifests[0].columns):
        values = [row[index] for row in rows]
        if column.fidelity == "exact" and column.logical_type not in ("float", "decimal"):
            odd = [value for value in values if not is_native(value, column.logical_type)]
            if odd:
                fact = f"{odd[0]} exported as exact {column.logical_type}"
                yield f"{table}/{fmt}.{column.name}: {fact}"
        if fmt in ("json", "ndjson") and column.logical_type == "float":
            lost = sum(value in (float("inf"), float("-inf")) for _, value in values)
            said = sum(
                one.columns[index].fidelity_count
                for one in manifests
                if one.columns[index].fidelity == "lossy"
            )
            if lost != said:
                yield f"{table}/{fmt}.{column.name}: {lost} infinities became null, {said} counted"


def _differences(
    where: str,
    promises: Sequence[Promise],
    wanted: Sequence[Row],
    found: Sequence[Row],
) -> Iterator[str]:
    fmt, reader = where.split("/")[-2:]
    left = Counter(_key(row, promises, fmt, reader) for row in wanted)
    right = Counter(_key(row, promises, fmt, reader) for row in found)
    if left == right:
        return
    missing, extra = list((left - right).elements()), list((right - left).elements())
    for one, other in zip(missing[:1], extra[:1], strict=False):
        cells = [
            f"{promise.name!r} ({promise.logical}) {a!r:.120} -> {b!r:.120}"
            for promise, a, b in zip(promises, one, other, strict=True)
            if a != b
        ]
        yield f"{where}: {'; '.join(cells[:3])}"
    if len(missing) != len(extra):
        yield f"{where}: {len(wanted)} rows, {len(found)} read"


def _key(row: Row, promises: Sequence[Promise], fmt: str, reader: str) -> tuple[object, ...]:
    return tuple(
        _comparable(value, promise, fmt, reader)
        for value, promise in zip(row, promises, strict=True)
    )


def _comparable(value: object, promise: Promise, fmt: str, reader: str) -> object:
    """Return *value* as far as *reader* can tell values of *fmt* apart."""
    if fmt in ("json", "ndjson"):
        value = in_json(value, promise)
        if promise.logical == "json":
            if (fmt, reader) in _NO_JSON:
                return UNREAD
            return _json_key(value)
        if promise.logical == "decimal" and (fmt, reader) in _BY_DOUBLE and value is not None:
            assert isinstance(value, Decimal | float | int)
            return float(value).hex()
    # True equals 1, and 1 equals Decimal(1): types count.
    return (type(value).__name__, value) if not isinstance(value, Decimal | int) else _exact(value)


def _exact(value: Decimal | int) -> object:
    return (type(value).__name__, Decimal(value)) if not isinstance(value, bool) else value


def _json_key(value: object) -> str:
    """Return one text for equal JSON values, given as text or as what they hold."""
    if isinstance(value, str):
        value = json_value(value)
    return json.dumps(value, default=float, ensure_ascii=False)
