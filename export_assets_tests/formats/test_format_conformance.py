"""What every format does alike, over every type."""

import random
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from export_assets.errors import IntegrityError
from export_assets.formats.base import FormatOptions
from export_assets.formats.registry import FORMATS
from export_assets.tables.batch import Batch
from export_assets.tables.schema import Column, LogicalType, TableSchema
from export_assets_tests.formats.tables_of_every_type import (
    LAYOUTS,
    VALUES,
    layout,
    read,
    table_of,
    write,
)

every_layout = pytest.mark.parametrize("name", LAYOUTS)
every_type = pytest.mark.parametrize("column", VALUES)


every_reproducible_layout = pytest.mark.parametrize(
    "name", [name for name in LAYOUTS if layout(name)[0].reproducible]
)
every_strictness = pytest.mark.parametrize("strict", [True, False], ids=["strict", "values only"])


@every_strictness
@every_layout
def test_every_type_reads_back_exactly(name: str, strict: bool, tmp_path: Path) -> None:  # noqa: FBT001 - a parameter of the test
    fmt, options = layout(name)
    schema, frame = table_of()
    path = tmp_path / ("table" + fmt.suffix(options))

    write(fmt, path, schema, [frame], options=options)

    back = read(fmt, path, schema, options=options, strict=strict)
    assert_frame_equal(back, frame, check_exact=True)


@every_strictness
@every_type
@pytest.mark.parametrize("fmt", FORMATS)
def test_a_column_alone_reads_back_exactly(
    fmt: str,
    column: str,
    strict: bool,  # noqa: FBT001 - a parameter of the test
    tmp_path: Path,
) -> None:
    schema, frame = table_of([column])
    path = tmp_path / "table"

    write(FORMATS[fmt], path, schema, [frame])

    back = read(FORMATS[fmt], path, schema, strict=strict)
    assert_frame_equal(back, frame, check_exact=True)


@every_type
@pytest.mark.parametrize("fmt", FORMATS)
def test_a_column_of_nulls_reads_back(fmt: str, column: str, tmp_path: Path) -> None:
    schema, _ = table_of([column])
    frame = pl.DataFrame({column: [None, None, None]}, schema=schema.polars)
    path = tmp_path / "table"

    write(FORMATS[fmt], path, schema, [frame])

    assert_frame_equal(read(FORMATS[fmt], path, schema), frame)


@every_layout
def test_a_table_without_rows_is_a_whole_file(name: str, tmp_path: Path) -> None:
    fmt, options = layout(name)
    schema, frame = table_of()
    never, empty = tmp_path / "never", tmp_path / "empty"

    write(fmt, never, schema, [], options=options)
    write(fmt, empty, schema, [frame.clear(), frame.clear()], options=options)

    assert never.read_bytes() == empty.read_bytes() or not fmt.reproducible
    for path in (never, empty):
        assert_frame_equal(read(fmt, path, schema, options=options), frame.clear())


@every_layout
def test_one_row_reads_back(name: str, tmp_path: Path) -> None:
    fmt, options = layout(name)
    schema, frame = table_of()

    write(fmt, tmp_path / "one", schema, [frame[:1]], options=options)

    assert_frame_equal(read(fmt, tmp_path / "one", schema, options=options), frame[:1])


@every_reproducible_layout
def test_the_bytes_do_not_depend_on_how_rows_are_cut_into_batches(
    name: str, tmp_path: Path
) -> None:
    fmt, options = layout(name)
    schema, frame = table_of()
    frame = pl.concat([frame] * 3)
    chance = random.Random(name)

    write(fmt, tmp_path / "whole", schema, [frame], options=options)
    for attempt in range(3):
        cuts = sorted(chance.choices(range(frame.height + 1), k=6))
        bounds = zip([0, *cuts], [*cuts, frame.height], strict=True)
        pieces = [frame[start:end] for start, end in bounds]
        write(fmt, tmp_path / f"cut {attempt}", schema, pieces, options=options)

    files = {path.read_bytes() for path in tmp_path.iterdir()}
    assert len(files) == 1


@pytest.mark.parametrize("fmt", [name for name in FORMATS if FORMATS[name].reproducible])
def test_batches_of_arrow_and_of_polars_give_the_same_file(fmt: str, tmp_path: Path) -> None:
    schema, frame = table_of()

    write(FORMATS[fmt], tmp_path / "polars", schema, [frame])
    writer = FORMATS[fmt].open(tmp_path / "arrow", schema, FormatOptions(), {"made": "by a test"})
    writer.write(Batch(table=Batch(frame).arrow))
    writer.close()

    assert (tmp_path / "arrow").read_bytes() == (tmp_path / "polars").read_bytes()


@pytest.mark.parametrize("fmt", FORMATS)
def test_reading_gives_many_batches_of_the_conformed_schema(fmt: str, tmp_path: Path) -> None:
    schema, _ = table_of(["integer", "text"])
    texts = [f"{n:0200d}" for n in range(100_000)]
    frame = pl.DataFrame({"integer": range(100_000), "text": texts}, schema=schema.polars)
    write(FORMATS[fmt], tmp_path / "big", schema, [frame])

    batches = list(FORMATS[fmt].read(tmp_path / "big", schema, FormatOptions()))

    assert len(batches) > 1
    assert all(batch.frame.schema == schema.polars for batch in batches)
    assert_frame_equal(pl.concat([batch.frame for batch in batches]), frame)


