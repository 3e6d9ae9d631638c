"""How truly each format carries each type: awkward values, written and read back."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl

from export_assets.formats.base import Format, FormatOptions
from export_assets.formats.joining import digest_of
from export_assets.formats.registry import FORMATS
from export_assets.tables.batch import Batch
from export_assets.tables.schema import Column, Fidelity, LogicalType, TableSchema
from export_assets_tests.formats.tables_of_every_type import VALUES, write

L = LogicalType


def _values(name: str) -> tuple[Column, Sequence[Any]]:
    return VALUES[name]


MATRIX: dict[str, tuple[Column, Sequence[Any]]] = {
    "`boolean`": _values("boolean"),
    "`integer` of up to 15 digits": (Column(name="c", logical=L.INTEGER), [0, -1, 10**15 - 1]),
    "`integer`, any": _values("integer"),
    "`float`": (Column(name="c", logical=L.FLOAT), [0.0, 0.1, -2.5, 1e16, 123456789.123456789]),
    "`float`: NaN, infinities, -0": (
        Column(name="c", logical=L.FLOAT),
        [float("nan"), float("inf"), float("-inf"), -0.0],
    ),
    "`decimal` of up to 15 digits": (
        Column(name="c", logical=L.DECIMAL, precision=15, scale=2),
        [Decimal("19.99"), Decimal("-1234567890123.45")],
    ),
    "`decimal`, any": _values("decimal"),
    "`text`": (Column(name="c", logical=L.TEXT), ["", "a", "=1+1", "0012", "\x00", "line\r\n"]),
    "`text` of 40,000 characters": (Column(name="c", logical=L.TEXT), ["x" * 40_000]),
    "`date` from 1900-03-01": (Column(name="c", logical=L.DATE), _values("date")[1][2:4]),
    "`date`, any": _values("date"),
    "`time` of microseconds": _values("time"),
    "`time` of nanoseconds": (Column(name="c", logical=L.TIME), [1]),
    "`timestamp` of milliseconds": (
        Column(name="c", logical=L.TIMESTAMP),
        _values("timestamp")[1][2:3],
    ),
    "`timestamp`, any": _values("timestamp"),
    "`naive_timestamp`, any": _values("naive"),
    "`json`": (Column(name="c", logical=L.JSON), ['{"a": 1.10}', "[]", "null", "5"]),
    "`json` that is none": (Column(name="c", logical=L.JSON), ["", "not json"]),
    "`uuid`": _values("uuid"),
    "`uuid` in capitals": (
        Column(name="c", logical=L.UUID),
        ["2F8A6BD6-3D0F-4C3A-9A4A-1D6F6F1F2C11"],
    ),
    "`binary`": _values("binary"),
    "`nested` of plain values": _values("nested"),
    "`nested` of times and decimals": _values("nested hard"),
}
"""A column of each kind with values of it."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """What one format did with one column."""

    verdict: str
    reason: str
    count: int
    values: int


def rows() -> dict[str, dict[str, Cell]]:
    """Return what every format does with every column of the matrix."""
    with TemporaryDirectory() as home:
        return {
            kind: {
                name: _measured(fmt, Path(home) / f"{index}.{name}", column, values)
                for name, fmt in FORMATS.items()
            }
            for index, (kind, (column, values)) in enumerate(MATRIX.items())
        }


def _measured(fmt: Format, path: Path, column: Column, values: Sequence[Any]) -> Cell:
    schema = TableSchema(name="t", columns=(column,))
    there = pl.Series("c", [one for one in values if one is not None], strict=False)
    if there.dtype != column.dtype:
        there = there.cast(column.dtype)  # a number of nanoseconds is a time
    frame = pl.DataFrame({column.name: there})
    found = write(fmt, path, schema, [frame]).fidelity().get(column.name, Fidelity())
    same = digest_of([Batch(frame)], schema)
    back = digest_of(fmt.read(path, schema, FormatOptions()), schema)
    if found.verdict != "lossy" and back != same:
        msg = f"{fmt.name}: {column.name} reads back as something else"
        raise AssertionError(msg)
    return Cell(verdict=found.verdict, reason=found.reason, count=found.count, values=frame.height)
