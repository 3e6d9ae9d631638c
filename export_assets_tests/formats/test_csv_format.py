"""What only CSV has: quoting, delimiters, profiles, other readers."""

import base64
import csv
import gzip
import io
from pathlib import Path

import duckdb
import polars as pl
import pytest

from export_assets.errors import IntegrityError, UsageError
from export_assets.formats.base import FormatOptions
from export_assets.formats.csv import CsvFormat
from export_assets.tables.schema import Column, LogicalType, TableSchema
from export_assets_tests.formats.tables_of_every_type import (
    AWKWARD_TEXTS,
    read,
    table_of,
    write,
)
from export_assets_tests.proof.plugin import Proven

csv_format = CsvFormat()

EXCEL = FormatOptions(profile="excel")
FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r", "\n", "\x00")


def text_table(name: str = "text") -> TableSchema:
    return TableSchema(name="t", columns=(Column(name=name, logical=LogicalType.TEXT),))


def written(tmp_path: Path, names: list[str], *, options: FormatOptions | None = None) -> str:
    schema, frame = table_of(names)
    write(csv_format, tmp_path / "t.csv", schema, [frame], options=options)
    return (tmp_path / "t.csv").read_bytes().decode()


def test_timestamps_always_have_six_digits_and_an_offset(tmp_path: Path) -> None:
    assert written(tmp_path, ["timestamp"]).splitlines() == [
        "timestamp",
        "0001-01-01T00:00:00.000000+00:00",
        "1969-12-31T23:59:59.999999+00:00",
        "2026-02-08T10:30:00.000000+00:00",
        "9999-12-31T23:59:59.999999+00:00",
        "",
    ]


def test_naive_timestamps_have_no_offset(tmp_path: Path) -> None:
    assert "1950-06-01T00:00:00.000001\n" in written(tmp_path, ["naive"])


def test_null_is_nothing_and_empty_text_is_two_quotes(tmp_path: Path) -> None:
    schema, _ = table_of(["integer", "text"])
    frame = pl.DataFrame({"integer": [1, 2], "text": [None, ""]}, schema=schema.polars)

    write(csv_format, tmp_path / "t.csv", schema, [frame])

    assert (tmp_path / "t.csv").read_bytes() == b'integer,text\n1,\n2,""\n'


def test_booleans_and_floats_are_plain(tmp_path: Path) -> None:
    schema, _ = table_of(["boolean", "float"])
    values = [0.1, float("nan"), float("inf"), float("-inf"), -0.0]
    frame = pl.DataFrame(
        {"boolean": [True, False, None, True, False], "float": values}, schema=schema.polars
    )

    write(csv_format, tmp_path / "t.csv", schema, [frame])
    back = read(csv_format, tmp_path / "t.csv", schema)

    body = (tmp_path / "t.csv").read_text(encoding="utf-8").splitlines()[1:]
    assert body == ["true,0.1", "false,NaN", ",inf", "true,-inf", "false,-0.0"]
    assert [repr(value) for value in back["float"]] == [repr(value) for value in values]


def test_binary_is_base64_and_decimals_have_all_digits(tmp_path: Path) -> None:
    _, frame = table_of(["binary"])

    body = written(tmp_path, ["binary", "decimal"]).splitlines()[1:]

    assert body[3] == base64.b64encode(frame["binary"][3]).decode() + ","
    assert body[1] == "AP8=,-1234567890123456.7891"


