"""What only Parquet has: row groups, encodings, logical annotations, metadata."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from polars.testing import assert_frame_equal

from export_assets.errors import IntegrityError, UsageError
from export_assets.formats.base import FormatOptions
from export_assets.formats.json_text import is_json
from export_assets.formats.parquet import ParquetFormat
from export_assets.tables.schema import Column, LogicalType, TableSchema
from export_assets_tests.formats.tables_of_every_type import (
    AWKWARD_JSON,
    VALUES,
    read,
    table_of,
    write,
)

parquet = ParquetFormat()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    schema, frame = table_of()
    write(parquet, tmp_path / "table.parquet", schema, [frame])
    return tmp_path / "table.parquet"


def test_polars_reads_equal_values_and_plain_types(file: Path) -> None:
    schema, frame = table_of()

    assert_frame_equal(pl.read_parquet(file), frame, check_exact=True)
    assert pl.read_parquet_schema(file) == schema.polars


def test_arrow_reads_equal_values(file: Path) -> None:
    schema, frame = table_of()

    table = pq.read_table(file, arrow_extensions_enabled=False)

    assert (
        table.replace_schema_metadata()
        .cast(schema.arrow)
        .equals(frame.to_arrow(compat_level=pl.CompatLevel.oldest()))
    )


def test_duckdb_reads_equal_values(file: Path) -> None:
    schema, frame = table_of(name for name in VALUES if name not in {"json", "nested hard"})
    names = ", ".join('"' + name.replace('"', '""') + '"' for name in schema.names)

    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        rows = connection.sql(f"select {names} from read_parquet('{file}')").fetchall()

    assert [_comparable(row) for row in rows] == [_comparable(row) for row in frame.rows()]


GOOD_JSON = [text for text in AWKWARD_JSON if is_json(text)]


def json_table(texts: Sequence[str | None]) -> tuple[TableSchema, pl.DataFrame]:
    schema, _ = table_of(["json"])
    return schema, pl.DataFrame({"json": texts}, schema=schema.polars)


def test_duckdb_takes_json_columns_as_json(tmp_path: Path) -> None:
    schema, frame = json_table([*GOOD_JSON, None])
    writer = write(parquet, tmp_path / "t", schema, [frame])

    with duckdb.connect() as connection:
        found = connection.sql(
            f"select typeof(json), json::varchar from read_parquet('{tmp_path}/t')"
        )
        rows = found.fetchall()

    assert rows == [("JSON", text) for text in [*GOOD_JSON, None]]
    assert writer.fidelity() == {}


@pytest.mark.parametrize("at", [0, 7, 25, 39])
def test_a_text_that_is_not_json_makes_the_column_plain_text(at: int, tmp_path: Path) -> None:
    texts: list[str | None] = [f'{{"n": {n}}}' for n in range(40)]
    texts[at] = "not json"
    schema, frame = json_table(texts)
    options = FormatOptions(row_group_rows=10)

    writer = write(parquet, tmp_path / "t", schema, [frame], options=options)

    with duckdb.connect() as connection:
        found = connection.sql(f"select typeof(json), json from read_parquet('{tmp_path}/t')")
        rows = found.fetchall()
    assert rows == [("VARCHAR", text) for text in texts]
    assert read(parquet, tmp_path / "t", schema, options=options).equals(frame)
    assert (writer.fidelity()["json"].verdict, writer.fidelity()["json"].count) == ("widened", 1)
    assert [path.name for path in tmp_path.iterdir()] == ["t"]


def test_a_late_broken_text_gives_the_bytes_of_an_early_one(tmp_path: Path) -> None:
    """Writing the first groups again without the mark is as if they never had it."""
    schema, _ = table_of(["json", "text", "integer"])
    texts = [f'{{"n": {n}}}' for n in range(39)]
    frame = pl.DataFrame(
        {"json": [*texts, "no"], "text": ["a", "b"] * 20, "integer": range(40)},
        schema=schema.polars,
    )
    plain = schema.with_column(Column(name="json", logical=LogicalType.TEXT))
    options = FormatOptions(row_group_rows=10)

    write(parquet, tmp_path / "marked", schema, [frame], options=options)
    write(parquet, tmp_path / "plain", plain, [frame], options=options)

    assert (tmp_path / "marked").read_bytes() == (tmp_path / "plain").read_bytes()


def test_types_are_annotated_for_every_reader(file: Path) -> None:
    found = pq.ParquetFile(file)
    with found:
        columns = {found.schema.column(i).path: found.schema.column(i) for i in range(12)}

    assert columns["timestamp"].physical_type == "INT64"
    assert "isAdjustedToUTC=true, timeUnit=microseconds" in str(columns["timestamp"].logical_type)
    assert "isAdjustedToUTC=false, timeUnit=microseconds" in str(columns["naive"].logical_type)
    assert str(columns["date"].logical_type) == "Date"
    assert str(columns["json"].logical_type) == "String"
    assert str(columns["uuid"].logical_type) == "String"
    assert str(columns["decimal"].logical_type) == "Decimal(precision=20, scale=4)"
    assert str(columns["big integer"].logical_type) == "Decimal(precision=38, scale=0)"


def test_row_groups_are_full_whatever_the_batches(tmp_path: Path) -> None:
    schema, _ = table_of(["integer"])
    frames = [pl.DataFrame({"integer": range(n)}, schema=schema.polars) for n in (3, 25, 0, 1, 6)]
    options = FormatOptions(row_group_rows=10)

    write(parquet, tmp_path / "groups", schema, frames, options=options)

    with pq.ParquetFile(tmp_path / "groups") as found:
        groups = [found.metadata.row_group(i).num_rows for i in range(found.num_row_groups)]
    assert groups == [10, 10, 10, 5]


def test_metadata_statistics_and_page_index_are_inside(tmp_path: Path) -> None:
    schema, frame = table_of(["integer"])

    write(parquet, tmp_path / "facts", schema, [frame])

    with pq.ParquetFile(tmp_path / "facts") as found:
        column = found.metadata.row_group(0).column(0)
        assert found.metadata.metadata[b"made"] == b"by a test"
        assert (column.statistics.min, column.statistics.max) == (-(2**63), 2**63 - 1)
        assert column.statistics.null_count == frame["integer"].null_count()
        assert column.has_offset_index
        assert column.has_column_index
        assert column.compression == "ZSTD"


def test_repetitive_text_gets_a_dictionary_and_counters_get_deltas(tmp_path: Path) -> None:
    schema, _ = table_of(["integer", "text", "uuid"])
    frame = pl.DataFrame(
        {
            "integer": range(10_000),
            "text": [f"kind {n % 7}" for n in range(10_000)],
            "uuid": [f"{n:032x}" for n in range(10_000)],
        },
        schema=schema.polars,
    )

    write(parquet, tmp_path / "encoded", schema, [frame])

    with pq.ParquetFile(tmp_path / "encoded") as found:
        group = found.metadata.row_group(0)
        encodings = {group.column(i).path_in_schema: group.column(i).encodings for i in range(3)}
    assert "DELTA_BINARY_PACKED" in encodings["integer"]
    assert "RLE_DICTIONARY" in encodings["text"]
    assert "RLE_DICTIONARY" not in encodings["uuid"]
    assert read(parquet, tmp_path / "encoded", schema).equals(frame)


@pytest.mark.parametrize("codec", ["zstd", "snappy", "gzip", "brotli", "lz4", "none"])
def test_every_codec_is_used(codec: str, tmp_path: Path) -> None:
    schema, frame = table_of(["text"])

    write(parquet, tmp_path / "t", schema, [frame], options=FormatOptions(compression=codec))

    with pq.ParquetFile(tmp_path / "t") as found:
        used = found.metadata.row_group(0).column(0).compression.lower()
    assert used == {"none": "uncompressed"}.get(codec, codec)


def test_a_higher_level_makes_a_smaller_file(tmp_path: Path) -> None:
    schema, _ = table_of(["text"])
    texts = [f"{n * 7919 % 100_003} and some words {n}" for n in range(50_000)]
    frame = pl.DataFrame({"text": texts}, schema=schema.polars)

    for level in (1, 19):
        options = FormatOptions(compression_level=level)
        write(parquet, tmp_path / str(level), schema, [frame], options=options)

    assert (tmp_path / "19").stat().st_size < (tmp_path / "1").stat().st_size


def test_128_bit_integers_never_reach_the_file(tmp_path: Path) -> None:
    schema, frame = table_of(["big integer"])

    write(parquet, tmp_path / "big", schema, [frame])

    assert pq.read_schema(tmp_path / "big").field(0).type == pa.decimal128(38, 0)


def test_damage_inside_a_row_group_is_an_integrity_error(tmp_path: Path) -> None:
    schema, frame = table_of(["text"])
    path = tmp_path / "damaged.parquet"
    write(parquet, path, schema, [frame])
    data = bytearray(path.read_bytes())
    data[4:200] = bytes(196)
    path.write_bytes(data)

    with pytest.raises(IntegrityError, match=r"^damaged\.parquet: a row group is damaged"):
        read(parquet, path, schema)


def test_a_row_group_of_no_rows_is_refused() -> None:
    with pytest.raises(UsageError, match="row_group_rows: 0 is not"):
        parquet.check_options(FormatOptions(row_group_rows=0))


def _comparable(row: tuple[Any, ...]) -> list[Any]:
    # -0.0 equals 0.0 in Python; repr tells them apart.
    return [repr(value) if isinstance(value, float) else value for value in row]


def test_many_small_batches_give_the_pages_of_one_large_one(tmp_path: Path) -> None:
    schema, _ = table_of(["integer", "text", "uuid"])
    n = range(60_000)
    data = {"integer": n, "text": [f"{i % 9}" for i in n], "uuid": [f"{i:064x}" for i in n]}
    frame = pl.DataFrame(data, schema=schema.polars)
    options = FormatOptions(row_group_rows=50_000)

    write(parquet, tmp_path / "one", schema, [frame], options=options)
    write(parquet, tmp_path / "many", schema, frame.iter_slices(777), options=options)

    assert (tmp_path / "many").read_bytes() == (tmp_path / "one").read_bytes()
