"""Tables for the tests of formats: every logical type with its awkward values."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl

from export_assets.formats.base import Format, FormatOptions, FormatWriter
from export_assets.formats.registry import FORMATS
from export_assets.tables.batch import Batch
from export_assets.tables.schema import Column, LogicalType, TableSchema

L = LogicalType

AWKWARD_TEXTS: tuple[str, ...] = (
    "",
    " ",
    " leading",
    "trailing ",
    '"',
    'a"b',
    '""',
    "a,b",
    "a;b\tc|d",
    "line\nfeed",
    "carriage\rreturn",
    "both\r\n",
    "\n",
    "\r",
    "\x00",
    "nul\x00inside",
    "\\",
    "NaN",
    "null",
    "=1+1",
    "'=1+1",
    "''@x",
    "'tis",
    "true",
    "0012",
    "1e5",
    "\ufeffmark",
    "\u2028\u2029\x85\x0b\x0c",
    "\x7f\x1b\x1f",
    "שלום عليكم \u202eabc",
    "👩‍👩‍👧‍👦 🏳️‍🌈",
    "𝒜𐍈",
    "e\u0301 é",
    "x" * 10_000,
)

AWKWARD_JSON: tuple[str, ...] = (
    '{"a": 1.10, "b": [1, 2]}',
    "[]",
    "{}",
    '{"a":1,"a":2}',
    "[1e400, -0, 123456789012345678901234567890, 0.1234567890123456789]",
    '{"u":"\\u00e9\\u2028","n":null}',
    "5",
    "null",
    '"x"',
    "",
    " ",
    "not json",
    '{"broken": ',
    '{"a":1}{"b":2}',
    '["\\ud800"]',
    "{},\n{}",
    "[" * 100_000,
    "-5",
    "'{",
)

NESTED_OWN = pl.List(pl.Struct({"a": pl.Int64(), "b": pl.List(pl.String()), "f": pl.Float64()}))
NESTED_HARD = pl.Struct(
    {
        "at": pl.Datetime("us", "UTC"),
        "day": pl.Date(),
        "clock": pl.Time(),
        "raw": pl.Binary(),
        "sum": pl.Decimal(20, 3),
        "wall": pl.List(pl.Datetime("us")),
        'quo"te': pl.Boolean(),
    }
)

VALUES: dict[str, tuple[Column, Sequence[Any]]] = {
    "boolean": (Column(name="boolean", logical=L.BOOLEAN), [True, False, None]),
    "integer": (
        Column(name="integer", logical=L.INTEGER),
        [0, -1, 2**63 - 1, -(2**63), 2**53 + 1, None],
    ),
    "float": (
        Column(name="float", logical=L.FLOAT),
        [0.0, -0.0, 0.1, 5e-324, 1.7976931348623157e308, 1e16, 123456789.123456789, -2.5, None],
    ),
    "decimal": (
        Column(name="decimal", logical=L.DECIMAL, precision=20, scale=4),
        [Decimal("1.1000"), Decimal("-1234567890123456.7891"), Decimal(0), None],
    ),
    "big integer": (
        Column(name="big integer", logical=L.DECIMAL, precision=38, scale=0),
        [Decimal(2**63), Decimal(-(10**37)), Decimal("9" * 38), None],
    ),
    "text": (Column(name="text", logical=L.TEXT), [*AWKWARD_TEXTS, None]),
    "date": (
        Column(name="date", logical=L.DATE),
        [date(1, 1, 1), date(1969, 12, 31), date(2024, 2, 29), date(9999, 12, 31), None],
    ),
    "time": (
        Column(name="time", logical=L.TIME),
        [time(0, 0), time(23, 59, 59, 999999), time(1, 2, 3, 4), None],
    ),
    "timestamp": (
        Column(name="timestamp", logical=L.TIMESTAMP),
        [
            datetime(1, 1, 1, tzinfo=UTC),
            datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
            datetime(2026, 2, 8, 10, 30, tzinfo=UTC),
            datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
            None,
        ],
    ),
    "naive": (
        Column(name="naive", logical=L.NAIVE_TIMESTAMP),
        [datetime(1, 1, 1), datetime(1950, 6, 1, 0, 0, 0, 1), datetime(9999, 12, 31), None],  # noqa: DTZ001 - wall clock readings
    ),
    "json": (Column(name="json", logical=L.JSON), [*AWKWARD_JSON, None]),
    "uuid": (
        Column(name="uuid", logical=L.UUID),
        ["2f8a6bd6-3d0f-4c3a-9a4a-1d6f6f1f2c11", None],
    ),
    "binary": (
        Column(name="binary", logical=L.BINARY),
        [b"", b"\x00\xff", b"\xfb\xef\xbe", bytes(range(256)), None],
    ),
    "nested": (
        Column(name="nested", logical=L.NESTED, nested=NESTED_OWN),
        [
            [],
            [None],
            [{"a": 1, "b": ["x", None, 'q"\n'], "f": 0.5}, {"a": None, "b": None, "f": None}],
            None,
        ],
    ),
    "nested hard": (
        Column(name="nested hard", logical=L.NESTED, nested=NESTED_HARD),
        [
            {
                "at": datetime(1969, 12, 31, 23, tzinfo=UTC),
                "day": date(1, 1, 1),
                "clock": time(1, 2, 3, 4),
                "raw": b"\x00",
                "sum": Decimal("12345678901234567.890"),
                "wall": [datetime(2024, 1, 1), None],  # noqa: DTZ001 - wall clock readings
                'quo"te': True,
            },
            {
                "at": None,
                "day": None,
                "clock": None,
                "raw": None,
                "sum": None,
                "wall": [],
                'quo"te': None,
            },
            None,
        ],
    ),
    'odd "name"\n,': (Column(name='odd "name"\n,', logical=L.TEXT), ["a", '"', None]),
    "=named": (Column(name="=named", logical=L.INTEGER), [1, None]),
}
"""One column of each kind with its values, by name."""


def table_of(names: Iterable[str] = VALUES) -> tuple[TableSchema, pl.DataFrame]:
    """Return a table of the columns called *names*, shorter ones repeated to one height."""
    chosen = {name: VALUES[name] for name in names}
    height = max(len(values) for _, values in chosen.values())
    schema = TableSchema(name="table", columns=tuple(column for column, _ in chosen.values()))
    data = {
        name: [values[row % len(values)] for row in range(height)]
        for name, (_, values) in chosen.items()
    }
    return schema, pl.DataFrame(data, schema=schema.polars)


def write(
    fmt: Format,
    path: Path,
    schema: TableSchema,
    frames: Iterable[pl.DataFrame],
    *,
    options: FormatOptions | None = None,
) -> FormatWriter:
    """Write *frames* as batches and return the closed writer."""
    writer = fmt.open(path, schema, options or FormatOptions(), {"made": "by a test"})
    try:
        for frame in frames:
            writer.write(Batch(frame))
        writer.close()
    except BaseException:
        writer.abort()
        raise
    return writer


def read(
    fmt: Format,
    path: Path,
    schema: TableSchema,
    *,
    options: FormatOptions | None = None,
    strict: bool = True,
) -> pl.DataFrame:
    """Read *path* whole."""
    batches = fmt.read(path, schema, options or FormatOptions(), strict=strict)
    frames = [batch.frame for batch in batches]
    return pl.concat([pl.DataFrame(schema=schema.polars), *frames])


LAYOUTS: dict[str, tuple[str, FormatOptions]] = {
    "parquet": ("parquet", FormatOptions()),
    "parquet small groups": ("parquet", FormatOptions(row_group_rows=7)),
    "parquet snappy": ("parquet", FormatOptions(compression="snappy")),
    "parquet gzip": ("parquet", FormatOptions(compression="gz", compression_level=9)),
    "parquet brotli": ("parquet", FormatOptions(compression="brotli")),
    "parquet lz4": ("parquet", FormatOptions(compression="lz4")),
    "parquet none": ("parquet", FormatOptions(compression="none")),
    "csv": ("csv", FormatOptions()),
    "csv gz": ("csv", FormatOptions(compression="gz")),
    "csv zst": ("csv", FormatOptions(compression="zst", compression_level=9)),
    "csv semicolon": ("csv", FormatOptions(delimiter=";")),
    "csv tab": ("csv", FormatOptions(delimiter="\t")),
    "csv minus": ("csv", FormatOptions(delimiter="-")),
    "csv digit": ("csv", FormatOptions(delimiter="1")),
    "csv letter": ("csv", FormatOptions(delimiter="e")),
    "csv blank": ("csv", FormatOptions(delimiter=" ")),
    "csv apostrophe": ("csv", FormatOptions(delimiter="'")),
    "csv section sign": ("csv", FormatOptions(delimiter="§")),
    "csv emoji": ("csv", FormatOptions(delimiter="😀", compression="zst")),
    "csv excel": ("csv", FormatOptions(profile="excel")),
    "csv excel semicolon": ("csv", FormatOptions(profile="excel", delimiter=";")),
    "csv excel section sign": ("csv", FormatOptions(profile="excel", delimiter="§")),
    "csv legacy": ("csv", FormatOptions(profile="legacy")),
    "ndjson": ("ndjson", FormatOptions()),
    "ndjson gz": ("ndjson", FormatOptions(compression="gzip", compression_level=1)),
    "ndjson zst": ("ndjson", FormatOptions(compression="zstd")),
    "ndjson described": ("ndjson", FormatOptions(schema_header=True)),
    "ndjson described gz": ("ndjson", FormatOptions(schema_header=True, compression="gzip")),
    "json": ("json", FormatOptions()),
    "json gz": ("json", FormatOptions(compression="gz")),
    "json pretty": ("json", FormatOptions(pretty=True)),
    "json pretty zst": ("json", FormatOptions(pretty=True, compression="zst")),
    "tsv": ("tsv", FormatOptions()),
    "tsv gz": ("tsv", FormatOptions(compression="gzip")),
    "tsv excel": ("tsv", FormatOptions(profile="excel")),
    "sqlite": ("sqlite", FormatOptions()),
    "duckdb": ("duckdb", FormatOptions()),
    "xlsx": ("xlsx", FormatOptions()),
}
"""Every format in every layout worth a round trip."""


def layout(name: str) -> tuple[Format, FormatOptions]:
    """Return format and options of the layout called *name*."""
    fmt, options = LAYOUTS[name]
    return FORMATS[fmt], options