@pytest.mark.parametrize("name", [*FORMATS, "csv zst", "csv section sign"])
def test_a_value_larger_than_a_block_reads_back(name: str, tmp_path: Path) -> None:
    fmt, options = layout(name)
    schema, _ = table_of(["text"])
    frame = pl.DataFrame({"text": ["a", '"\n,' * 1_500_000, "b"]}, schema=schema.polars)

    write(fmt, tmp_path / "large", schema, [frame], options=options)

    assert read(fmt, tmp_path / "large", schema, options=options).equals(frame)


@every_layout
def test_a_file_cut_short_is_refused(name: str, tmp_path: Path) -> None:
    fmt, options = layout(name)
    schema, frame = table_of()
    path = tmp_path / ("cut" + fmt.suffix(options))
    write(fmt, path, schema, [frame], options=options)
    data = path.read_bytes()

    for length in (0, 1, len(data) // 3, len(data) // 2, len(data) - 5, len(data) - 1):
        path.write_bytes(data[:length])
        if length == 0 and name == "ndjson":
            # Nothing at all is what a table without rows looks like; the manifest knows better.
            continue
        with pytest.raises(IntegrityError, match=f"^{path.name}: "):
            read(fmt, path, schema, options=options)


@every_layout
def test_garbage_after_the_end_is_refused(name: str, tmp_path: Path) -> None:
    fmt, options = layout(name)
    schema, frame = table_of()
    path = tmp_path / ("more" + fmt.suffix(options))
    write(fmt, path, schema, [frame], options=options)

    with path.open("ab") as file:
        file.write(b"garbage\n")

    with pytest.raises(IntegrityError, match=f"^{path.name}: "):
        read(fmt, path, schema, options=options)


@pytest.mark.parametrize("name", [*FORMATS, "json pretty"])
def test_other_columns_are_refused(name: str, tmp_path: Path) -> None:
    fmt, options = layout(name)
    schema, frame = table_of(["integer", "text", "float"])
    path = tmp_path / "table"
    write(fmt, path, schema, [frame], options=options)

    for columns in (("integer", "text"), ("text", "integer", "float")):
        with pytest.raises(IntegrityError, match=r"^table: .*columns"):
            read(fmt, path, schema.select(columns), options=options)
    more, _ = table_of(["integer", "text", "float", "date"])
    with pytest.raises(IntegrityError, match=r"^table: .*columns"):
        read(fmt, path, more, options=options)


@pytest.mark.parametrize("name", [*FORMATS, "json pretty"])
@pytest.mark.parametrize(
    "logical",
    [
        LogicalType.INTEGER,
        LogicalType.FLOAT,
        LogicalType.BOOLEAN,
        LogicalType.DATE,
        LogicalType.TIME,
        LogicalType.TIMESTAMP,
        LogicalType.NAIVE_TIMESTAMP,
        LogicalType.DECIMAL,
        LogicalType.BINARY,
    ],
)
def test_other_types_are_refused(name: str, logical: LogicalType, tmp_path: Path) -> None:
    fmt, options = layout(name)
    written = TableSchema(name="t", columns=(Column(name="c", logical=LogicalType.TEXT),))
    wanted = TableSchema(name="t", columns=(Column(name="c", logical=logical),))
    write(fmt, tmp_path / "t", written, [pl.DataFrame({"c": ["not that!"]})], options=options)

    with pytest.raises(IntegrityError, match=r"^t: .*column c"):
        read(fmt, tmp_path / "t", wanted, options=options)


@every_layout
def test_an_existing_file_is_never_written_over(name: str, tmp_path: Path) -> None:
    fmt, options = layout(name)
    schema, _ = table_of(["integer"])
    path = tmp_path / "there"
    path.write_text("precious", encoding="utf-8")

    with pytest.raises(FileExistsError):
        fmt.open(path, schema, options, {})

    assert path.read_text(encoding="utf-8") == "precious"


@every_layout
def test_closing_twice_is_closing_once(name: str, tmp_path: Path) -> None:
    fmt, options = layout(name)
    schema, frame = table_of()
    writer = write(fmt, tmp_path / "twice", schema, [frame], options=options)
    before = (tmp_path / "twice").read_bytes()

    writer.close()
    writer.abort()

    assert (tmp_path / "twice").read_bytes() == before


@every_layout
def test_an_aborted_writer_leaves_no_open_handle(name: str, tmp_path: Path) -> None:
    fmt, options = layout(name)
    schema, frame = table_of()
    handles = Path("/proc/self/fd")
    before = len(list(handles.iterdir()))

    writer = fmt.open(tmp_path / "gone", schema, options, {})
    writer.write(Batch(pl.concat([frame] * 5)))
    during = len(list(handles.iterdir()))
    writer.abort()
    writer.abort()

    assert during > before
    assert len(list(handles.iterdir())) == before


@every_layout
def test_a_reader_left_early_leaves_no_open_handle(name: str, tmp_path: Path) -> None:
    fmt, options = layout(name)
    schema, frame = table_of()
    write(fmt, tmp_path / "table", schema, [frame], options=options)
    handles = Path("/proc/self/fd")
    before = len(list(handles.iterdir()))

    batches = iter(fmt.read(tmp_path / "table", schema, options))
    next(batches)
    batches.close()  # type: ignore[attr-defined]  # every reader here is a generator

    assert len(list(handles.iterdir())) == before
