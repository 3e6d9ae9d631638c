"""What only JSON has: one array, compact or indented."""

import json
from pathlib import Path

import polars as pl
import pytest

from export_assets.errors import IntegrityError
from export_assets.formats.base import FormatOptions
from export_assets.formats.json import JsonFormat
from export_assets_tests.formats.tables_of_every_type import read, table_of, write

json_format = JsonFormat()
PRETTY = FormatOptions(pretty=True)
BOTH = pytest.mark.parametrize("options", [FormatOptions(), PRETTY], ids=["compact", "pretty"])


@BOTH
def test_the_file_is_one_array_of_records(options: FormatOptions, tmp_path: Path) -> None:
    schema, frame = table_of()

    write(json_format, tmp_path / "t.json", schema, [frame, frame], options=options)

    records = json.loads((tmp_path / "t.json").read_bytes())
    assert len(records) == 2 * frame.height
    assert tuple(records[0]) == schema.names
    assert [record["text"] for record in records[: frame.height]] == frame["text"].to_list()


@BOTH
def test_a_table_without_rows_is_an_empty_array(options: FormatOptions, tmp_path: Path) -> None:
    schema, _ = table_of()

    write(json_format, tmp_path / "t.json", schema, [], options=options)

    assert (tmp_path / "t.json").read_bytes() == b"[]\n"


def test_compact_has_a_record_a_line(tmp_path: Path) -> None:
    schema, _ = table_of(["integer", "text"])
    frame = pl.DataFrame({"integer": [1, 2], "text": ["a},\n{", None]}, schema=schema.polars)

    write(json_format, tmp_path / "t", schema, [frame])

    assert (tmp_path / "t").read_text(encoding="utf-8") == (
        '[\n{"integer":1,"text":"a},\\n{"},\n{"integer":2,"text":null}\n]\n'
    )


def test_pretty_is_what_pythons_own_indenting_gives(tmp_path: Path) -> None:
    schema, _ = table_of(["integer", "text", "boolean"])
    frame = pl.DataFrame(
        {"integer": [1, None], "text": ['q"\n  },\n', "é\u2028"], "boolean": [True, None]},
        schema=schema.polars,
    )

    write(json_format, tmp_path / "t", schema, [frame], options=PRETTY)

    expected = json.dumps(frame.to_dicts(), indent=2, ensure_ascii=False)
    assert (tmp_path / "t").read_text(encoding="utf-8") == expected + "\n"
    assert read(json_format, tmp_path / "t", schema, options=PRETTY).equals(frame)


@BOTH
def test_not_finite_numbers_are_null_and_counted(options: FormatOptions, tmp_path: Path) -> None:
    schema, _ = table_of(["float"])
    frame = pl.DataFrame({"float": [float("nan"), 1.0]}, schema=schema.polars)

    writer = write(json_format, tmp_path / "t", schema, [frame], options=options)

    assert json.loads((tmp_path / "t").read_bytes()) == [{"float": None}, {"float": 1.0}]
    assert writer.fidelity()["float"].count == 1


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        ("", "the array is cut"),
        ("[", "the array is cut"),
        ("[]", "the array is cut"),
        ("[\n]\n", "the array is cut"),
        ("{}\n\n", "not an array of records"),
        ('[\n{"integer":1}\n', "the array is cut"),
        ('[\n{"integer":1},\n]\n', "the array ends in a comma"),
        ('[\n{"integer":1}\n]\n\n', "the array is cut"),
        ('[\n{"integer":1}\n{"integer":2}\n]\n', "the records are not parted by commas"),
        ("[]\n[]\n", "not an array of records"),
    ],
)
def test_anything_but_one_whole_array_is_refused(text: str, fact: str, tmp_path: Path) -> None:
    schema, _ = table_of(["integer"])
    (tmp_path / "t.json").write_text(text, encoding="utf-8")

    with pytest.raises(IntegrityError, match=rf"^t\.json: .*{fact}"):
        read(json_format, tmp_path / "t.json", schema)


@pytest.mark.parametrize("strict", [True, False], ids=["strict", "values only"])
def test_a_last_record_that_is_cut_is_named(
    strict: bool,  # noqa: FBT001 - a parameter of the test
    tmp_path: Path,
) -> None:
    schema, _ = table_of(["integer", "text"])
    frame = pl.DataFrame({"integer": [1, 2], "text": ["a", "b"]}, schema=schema.polars)
    path = tmp_path / "t.json"
    write(json_format, path, schema, [frame])
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.rindex(b"}")] + b"\n]\n")

    with pytest.raises(IntegrityError, match=r"^t\.json: record 2 is not a JSON object$"):
        read(json_format, path, schema, strict=strict)