def test_json_text_is_unchanged(tmp_path: Path) -> None:
    schema, frame = table_of(["json"])
    write(csv_format, tmp_path / "t.csv", schema, [frame])

    with (tmp_path / "t.csv").open(encoding="utf-8", newline="") as file:
        csv.field_size_limit(1 << 20)
        rows = [row[0] if row else None for row in csv.reader(file)][1:]

    assert rows == frame["json"].to_list()


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", " ", "1", "-", "§", "😀"])
def test_pythons_own_reader_sees_the_same_texts(delimiter: str, tmp_path: Path) -> None:
    schema, _ = table_of(["integer", "text", "float"])
    numbers = list(range(len(AWKWARD_TEXTS)))
    frame = pl.DataFrame(
        {"integer": numbers, "text": AWKWARD_TEXTS, "float": [n * -1.1 for n in numbers]},
        schema=schema.polars,
    )
    options = FormatOptions(delimiter=delimiter)

    write(csv_format, tmp_path / "t.csv", schema, [frame], options=options)

    with (tmp_path / "t.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file, delimiter=delimiter))
    assert rows[0] == ["integer", "text", "float"]
    assert [(int(a), b, float(c)) for a, b, c in rows[1:]] == frame.rows()


def test_duckdb_sees_the_same_texts_and_nulls(tmp_path: Path) -> None:
    schema, _ = table_of(["integer", "text"])
    texts = [*AWKWARD_TEXTS, None]
    frame = pl.DataFrame({"integer": range(len(texts)), "text": texts}, schema=schema.polars)
    write(csv_format, tmp_path / "t.csv", schema, [frame])

    options = (
        "delim=',', quote='\"', escape='\"', header=true, new_line='\\n', auto_detect=false, "
        "allow_quoted_nulls=false, columns={'integer': 'BIGINT', 'text': 'VARCHAR'}"
    )
    with duckdb.connect() as connection:
        rows = connection.sql(f"from read_csv('{tmp_path}/t.csv', {options})").fetchall()

    assert rows == frame.rows()


@pytest.mark.parametrize(("codec", "suffix"), [("gz", ".csv.gz"), ("zst", ".csv.zst")])
def test_duckdb_reads_compressed_files_of_several_blocks(
    codec: str, suffix: str, tmp_path: Path
) -> None:
    schema, _ = table_of(["integer", "text"])
    texts = [f"{n:080d}" for n in range(120_000)]
    frame = pl.DataFrame({"integer": range(120_000), "text": texts}, schema=schema.polars)
    options = FormatOptions(compression=codec)
    path = tmp_path / f"t{csv_format.suffix(options)}"
    write(csv_format, path, schema, [frame], options=options)

    with duckdb.connect() as connection:
        found = f"read_csv('{path}', types={{'text': 'VARCHAR'}})"
        query = f"select count(*), sum(integer), max(text) from {found}"
        rows = connection.sql(query).fetchall()

    assert path.name == f"t{suffix}"
    assert rows == [(120_000, 120_000 * 119_999 // 2, f"{119_999:080d}")]


def test_gzip_carries_no_time_and_no_name(tmp_path: Path) -> None:
    schema, frame = table_of(["text"])
    options = FormatOptions(compression="gzip")
    write(csv_format, tmp_path / "t.csv.gz", schema, [frame], options=options)

    data = (tmp_path / "t.csv.gz").read_bytes()

    assert data[:8] == b"\x1f\x8b\x08\x00\x00\x00\x00\x00"
    assert gzip.decompress(data).startswith(b"text\n")


@pytest.mark.suite("security")
@pytest.mark.promise("nothing-changed-silently")
@pytest.mark.parametrize("sign", FORMULA_SIGNS)
def test_excel_guards_cells_and_header_against_formulas(
    sign: str, tmp_path: Path, proven: Proven
) -> None:
    schema = text_table(f"{sign}name")
    values = [f"{sign}1+1", f"'{sign}1", f"''{sign}", "'tis", "'", "a=b", f" {sign}", None, ""]
    frame = pl.DataFrame({schema.names[0]: values})

    write(csv_format, tmp_path / "t.csv", schema, [frame], options=EXCEL)
    back = read(csv_format, tmp_path / "t.csv", schema, options=EXCEL)

    text = (tmp_path / "t.csv").read_bytes().decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(text, newline="")))
    assert rows[0] == [f"'{sign}name"]
    cells = [row[0] for row in rows[1:] if row]
    assert cells == [f"'{sign}1+1", f"''{sign}1", f"'''{sign}", "'tis", "'", "a=b", f" {sign}", ""]
    assert back.equals(frame)
    formulas = [cell for cell in (*rows[0], *cells) if cell.startswith(FORMULA_SIGNS)]
    assert formulas == []
    proven(len(rows[0]) + len(cells), "cells and headers", f"{len(formulas)} formulas")


def test_excel_leaves_numbers_alone(tmp_path: Path) -> None:
    assert "\r\n-1\r\n" in written(tmp_path, ["integer"], options=EXCEL)


def test_excel_guards_base64_and_nested_text_too(tmp_path: Path) -> None:
    schema, _ = table_of(["binary"])
    frame = pl.DataFrame({"binary": [b"\xfb\xef\xbe"]}, schema=schema.polars)

    write(csv_format, tmp_path / "t.csv", schema, [frame], options=EXCEL)

    assert (tmp_path / "t.csv").read_bytes().endswith(b"\r\n'++++\r\n")
    assert read(csv_format, tmp_path / "t.csv", schema, options=EXCEL).equals(frame)


def test_excel_starts_with_a_mark_and_says_so(tmp_path: Path) -> None:
    data = written(tmp_path, ["text"], options=EXCEL)

    values = csv_format.dialect(EXCEL).values
    assert data.startswith("\ufefftext\r\n")
    assert (values["byte_order_mark"], values["line_end"]) == ("yes", "CRLF")
    assert values["formula_guard"] == "'"
    assert csv_format.dialect(FormatOptions()).values["formula_guard"] == "none"


def test_legacy_has_crlf_and_no_mark(tmp_path: Path) -> None:
    text = written(tmp_path, ["boolean"], options=FormatOptions(profile="legacy"))

    assert text == "boolean\r\ntrue\r\nfalse\r\n\r\n"


def test_a_first_value_that_is_a_byte_order_mark_survives(tmp_path: Path) -> None:
    schema = text_table("\ufeffname")
    frame = pl.DataFrame({"\ufeffname": ["\ufeff"]})

    for options in (FormatOptions(), EXCEL):
        path = tmp_path / options.profile
        write(csv_format, path, schema, [frame], options=options)
        assert read(csv_format, path, schema, options=options).equals(frame)


@pytest.mark.parametrize("delimiter", ["", ",,", "ab", "\\t"])
def test_a_delimiter_is_one_character(delimiter: str) -> None:
    with pytest.raises(UsageError, match=r"^CSV delimiter must be a single character"):
        csv_format.check_options(FormatOptions(delimiter=delimiter))


@pytest.mark.parametrize("delimiter", ['"', "\n", "\r", "\0", "\ud800"])
def test_a_delimiter_that_breaks_the_file_is_refused(delimiter: str) -> None:
    with pytest.raises(UsageError, match=r"^CSV delimiter must be a single character other than"):
        csv_format.check_options(FormatOptions(delimiter=delimiter))


def test_both_ways_of_writing_rows_give_the_same_bytes(tmp_path: Path) -> None:
    """Polars writes rows for usual delimiters, expressions for unusual ones."""
    schema, frame = table_of()

    for name, delimiter in (("usual", "~"), ("unusual", "`")):
        options = FormatOptions(delimiter=delimiter)
        write(csv_format, tmp_path / name, schema, [frame], options=options)

    # Neither sign occurs in a value.
    unusual = (tmp_path / "unusual").read_bytes()
    assert unusual.replace(b"`", b"~") == (tmp_path / "usual").read_bytes()


def test_lossy_numbers_inside_nested_values_are_counted(tmp_path: Path) -> None:
    nested = pl.List(pl.Float64())
    column = Column(name="n", logical=LogicalType.NESTED, nested=nested)
    schema = TableSchema(name="t", columns=(column,))
    frame = pl.DataFrame({"n": [[1.0, float("nan")], [float("inf")], None]}, schema=schema.polars)

    writer = write(csv_format, tmp_path / "t.csv", schema, [frame])

    assert writer.fidelity()["n"].verdict == "lossy"
    assert writer.fidelity()["n"].count == 2
    assert (tmp_path / "t.csv").read_text(encoding="utf-8") == 'n\n"[1.0,null]"\n[null]\n\n'


@pytest.mark.parametrize(
    ("body", "fact"),
    [
        (b"1,a,b\n", "row 2 has 3 fields, not 2"),
        (b"1\n", "row 2 has 1 fields, not 2"),
        (b"x,a\n", "row 2, column integer does not hold integer"),
        (b"9223372036854775808,a\n", "row 2, column integer does not hold integer"),
        (b"1,\xff\n", "row 2, column text does not hold text"),
        (b'1,"a\n', "the last row is cut"),
        (b"1,a", "the last row is cut"),
    ],
)
def test_a_wrong_row_is_named_without_its_values(body: bytes, fact: str, tmp_path: Path) -> None:
    schema, _ = table_of(["integer", "text"])
    (tmp_path / "t.csv").write_bytes(b"integer,text\n7,secret\n" + body)

    with pytest.raises(IntegrityError) as caught:
        read(csv_format, tmp_path / "t.csv", schema)

    assert str(caught.value) == f"t.csv: {fact}"


@pytest.mark.parametrize("text", ['[{"a":1}]', '[{"a":1,"b":[],"f":0.5,"z":1}]', "{}", "[1", "[1]"])
def test_nested_text_of_another_shape_is_refused(text: str, tmp_path: Path) -> None:
    schema, _ = table_of(["nested"])
    quoted = text.replace('"', '""')
    (tmp_path / "t.csv").write_text(f'nested\n"{quoted}"\n', encoding="utf-8")

    with pytest.raises(IntegrityError, match=r"^t\.csv: column nested does not hold nested$"):
        read(csv_format, tmp_path / "t.csv", schema)
