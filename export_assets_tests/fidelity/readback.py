"""Exported files read back by programs that are not ours: Polars, DuckDB, PyArrow, plain Python.

Every reader is told the types of the manifest, as a person would be who reads it; every value
comes back in one canonical form per logical type:

    boolean bool · integer int · float its hexadecimal digits · decimal Decimal · binary bytes
    text, uuid, json str · date date · time nanoseconds · timestamps microseconds since 1970
"""

import base64
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.json as arrow_json
import pyarrow.parquet as arrow_parquet

from export_assets.store.contents import ColumnRecord

Row = tuple[object, ...]
Convert = Callable[[Any], object]

UNREAD = "<not read>"
"""Stands for a cell that a reader has no way to deliver; see each reader."""

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - wall clocks are counted from a wall clock
_STAMPS = ("timestamp", "naive_timestamp")


@dataclass(frozen=True, kw_only=True)
class Promise:
    """What the manifest says of one column."""

    name: str
    logical: str
    precision: int = 0
    scale: int = 0

    @classmethod
    def of(cls, column: ColumnRecord) -> "Promise":
        """Read the record of a column, digits of decimals out of its physical type."""
        digits = re.findall(r"\d+", column.physical_type)
        if column.logical_type != "decimal":
            return cls(name=column.name, logical=column.logical_type)
        precision, scale = map(int, digits)
        return cls(name=column.name, logical="decimal", precision=precision, scale=scale)


def microseconds(moment: datetime) -> int:
    """Return *moment* as microseconds since 1970, by UTC or by its own clock."""
    wall = moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)
    return (wall - _EPOCH) // timedelta(microseconds=1)


def nanoseconds(text: str) -> int:
    """Return the time of day that *text* holds as nanoseconds since midnight."""
    whole, _, fraction = text.partition(".")
    found = time.fromisoformat(whole)
    seconds = (found.hour * 60 + found.minute) * 60 + found.second
    return seconds * 10**9 + int(fraction.ljust(9, "0"))


_FROM_TEXT: dict[str, Convert] = {
    "date": lambda text: datetime.fromisoformat(text).date(),
    "time": nanoseconds,
    "timestamp": lambda text: microseconds(datetime.fromisoformat(text)),
    "naive_timestamp": lambda text: microseconds(datetime.fromisoformat(text)),
    "binary": lambda text: base64.b64decode(text, validate=True),
    "decimal": Decimal,
}


def _canonical(promise: Promise, value: Any) -> object:
    """Return *value*, as a reader delivers it, in canonical form."""
    if value is None or value is UNREAD:
        return value
    if isinstance(value, str) and promise.logical in _FROM_TEXT:
        return _FROM_TEXT[promise.logical](value)
    if promise.logical == "float":
        return float(value).hex()
    if promise.logical == "decimal" and isinstance(value, int):
        return Decimal(value)
    if isinstance(value, datetime):
        return microseconds(value)
    return value


def _rows(promises: Sequence[Promise], columns: Iterable[Iterable[Any]]) -> list[Row]:
    done = [
        [_canonical(promise, value) for value in values]
        for promise, values in zip(promises, columns, strict=True)
    ]
    return list(zip(*done, strict=True))


# --- Polars --------------------------------------------------------------------------------------

_POLARS: Mapping[str, pl.DataType] = {
    "boolean": pl.Boolean(),
    "integer": pl.Int64(),
    "float": pl.Float64(),
}


def _polars_rows(frame: pl.DataFrame, promises: Sequence[Promise]) -> list[Row]:
    assert frame.columns == [promise.name for promise in promises]
    columns = []
    for promise, series in zip(promises, frame.get_columns(), strict=True):
        ticks = promise.logical in {"time", *_STAMPS} and series.dtype != pl.String
        columns.append((series.alias("v").to_physical() if ticks else series).to_list())
    return _rows(promises, columns)


def polars_parquet(path: Path, promises: Sequence[Promise]) -> list[Row]:
    """Read by the file's own types."""
    return _polars_rows(pl.read_parquet(path), promises)


def polars_csv(path: Path, promises: Sequence[Promise]) -> list[Row]:
    """Read numbers and booleans as such, the rest as text; the header as a row, quotes and all."""
    header = pl.read_csv(path, has_header=False, n_rows=1, infer_schema=False)
    # Taking the names out of a header, Polars leaves doubled quotes doubled.
    names = [cell or "" for cell in header.row(0)]
    types = [
        pl.Decimal(promise.precision, promise.scale)
        if promise.logical == "decimal"
        else _POLARS.get(promise.logical, pl.String())
        for promise in promises
    ]
    try:
        frame = pl.read_csv(
            path, has_header=False, skip_rows=1, schema_overrides=types, infer_schema=False
        )
    except pl.exceptions.NoDataError:
        return []
    columns = [series.to_list() for series in frame.get_columns()]
    assert names == [promise.name for promise in promises]
    return _rows(promises, columns)


