"""The published schemas and the generated reference."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from export_assets.config.json_schema import generated, main, settings_schema, source_schema
from export_assets.config.yaml_text import parse_yaml, read_yaml

ROOT = Path(__file__).parents[2]


def errors(schema: dict[str, Any], text: str) -> list[str]:
    value = parse_yaml(text, shown="x")
    return [error.message for error in Draft202012Validator(schema).iter_errors(value)]


@pytest.mark.parametrize("name", ["configuration.md", "settings.schema.json", "source.schema.json"])
def test_the_generated_files_are_current(name: str) -> None:
    path = ROOT / "docs" / "reference" / name

    assert path.read_text(encoding="utf-8") == generated()[name]


@pytest.mark.parametrize("schema", [source_schema(), settings_schema()])
def test_the_schemas_are_schemas_and_describe_every_key(schema: dict[str, Any]) -> None:
    Draft202012Validator.check_schema(schema)

    for part in (schema, *schema.get("$defs", {}).values()):
        assert part["additionalProperties"] is False
        assert part["description"]
        for name, value in part["properties"].items():
            assert value.get("description"), name


def test_the_example_is_valid() -> None:
    example = read_yaml(ROOT / "examples" / "shop.yaml", shown="shop.yaml")

    assert list(Draft202012Validator(source_schema()).iter_errors(example)) == []


@pytest.mark.parametrize(
    "text",
    [
        "{source: a, url: b, formats: all, tables: all}",
        "{source: a, url: b, busy_timeout: '${T:-5}', formats: '${F}', keep: '${K}'}",
        "{source: a, url: b, tables: {t: {types: {a: text, b: {type: date}}}}}",
        "{source: a, url: b, relations: [{from: a.b, to: c.d}]}",
    ],
)
def test_editors_accept_what_loads(text: str) -> None:
    assert errors(source_schema(), text) == []


@pytest.mark.parametrize(
    "text",
    [
        "{source: a}",
        "{source: A, url: b}",
        "{source: a, url: b, tabels: {}}",
        "{source: a, url: b, formats: [xml]}",
        "{source: a, url: b, busy_timeout: soon}",
        "{source: a, url: b, tables: {t: {chekcs: []}}}",
    ],
)
def test_editors_refuse_what_does_not_load(text: str) -> None:
    assert errors(source_schema(), text)


def test_the_command_writes_what_is_missing_and_check_only_tells(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = tmp_path / "reference"

    assert main([str(directory), "--check"]) == 1
    assert not directory.exists()
    assert "source.schema.json: not current, run `make docs`" in capsys.readouterr().err
    assert main([str(directory)]) == 0
    assert main([str(directory), "--check"]) == 0
    assert json.loads((directory / "source.schema.json").read_text(encoding="utf-8"))["title"]


def test_the_package_imports_fast_things_only() -> None:
    import subprocess
    import sys

    program = (
        "import sys\n"
        "import export_assets.config.show, export_assets.config.dates\n"
        "heavy = {'polars', 'pyarrow', 'duckdb', 'numpy', 'dagster', 'pandera', 'sqlalchemy'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )

    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert answer.stdout == "[]\n"
