"""The JSON Schemas of the YAML files, for editors, and the command that writes the reference.

python -m export_assets.config.json_schema            write docs/reference
python -m export_assets.config.json_schema --check    fail where it is not current
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from export_assets.config.models import SourceConfig
from export_assets.config.reference import configuration_page
from export_assets.config.settings import SettingsFile

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_REFERENCE = {"type": "string", "pattern": r"^[^$]*\$\{[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?\}"}

DIRECTORY = Path("docs/reference")


def source_schema() -> dict[str, Any]:
    """Return the JSON Schema of a source's YAML file."""
    return _schema(SourceConfig, "A source of export_assets")


def settings_schema() -> dict[str, Any]:
    """Return the JSON Schema of `export_assets.yaml`."""
    return _schema(SettingsFile, "Settings of an export_assets project")


def generated() -> dict[str, str]:
    """Return the text of every generated file, by name."""
    return {
        "configuration.md": configuration_page(),
        "settings.schema.json": _text(settings_schema()),
        "source.schema.json": _text(source_schema()),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the generated files, or with `--check` compare them; return the exit code."""
    parser = argparse.ArgumentParser(description="Write the configuration reference.")
    parser.add_argument("directory", nargs="?", type=Path, default=DIRECTORY)
    parser.add_argument("--check", action="store_true", help="compare, change nothing")
    options = parser.parse_args(arguments)
    directory: Path = options.directory
    stale = [name for name, text in generated().items() if _read(directory / name) != text]
    if options.check:
        for name in stale:
            sys.stderr.write(f"{directory / name}: not current, run `make docs`\n")
        return 1 if stale else 0
    directory.mkdir(parents=True, exist_ok=True)
    for name in stale:
        (directory / name).write_text(generated()[name], encoding="utf-8")
    return 0


def _schema(model: type[BaseModel], title: str) -> dict[str, Any]:
    schema = model.model_json_schema(by_alias=True, mode="validation")
    for part in (schema, *schema.get("$defs", {}).values()):
        part["properties"] = {
            name: _or_reference(value) for name, value in part["properties"].items()
        }
    return {"$schema": _DIALECT} | schema | {"title": title}


def _or_reference(value: dict[str, Any]) -> dict[str, Any]:
    """Let a property that is not text also be a reference such as `${NAME}`."""
    said = {key: value[key] for key in ("title", "description", "default") if key in value}
    rest = {key: item for key, item in value.items() if key not in said}
    branches = rest.get("anyOf", [rest])
    if any(branch.get("type") == "string" and "enum" not in branch for branch in branches):
        return value
    return said | {"anyOf": [*branches, _REFERENCE]}


def _text(schema: dict[str, Any]) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


if __name__ == "__main__":
    raise SystemExit(main())