def _polars_types(promises: Sequence[Promise]) -> dict[str, pl.DataType]:
    return {
        promise.name: pl.Float64()
        if promise.logical == "decimal"
        else _POLARS.get(promise.logical, pl.String())
        for promise in promises
    }


def polars_ndjson(path: Path, promises: Sequence[Promise]) -> list[Row]:
    """Read by a given schema; decimals pass through a double, as Polars reads every number."""
    if path.stat().st_size == 0:
        return []  # Polars refuses an empty file
    return _polars_rows(pl.read_ndjson(path, schema=_polars_types(promises)), promises)


def polars_json(path: Path, promises: Sequence[Promise]) -> list[Row]:
    """Read as NDJSON is; a column of JSON values is left unread, for it has many types here."""
    read = {promise.name: promise for promise in promises if promise.logical != "json"}
    if not read:
        return [(UNREAD,) * len(promises)] * len(json.loads(path.read_bytes()))
    frame = pl.read_json(path, schema=_polars_types(list(read.values())))
    rows = [dict(zip(read, row, strict=True)) for row in _polars_rows(frame, list(read.values()))]
    return [tuple(row.get(promise.name, UNREAD) for promise in promises) for row in rows]


# --- PyArrow -------------------------------------------------------------------------------------


def _arrow_type(promise: Promise) -> pa.DataType:
    if promise.logical == "decimal":
        return pa.decimal128(promise.precision, promise.scale)
    known = {
        "boolean": pa.bool_(),
        "integer": pa.int64(),
        "float": pa.float64(),
        "date": pa.date32(),
        "timestamp": pa.timestamp("us", "UTC"),
        "naive_timestamp": pa.timestamp("us"),
    }
    return known.get(promise.logical, pa.string())


def _arrow_rows(table: pa.Table, promises: Sequence[Promise]) -> list[Row]:
    columns = []
    ticking = (pa.timestamp("us", "UTC"), pa.timestamp("us"), pa.time64("ns"))
    for values in table.columns:
        ticks = values.cast(pa.int64()) if values.type in ticking else values
        columns.append(ticks.to_pylist())
    assert table.column_names == [promise.name for promise in promises]
    return _rows(promises, columns)


def arrow_parquet_rows(path: Path, promises: Sequence[Promise]) -> list[Row]:
    """Read by the file's own types."""
    return _arrow_rows(arrow_parquet.read_table(path), promises)


def arrow_csv_rows(path: Path, promises: Sequence[Promise]) -> list[Row]:
    """Read everything but times of day and binary as what it is."""
    table = arrow_csv.read_csv(
        path,
        parse_options=arrow_csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
        convert_options=arrow_csv.ConvertOptions(
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            null_values=[""],
            column_types={promise.name: _arrow_type(promise) for promise in promises},
        ),
    )
    return _arrow_rows(table, promises)


def arrow_ndjson(path: Path, promises: Sequence[Promise]) -> list[Row]:
    """Read by a given schema; a column of JSON values, which have many types, is left unread."""
    if path.stat().st_size == 0:
        return []  # PyArrow refuses an empty file
    read = [promise for promise in promises if promise.logical != "json"]
    schema = pa.schema([(promise.name, _json_type(promise)) for promise in read])
    options = arrow_json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore")
    # One block: PyArrow stops at an object longer than a block.
    block = arrow_json.ReadOptions(block_size=path.stat().st_size + 1)
    table = arrow_json.read_json(path, read_options=block, parse_options=options)
    found = {promise.name: table.column(index).to_pylist() for index, promise in enumerate(read)}
    unread = [UNREAD] * table.num_rows
    return _rows(promises, [found.get(promise.name, unread) for promise in promises])


def _json_type(promise: Promise) -> pa.DataType:
    kept = {"boolean", "integer", "float", "decimal"}
    return _arrow_type(promise) if promise.logical in kept else pa.string()


# --- DuckDB --------------------------------------------------------------------------------------

_DUCKDB = {"boolean": "BOOLEAN", "integer": "BIGINT", "float": "DOUBLE", "date": "DATE"}


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _duckdb_type(promise: Promise) -> str:
    if promise.logical == "decimal":
        return f"DECIMAL({promise.precision},{promise.scale})"
    return _DUCKDB.get(promise.logical, "VARCHAR")


_JSON = "format='auto', hive_partitioning=false, maximum_object_size=100000000"


