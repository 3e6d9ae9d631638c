"""Tables that are published by hand, so that a test knows each value of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl

from export_assets.formats.base import FormatOptions
from export_assets.formats.registry import FORMATS
from export_assets.store.contents import ColumnRecord
from export_assets.store.hashing import hash_file
from export_assets.store.layout import ExportKey
from export_assets.store.local import LocalStore
from export_assets.store.manifest import Counters, FileRecord, Manifest, SnapshotRecord
from export_assets.tables.batch import Batch
from export_assets.tables.schema import Column, LogicalType, TableSchema

NOW = datetime(2026, 2, 8, 12, tzinfo=UTC)
L = LogicalType

VALUES = TableSchema(
    name="values",
    columns=(
        Column(name="id", logical=L.INTEGER),
        Column(name="flag", logical=L.BOOLEAN),
        Column(name="ratio", logical=L.FLOAT),
        Column(name="price", logical=L.DECIMAL, precision=12, scale=2),
        Column(name="text", logical=L.TEXT),
        Column(name="on_day", logical=L.DATE),
        Column(name="at_time", logical=L.TIME),
        Column(name="at", logical=L.TIMESTAMP),
        Column(name="wall", logical=L.NAIVE_TIMESTAMP),
        Column(name="token", logical=L.UUID),
        Column(name="raw", logical=L.BINARY),
    ),
)
"""A table with a column of every type that all formats carry exactly."""

TYPES = [
    "BIGINT",
    "BOOLEAN",
    "DOUBLE",
    "DECIMAL(12,2)",
    "VARCHAR",
    "DATE",
    "TIME",
    "TIMESTAMP WITH TIME ZONE",
    "TIMESTAMP",
    "VARCHAR",
    "BLOB",
]

ROWS: list[tuple[Any, ...]] = [
    (
        9223372036854775807,
        True,
        0.1,
        Decimal("1234567890.12"),
        "plain",
        date(2026, 2, 8),
        time(10, 30, 0, 123456),
        datetime(2026, 2, 8, 10, 30, 0, 123456, tzinfo=UTC),
        datetime(2026, 2, 8, 10, 30, 0, 123456),  # noqa: DTZ001 - a wall clock
        "0b5a1c62-0000-4000-8000-000000000001",
        b"\x00\xff",
    ),
    (
        -9223372036854775808,
        False,
        5e-324,
        Decimal("-0.01"),
        "",
        date(1, 1, 1),
        time(0, 0),
        datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, 999999),  # noqa: DTZ001 - a wall clock
        "",
        b"",
    ),
    (3, None, None, None, 'a "quoted", \r\nbroken\nline', None, None, None, None, None, None),
    (4, None, -1e300, None, "=1+1", None, None, None, None, "'=x", None),
    (5, None, 1e300, None, None, None, None, None, None, None, None),
    (6, None, 0.0, None, "é€😀\t ", None, None, None, None, "  ", b"=\n"),
]


def frame_of(schema: TableSchema, rows: Sequence[Sequence[object]]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=schema.polars, orient="row")


@dataclass(frozen=True, kw_only=True)
class Publisher:
    """Publishes tables below one root."""

    root: Path
    source: str = "shop"

    def publish(
        self,
        schema: TableSchema,
        rows: Sequence[Sequence[object]],
        *,
        fmt: str = "parquet",
        partition: str = "all",
        directory: str | None = None,
        options: FormatOptions | None = None,
        at: datetime = NOW,
        parts: int = 1,
        dialect: Mapping[str, str] | None = None,
    ) -> Path:
        """Publish *rows* as one partition of the table; return its directory."""
        form, options = FORMATS[fmt], options or FormatOptions()
        key = ExportKey(self.source, schema.name, fmt)
        store = LocalStore(self.root)
        frame = frame_of(schema, rows)
        with store.stage(key, directory or partition, f"run-{at:%H%M%S%f}") as staging:
            files = []
            for number in range(parts):
                name = f"part-{number:05d}{form.suffix(options)}"
                writer = form.open(staging.path / name, schema, options, {})
                step = -(-frame.height // parts)
                part = frame.slice(number * step, step)
                writer.write(Batch(part))
                writer.close()
                files.append(_record(staging.path / name, name, part.height))
            staging.publish(
                _manifest(self.source, schema, fmt, partition, files, options, at, dialect)
            )
        return store.partition_path(key, directory or partition)

    def publish_days(self, schema: TableSchema, first: date, days: int) -> None:
        """Publish a partition of one row for each of so many *days*."""
        for number in range(days):
            day = first + timedelta(days=number)
            self.publish(schema, [(number,)], partition=f"{day}", directory=f"day={day}")


NUMBERS = TableSchema(name="numbers", columns=(Column(name="id", logical=L.INTEGER),))


def with_columns(schema: TableSchema, *columns: Column) -> TableSchema:
    return replace(schema, columns=(*schema.columns, *columns))


def _record(path: Path, name: str, rows: int) -> FileRecord:
    return FileRecord(path=name, bytes=path.stat().st_size, rows=rows, sha256=hash_file(path)[1])


def _manifest(  # noqa: PLR0917 - all there is to say
    source: str,
    schema: TableSchema,
    fmt: str,
    partition: str,
    files: Sequence[FileRecord],
    options: FormatOptions,
    at: datetime,
    dialect: Mapping[str, str] | None,
) -> Manifest:
    return Manifest(
        source=source,
        table=schema.name,
        format=fmt,
        partition=partition,
        snapshot=SnapshotRecord(kind="test", id="1", taken_at=at, consistency="snapshot"),
        config_hash="0",
        code_version="0",
        columns=tuple(
            ColumnRecord(
                name=column.name,
                logical_type=str(column.logical),
                physical_type=str(column.dtype),
            )
            for column in schema.columns
        ),
        files=tuple(files),
        row_digest="0",
        digest_algorithm="none",
        counters=Counters(),
        dialect=dict(FORMATS[fmt].dialect(options).values) | dict(dialect or {}),
        created_at=at,
        run_id=f"run-{at:%H%M%S%f}",
    )
