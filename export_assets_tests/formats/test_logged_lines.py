"""NDJSON whose lines are logged objects, and the line before them that describes them."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from export_assets.errors import ContractViolation, IntegrityError, UsageError
from export_assets.formats.base import FormatOptions
from export_assets.formats.registry import FORMATS
from export_assets.tables.schema import Column, LogicalType, TableSchema
from export_assets_tests.formats.tables_of_every_type import read, write

NDJSON = FORMATS["ndjson"]
GOLDEN = Path(__file__).parent / "golden" / "logged_1.0.0.ndjson"
SCHEMA = TableSchema(
    name="events",
    description="What was logged.",
    columns=(
        Column(name="at", logical=LogicalType.TIMESTAMP, description="When."),
        Column(name="source_file", logical=LogicalType.TEXT),
        Column(name="line", logical=LogicalType.INTEGER),
        Column(name="raw", logical=LogicalType.JSON),
    ),
)
LOGGED = FormatOptions(
    profile="logged", members_of="raw", stamps=("source_file", "line"), as_of="at"
)
START = '{"_schema_version":"1.0.0","_exported_at":"2025-09-14T10:00:02.000000Z"'


def rows(*objects: str, file: str = "a.ndjson") -> pl.DataFrame:
    moments = [datetime(2025, 9, 14, 10, 0, second, tzinfo=UTC) for second in range(len(objects))]
    return pl.DataFrame(
        {
            "at": moments,
            "source_file": [file] * len(objects),
            "line": list(range(1, len(objects) + 1)),
            "raw": objects,
        },
        schema=SCHEMA.polars,
    )


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def in_the_last(data: bytes, old: bytes, new: bytes) -> bytes:
    """Replace *old* in the last line alone."""
    before, feed, last = data.rstrip(b"\n").rpartition(b"\n")
    return before + feed + last.replace(old, new) + b"\n"


def test_lines_are_the_logged_texts_behind_members_of_ours(tmp_path: Path) -> None:
    path = tmp_path / "events.ndjson"

    write(
        NDJSON, path, SCHEMA, [rows('{"b":1.50,"a":[ 1 ]}', "{}", '{ "c" : null }')], options=LOGGED
    )

    beside = [f',"_source_file":"a.ndjson","_line":{number}' for number in (1, 2, 3)]
    assert path.read_text(encoding="utf-8").splitlines()[1:] == [
        START + beside[0] + ',"b":1.50,"a":[ 1 ]}',
        START + beside[1] + "}",
        START + beside[2] + ', "c" : null }',
    ]


def test_the_first_line_says_version_time_and_fields(tmp_path: Path) -> None:
    path = tmp_path / "events.ndjson"

    write(NDJSON, path, SCHEMA, [rows("{}", "{}", "{}")], options=LOGGED)

    assert list(lines_of(path)[0].items()) == [
        ("_type", "schema"),
        ("_version", "1.0.0"),
        ("_timestamp", "2025-09-14T10:00:02.000000Z"),
        ("_description", "What was logged."),
        ("fields", {"at": "When.", "source_file": "", "line": "", "raw": ""}),
    ]


def test_what_lines_hold_reads_back_exactly(tmp_path: Path) -> None:
    path = tmp_path / "events.ndjson"
    texts = [
        '{"a":"\\u00e9\\"}{"}',
        '{"_x":{"_source_file":1}}',
        "{ }",
        '{"n":1e3,"big":18446744073709551616}',
    ]
    frame = rows(*texts, file='sub/ü",{}\\.log')

    write(NDJSON, path, SCHEMA, [frame], options=LOGGED)

    assert NDJSON.carried(SCHEMA, LOGGED).names == ("source_file", "line", "raw")
    for strict in (True, False):
        batches = list(NDJSON.read(path, SCHEMA, LOGGED, strict=strict))
        back = pl.concat([batch.frame for batch in batches])
        assert_frame_equal(back, frame.select("source_file", "line", "raw"), check_exact=True)


def test_bytes_do_not_depend_on_batches_and_the_latest_row_may_come_first(tmp_path: Path) -> None:
    frame = rows(*(f'{{"n":{n}}}' for n in range(50))).reverse()

    write(NDJSON, tmp_path / "one", SCHEMA, [frame], options=LOGGED)
    write(NDJSON, tmp_path / "many", SCHEMA, list(frame.iter_slices(7)), options=LOGGED)

    assert (tmp_path / "one").read_bytes() == (tmp_path / "many").read_bytes()
    stamps = {
        line.get("_exported_at", line.get("_timestamp")) for line in lines_of(tmp_path / "one")
    }
    assert stamps == {"2025-09-14T10:00:49.000000Z"}


def test_members_called_like_ours_lose_and_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "events.ndjson"
    spelt = '{"\\u005fline":7,"k":{"_line":8}}'

    writer = write(
        NDJSON, path, SCHEMA, [rows('{"_source_file":"forged","a":1}', spelt, '{"b":"_line"}')],
        options=LOGGED,
    )  # fmt: skip

    first, second, third = lines_of(path)[1:]
    assert first["_source_file"] == "a.ndjson"
    assert (first["a"], second["_line"], second["k"]) == (1, 2, {"_line": 8})
    assert third["b"] == "_line"
    raw = writer.fidelity()["raw"]
    assert (raw.verdict, raw.count) == ("lossy", 2)


def test_columns_that_are_not_in_the_lines_are_told(tmp_path: Path) -> None:
    writer = write(NDJSON, tmp_path / "x", SCHEMA, [rows("{}", "{}")], options=LOGGED)

    assert set(writer.fidelity()) == {"at"}
    assert writer.fidelity()["at"].count == 2


@pytest.mark.parametrize("text", ["[1]", '"text"', "7", "{", "{} {}", "null"])
def test_what_is_no_object_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(ContractViolation, match=r"events.raw: 1 value no JSON object"):
        write(NDJSON, tmp_path / "x", SCHEMA, [rows("{}", text)], options=LOGGED)


def test_a_file_without_rows_is_described_all_the_same(tmp_path: Path) -> None:
    writer = write(NDJSON, tmp_path / "x", SCHEMA, [], options=LOGGED)

    assert writer.fidelity()["at"].verdict == "lossy"
    assert lines_of(tmp_path / "x")[0]["_timestamp"] is None
    assert list(NDJSON.read(tmp_path / "x", SCHEMA, LOGGED)) == []


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda data: data.replace(b'"_type":"schema"', b'"_type":"x"'), "no description"),
        (lambda data: data.replace(b'"_version":"1', b'"_version":"2'), r"reads 1\.x"),
        (lambda data: data.replace(b'_schema_version":"1', b'_schema_version":"2'), r"reads 1\.x"),
        (lambda data: in_the_last(data, b":02.0", b":03.0"), "does not begin"),
        (lambda data: data[:-5], "cut"),
        (lambda data: data.replace(b',"_line":2', b""), "does not begin|lacks a member"),
        (lambda data: data.replace(b'"n":2}', b'"n":2'), "no JSON object"),
        (lambda _: b"", "missing"),
        (lambda data: data.partition(b"\n")[2], "no description"),
    ],
)
def test_other_lines_are_no_export(damage: Any, says: str, tmp_path: Path) -> None:
    path = tmp_path / "events.ndjson"
    write(NDJSON, path, SCHEMA, [rows('{"n":1}', '{"n":2}', '{"n":3}')], options=LOGGED)
    path.write_bytes(damage(path.read_bytes()))

    with pytest.raises(IntegrityError, match=says):
        list(NDJSON.read(path, SCHEMA, LOGGED))


def test_what_version_1_0_0_wrote_is_read() -> None:
    batches = list(NDJSON.read(GOLDEN, SCHEMA, LOGGED))

    back = pl.concat([batch.frame for batch in batches])
    assert back.to_dict(as_series=False) == {
        "source_file": ["range_main_20250914.ndjson", "timer_events_backup.jsonl"],
        "line": [1, 7],
        "raw": [
            '{"type":"String","device":"Timer","details":"Shot detected","seq":3}',
            '{"event_type":"shot_detected","current_time":2.340,"raw_hex":"0103"}',
        ],
    }


def test_a_later_version_1_is_read(tmp_path: Path) -> None:
    path = tmp_path / "later.ndjson"
    path.write_bytes(GOLDEN.read_bytes().replace(b'"1.0.0"', b'"1.7.2"'))

    assert sum(batch.rows for batch in NDJSON.read(path, SCHEMA, LOGGED)) == 2


def test_any_table_may_have_a_description_before_its_rows(tmp_path: Path) -> None:
    options = FormatOptions(schema_header=True, as_of="at", fields={"raw": "Everything."})

    write(NDJSON, tmp_path / "x", SCHEMA, [rows("{}", '{"a":1}')], options=options)

    first, *others = lines_of(tmp_path / "x")
    assert first["_timestamp"] == "2025-09-14T10:00:01.000000Z"
    assert first["fields"] == {"raw": "Everything."}
    assert [line["raw"] for line in others] == [{}, {"a": 1}]
    assert_frame_equal(read(NDJSON, tmp_path / "x", SCHEMA, options=options), rows("{}", '{"a":1}'))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (FormatOptions(profile="logged"), "members_of: is missing"),
        (FormatOptions(profile="logged", members_of="rwa"), "members_of: events has no column rwa"),
        (FormatOptions(profile="logged", members_of="line"), "events.line is integer"),
        (FormatOptions(profile="logged", members_of="raw", stamps=("raw",)), "stamps: events.raw"),
        (FormatOptions(profile="logged", members_of="raw", as_of="line"), "as_of: events has no"),
        (FormatOptions(schema_header=True, schema_version="2.0.0"), "schema_version: '2.0.0'"),
        (FormatOptions(profile="excel"), "profile: ndjson does not know 'excel'"),
    ],
)
def test_options_that_cannot_be_are_refused(
    options: FormatOptions, says: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=says):
        write(NDJSON, tmp_path / "x", SCHEMA, [], options=options)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("fmt", ["parquet", "csv", "json"])
def test_other_formats_have_no_such_lines(fmt: str) -> None:
    for options in (FormatOptions(profile="logged"), FormatOptions(schema_header=True)):
        with pytest.raises(UsageError, match="only ndjson knows it"):
            FORMATS[fmt].check_options(options)


def test_nothing_is_left_behind_when_the_file_is_given_up(tmp_path: Path) -> None:
    writer = NDJSON.open(tmp_path / "x", SCHEMA, LOGGED, {})

    writer.abort()

    assert (tmp_path / "x").read_bytes() == b""
    assert [path.name for path in tmp_path.iterdir()] == ["x"]