class Duck:
    """One connection for many files."""

    def __init__(self) -> None:
        self._connection = duckdb.connect(config={"threads": 1})

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def parquet(self, path: Path, promises: Sequence[Promise]) -> list[Row]:
        """Read by the file's own types, columns by position."""
        names = ", ".join(f"c{index}" for index in range(len(promises)))
        cells = []
        for index, promise in enumerate(promises):
            if promise.logical in _STAMPS:
                cells.append(f"epoch_us(c{index})")
            else:
                cells.append(
                    f"cast(c{index} as varchar)" if promise.logical == "time" else f"c{index}"
                )
        source = f"read_parquet({_literal(str(path))}, hive_partitioning=false) as t({names})"
        return self._fetch(f"select {', '.join(cells)} from {source}", promises)

    def csv(self, path: Path, promises: Sequence[Promise]) -> list[Row]:
        """Read numbers, booleans and dates as such, the rest as text.

        The header is read as a row, for with a line end in a name DuckDB would lose its place.
        """
        names = [f"c{index}" for index in range(len(promises))]
        texts = ", ".join(f"'{name}': 'VARCHAR'" for name in names)
        source = (
            f"read_csv({_literal(str(path))}, columns={{{texts}}}, header=false, auto_detect=false,"
            " delim=',', quote='\"', escape='\"', nullstr='', allow_quoted_nulls=false,"
            " new_line='\\n', hive_partitioning=false, max_line_size=10000000,"
            " buffer_size=40000000)"
        )
        header = self._connection.execute(f"select * from {source} limit 1").fetchone()
        assert header is not None
        assert [cell or "" for cell in header] == [promise.name for promise in promises]
        cells = [
            f"cast({name} as {_duckdb_type(promise)})"
            for name, promise in zip(names, promises, strict=True)
        ]
        rows = f"select {', '.join(cells)} from (select * from {source} offset 1)"
        return self._fetch(rows, promises)

    def records(self, path: Path, promises: Sequence[Promise]) -> list[Row]:
        """Read JSON of either layout, each record as a whole and values by key.

        Decimals and numbers pass through a double, as DuckDB reads every fraction.
        """
        source = f"read_json_objects({_literal(str(path))}, {_JSON})"
        cells = [self._member(promise) for promise in promises]
        rows = self._fetch(f"select {', '.join(cells)} from {source}", promises)
        containers = [promise.logical == "json" for promise in promises]
        return [
            tuple(
                json.loads(str(value)) if container and value is not None else value
                for value, container in zip(row, containers, strict=True)
            )
            for row in rows
        ]

    def _member(self, promise: Promise) -> str:
        pointer = "/" + promise.name.replace("~", "~0").replace("/", "~1")
        if promise.logical == "json":
            return f"json_extract(json, {_literal(pointer)})"
        text = f"json_extract_string(json, {_literal(pointer)})"
        kind = {"boolean": "BOOLEAN", "integer": "BIGINT", "float": "DOUBLE"}
        return f"cast({text} as {kind[promise.logical]})" if promise.logical in kind else text

    def _fetch(self, statement: str, promises: Sequence[Promise]) -> list[Row]:
        rows: list[tuple[Any, ...]] = self._connection.execute(statement).fetchall()
        return _rows(promises, zip(*rows, strict=True)) if rows else []


# --- plain Python --------------------------------------------------------------------------------


def plain_json(path: Path, promises: Sequence[Promise]) -> list[Row]:
    """Read NDJSON and JSON arrays with the standard library; fractions keep their digits."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".json":
        records = json.loads(text, parse_float=Decimal)
    else:
        records = [json.loads(line, parse_float=Decimal) for line in text.split("\n")[:-1]]
    names = [promise.name for promise in promises]
    assert all(list(record) == names for record in records)
    columns = [[record[name] for record in records] for name in names]
    return _rows(promises, columns) if records else []


def readers(duck: Duck) -> dict[str, dict[str, Callable[[Path, Sequence[Promise]], list[Row]]]]:
    """Return every reader by format and name."""
    return {
        "parquet": {
            "polars": polars_parquet,
            "duckdb": duck.parquet,
            "pyarrow": arrow_parquet_rows,
        },
        "csv": {"polars": polars_csv, "duckdb": duck.csv, "pyarrow": arrow_csv_rows},
        "ndjson": {
            "polars": polars_ndjson,
            "duckdb": duck.records,
            "pyarrow": arrow_ndjson,
            "python": plain_json,
        },
        # PyArrow reads no arrays of records.
        "json": {"polars": polars_json, "duckdb": duck.records, "python": plain_json},
    }
