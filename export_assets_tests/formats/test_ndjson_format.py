"""What only NDJSON has: one object per line, JSON nested as the source wrote it."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from export_assets.errors import IntegrityError
from export_assets.formats.base import FormatOptions
from export_assets.formats.ndjson import NdjsonFormat
from export_assets.tables.schema import Column, LogicalType, TableSchema
from export_assets_tests.formats.tables_of_every_type import (
    AWKWARD_JSON,
    AWKWARD_TEXTS,
    VALUES,
    read,
    table_of,
    write,
)

ndjson = NdjsonFormat()


def one_column(name: str, values: list[Any]) -> tuple[TableSchema, pl.DataFrame]:
    schema, _ = table_of([name])
    return schema, pl.DataFrame({name: values}, schema=schema.polars)


def lines_of(tmp_path: Path, name: str, values: list[Any]) -> list[str]:
    schema, frame = one_column(name, values)
    write(ndjson, tmp_path / "t.ndjson", schema, [frame])
    return (tmp_path / "t.ndjson").read_bytes().decode().removesuffix("\n").split("\n")


def test_keys_stand_in_column_order_and_nulls_are_included(tmp_path: Path) -> None:
    schema, frame = table_of()

    write(ndjson, tmp_path / "t.ndjson", schema, [frame])

    rows = [json.loads(line) for line in (tmp_path / "t.ndjson").read_bytes().splitlines()]
    assert len(rows) == frame.height
    assert all(tuple(row) == schema.names for row in rows)


def test_there_is_no_mark_and_every_line_ends_in_a_line_feed(tmp_path: Path) -> None:
    schema, frame = table_of(["text"])

    write(ndjson, tmp_path / "t.ndjson", schema, [frame])

    data = (tmp_path / "t.ndjson").read_bytes()
    assert data.startswith(b'{"text":')
    assert data.endswith(b"}\n")
    assert b"\r" not in data
    assert data.count(b"\n") == frame.height


def test_numbers_are_numbers_with_all_their_digits(tmp_path: Path) -> None:
    assert lines_of(
        tmp_path, "decimal", [Decimal("1.1000"), Decimal("-1234567890123456.7891")]
    ) == [
        '{"decimal":1.1000}',
        '{"decimal":-1234567890123456.7891}',
    ]


def test_big_integers_stay_exact(tmp_path: Path) -> None:
    digits = "9" * 38

    assert lines_of(tmp_path, "big integer", [Decimal(digits)]) == [f'{{"big integer":{digits}}}']


def test_instants_have_six_digits_and_an_offset(tmp_path: Path) -> None:
    _, frame = table_of(["timestamp"])

    assert lines_of(tmp_path, "timestamp", frame["timestamp"].to_list())[2] == (
        '{"timestamp":"2026-02-08T10:30:00.000000+00:00"}'
    )


def test_nan_and_infinity_are_null_and_counted(tmp_path: Path) -> None:
    schema, frame = one_column("float", [1.5, float("nan"), float("inf"), float("-inf"), None])

    writer = write(ndjson, tmp_path / "t", schema, [frame, frame])

    lossy = writer.fidelity()["float"]
    assert (lossy.verdict, lossy.count) == ("lossy", 6)
    assert read(ndjson, tmp_path / "t", schema)["float"].to_list() == [1.5, *[None] * 4] * 2


def test_exact_columns_have_no_fidelity_remark(tmp_path: Path) -> None:
    schema, frame = table_of()

    assert write(ndjson, tmp_path / "t", schema, [frame]).fidelity() == {}


def test_objects_and_arrays_stand_there_as_the_source_wrote_them(tmp_path: Path) -> None:
    texts = ['{"a": 1.10,  "a":2}', "[1e2,\t0.10]"]

    assert lines_of(tmp_path, "json", texts) == [f'{{"json":{text}}}' for text in texts]


@pytest.mark.parametrize("mixed", [True, False])
def test_null_json_null_and_empty_text_stay_three_things(mixed: bool, tmp_path: Path) -> None:  # noqa: FBT001 - a parameter
    values = [None, "null", "", "5", '"x"', "broken {", *(["[1]"] if mixed else [])]

    lines = lines_of(tmp_path, "json", values)

    assert lines[:6] == [
        '{"json":null}',
        '{"json":"null"}',
        '{"json":""}',
        '{"json":"5"}',
        '{"json":"\\"x\\""}',
        '{"json":"broken {"}',
    ]
    schema, frame = one_column("json", values)
    assert read(ndjson, tmp_path / "t.ndjson", schema).equals(frame)


def test_line_breaks_between_tokens_become_blanks_and_are_counted(tmp_path: Path) -> None:
    schema, frame = one_column("json", ['{\n  "a": 1\r\n}', ' [1, "\\n"] ', '{"a":1}', None, " 5"])

    writer = write(ndjson, tmp_path / "t", schema, [frame])

    back = read(ndjson, tmp_path / "t", schema)["json"].to_list()
    assert back == ['{   "a": 1  }', '[1, "\\n"]', '{"a":1}', None, " 5"]
    assert (writer.fidelity()["json"].verdict, writer.fidelity()["json"].count) == ("lossy", 2)


@pytest.mark.parametrize("text", AWKWARD_JSON)
def test_no_text_breaks_its_line(text: str, tmp_path: Path) -> None:
    schema, _ = table_of(["integer", "json"])
    frame = pl.DataFrame({"integer": [1, 2], "json": [text, None]}, schema=schema.polars)

    write(ndjson, tmp_path / "t", schema, [frame])

    rows = [json.loads(line) for line in (tmp_path / "t").read_bytes().splitlines()]
    assert [row["integer"] for row in rows] == [1, 2]
    assert read(ndjson, tmp_path / "t", schema).equals(frame)


def test_polars_and_duckdb_read_the_same_texts(tmp_path: Path) -> None:
    schema, frame = one_column("text", [*AWKWARD_TEXTS, None])
    write(ndjson, tmp_path / "t.ndjson", schema, [frame])

    polars = pl.read_ndjson(tmp_path / "t.ndjson", schema=schema.polars)
    with duckdb.connect() as connection:
        source = f"read_ndjson('{tmp_path}/t.ndjson', columns={{'text': 'VARCHAR'}})"
        rows = connection.sql(f"from {source}").fetchall()

    assert polars.equals(frame)
    assert rows == frame.rows()


def test_keys_that_need_escaping_are_escaped(tmp_path: Path) -> None:
    column = VALUES['odd "name"\n,'][0]
    schema = TableSchema(name="t", columns=(column,))

    write(ndjson, tmp_path / "t", schema, [pl.DataFrame({column.name: ["x"]})])

    assert (tmp_path / "t").read_bytes() == b'{"odd \\"name\\"\\n,":"x"}\n'


def test_nested_columns_are_native_json(tmp_path: Path) -> None:
    _, frame = table_of(["nested hard"])

    first = lines_of(tmp_path, "nested hard", frame["nested hard"].to_list())[0]

    assert json.loads(first, parse_float=Decimal)["nested hard"] == {
        "at": "1969-12-31T23:00:00.000000+00:00",
        "day": "0001-01-01",
        "clock": "01:02:03.000004",
        "raw": "AA==",
        "sum": Decimal("12345678901234567.890"),
        "wall": ["2024-01-01T00:00:00.000000", None],
        'quo"te': True,
    }


@pytest.mark.parametrize(
    ("line", "fact"),
    [
        ("[1]", "record 2 is not a JSON object"),
        ("", "record 2 is not a JSON object"),
        ('{"integer":1,"text":"a"', "record 2 is not a JSON object"),
        ('{"integer":1,"text":"a"}}', "record 2 is not a JSON object"),
        ('{"integer":1}', "record 2 does not have the columns of the table"),
        ('{"text":"a","integer":1}', "record 2 does not have the columns of the table"),
        ('{"integer":1,"text":"a","more":1}', "record 2 does not have the columns of the table"),
        ('{"integer":1.5,"text":"a"}', "record 2, column integer does not hold integer"),
        ('{"integer":"1","text":"a"}', "record 2, column integer does not hold integer"),
        ('{"integer":1,"text":5}', "record 2, column text does not hold text"),
        ('{"integer":9223372036854775808,"text":""}', "column integer does not hold integer"),
    ],
)
def test_a_wrong_line_is_named_without_its_values(line: str, fact: str, tmp_path: Path) -> None:
    schema, _ = table_of(["integer", "text"])
    text = f'{{"integer":7,"text":"secret"}}\n{line}\n'
    (tmp_path / "t.ndjson").write_text(text, encoding="utf-8")

    with pytest.raises(IntegrityError) as caught:
        read(ndjson, tmp_path / "t.ndjson", schema)

    assert str(caught.value) == f"t.ndjson: {fact}"


def test_a_line_laid_out_by_somebody_else_still_reads(tmp_path: Path) -> None:
    schema, _ = table_of(["integer", "text"])
    (tmp_path / "t").write_text('{ "integer" : 7, "text": "\\u0061" }\n', encoding="utf-8")

    assert read(ndjson, tmp_path / "t", schema).rows() == [(7, "a")]


def test_a_number_in_a_json_column_is_not_ours(tmp_path: Path) -> None:
    schema = TableSchema(name="t", columns=(Column(name="json", logical=LogicalType.JSON),))
    (tmp_path / "t").write_text('{"json":5}\n', encoding="utf-8")

    with pytest.raises(IntegrityError, match="record 1, column json does not hold json"):
        read(ndjson, tmp_path / "t", schema)


@pytest.mark.parametrize("depth", [60, 400, 600, 700, 740, 780, 800, 900, 2000])
def test_deep_nesting_reads_back_from_a_deeper_stack(depth: int, tmp_path: Path) -> None:
    schema, frame = one_column("json", ["[" * depth + "]" * depth])
    write(ndjson, tmp_path / "t", schema, [frame])

    def deeper(levels: int) -> pl.DataFrame:
        return deeper(levels - 1) if levels else read(ndjson, tmp_path / "t", schema)

    assert deeper(100).equals(frame)


def test_suffixes_name_the_codec() -> None:
    codecs = (None, "none", "gz", "gzip", "zst", "zstd")

    suffixes = [ndjson.suffix(FormatOptions(compression=codec)) for codec in codecs]

    assert suffixes == [".ndjson"] * 2 + [".ndjson.gz"] * 2 + [".ndjson.zst"] * 2


FORGIVEN = {
    "a key that is missing where the value was null": (b'"text":null', b'"tixt":null'),
    "a number for text": (b'"text":"5"', b'"text":5'),
    "keys in another order": (b'{"integer":1,"text":"5"}', b'{"text":"5","integer":1}'),
}
"""Damage that leaves every value what it was."""


@pytest.mark.parametrize("damage", FORGIVEN)
def test_the_form_of_records_is_looked_at_when_reading_strictly(
    damage: str, tmp_path: Path
) -> None:
    schema, _ = table_of(["integer", "text"])
    frame = pl.DataFrame({"integer": [1, 2], "text": ["5", None]}, schema=schema.polars)
    path = tmp_path / "t.ndjson"
    write(ndjson, path, schema, [frame])
    path.write_bytes(path.read_bytes().replace(*FORGIVEN[damage]))

    values = read(ndjson, path, schema, strict=False)

    assert values.equals(frame)
    with pytest.raises(IntegrityError, match=r"^t\.ndjson: record \d"):
        read(ndjson, path, schema)


@pytest.mark.parametrize(
    "damage",
    [
        (b'"integer":1', b'"integer":3'),
        (b'"integer":1', b'"intager":1'),
        (b'"integer":1', b'"integer":1.0'),
        (b'"integer":1', b'"integer":"1"'),
        (b'"text":"5"', b'"text":"6"'),
        (b'"text":null', b'"text":"null"'),
        (b"}\n{", b"}{"),
        (b"null}\n", b"null}"),
        (b'{"integer":1,"text":"5"}\n', b"\n"),
    ],
    ids=lambda pair: b" to ".join(pair).decode(),
)
def test_other_values_are_never_taken_for_what_was_written(
    damage: tuple[bytes, bytes], tmp_path: Path
) -> None:
    schema, _ = table_of(["integer", "text"])
    frame = pl.DataFrame({"integer": [1, 2], "text": ["5", None]}, schema=schema.polars)
    path = tmp_path / "t.ndjson"
    write(ndjson, path, schema, [frame])
    path.write_bytes(path.read_bytes().replace(*damage))

    try:
        unchanged = read(ndjson, path, schema, strict=False).equals(frame)
    except IntegrityError:
        unchanged = False

    assert not unchanged
