"""The page of the reference that lists every configuration key, written from the models."""

import json
from typing import Any

from pydantic import BaseModel

from export_assets.config.models import SourceConfig
from export_assets.config.settings import SettingsFile

_HEAD = """\
# Configuration

Written from the models by `make docs`; do not edit.

A project is a directory with an optional `export_assets.yaml` (settings) and one YAML file for each
source in `sources/`. Unknown keys are errors. Values come, first one wins, from flags, from
environment variables, from the file, from the defaults below; `export-assets validate --show`
prints each value with where it came from.

- **Environment**: a setting is `EXPORT_ASSETS_` and its key, `EXPORT_ASSETS_EXPORTS_DIR=/data`; a
  source's key is `EXPORT_ASSETS_SOURCES__<source>__<key>`, with `__` between keys:
  `EXPORT_ASSETS_SOURCES__SHOP__TABLES__ORDERS__FORMATS='[csv]'`. Case does not matter. Values are
  text where the key takes text, YAML elsewhere. A variable that names nothing is an error.
- **References**: any value in a file may hold `${NAME}` or `${NAME:-default}` (used when NAME is
  unset or empty); inside braces or brackets, put it in quotes. `$${` is the text `${`. Secrets are
  only accepted this way. A password that goes into a url is percent-encoded by whoever sets it.
- **Systems**: a file with `system: tandem` takes over everything the built-in system says: its
  tables (merged table by table and key by key), options, types and relations (its own relations are
  added; `relations: []` is none). Keys of the file win, also with `null` or an empty list, and
  `source` and `url` are the file's. A file whose source is called as a built-in system is that
  system without saying so, url included, so that `source: tandem` and one more key change just that
  key; only `system: null` makes it a source that happens to have the name.
- **YAML**: keys are always text; only `true` and `false` are truth values; dates and numbers with
  leading zeros stay text; duplicate keys and tags are errors.
- **Editors**: `# yaml-language-server: $schema=…/docs/reference/source.schema.json` as the first
  line of a source's file gives completion and checks.
"""


def configuration_page() -> str:
    """Return the page as Markdown."""
    parts = [_HEAD]
    parts += _sections(SettingsFile, "Settings: `export_assets.yaml`")
    parts += _sections(SourceConfig, "Source: `sources/<name>.yaml`")
    return "\n".join(parts)


def _sections(model: type[BaseModel], title: str) -> list[str]:
    schema = model.model_json_schema(by_alias=True, mode="validation")
    sections = [_section(title, schema)]
    for name, part in schema.get("$defs", {}).items():
        sections.append(_section(name, part))
    return sections


def _section(title: str, schema: dict[str, Any]) -> str:
    lines = [f"## {title}", "", _one_line(schema.get("description", "")), ""]
    lines += ["| key | type | default | meaning |", "|---|---|---|---|"]
    required = schema.get("required", [])
    for key, value in schema["properties"].items():
        default = "required" if key in required else _default(value)
        meaning = _one_line(value.get("description", ""))
        lines.append(f"| `{key}` | {_type(value)} | {default} | {meaning} |")
    return "\n".join(lines) + "\n"


def _default(value: dict[str, Any]) -> str:
    default = value.get("default")
    if default in (None, "", [], {}):
        return ""
    return f"`{default}`" if isinstance(default, str) else f"`{json.dumps(default)}`"


def _type(value: dict[str, Any]) -> str:
    if "$ref" in value:
        name = value["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in value:
        kinds = [_type(branch) for branch in value["anyOf"] if branch.get("type") != "null"]
        if "number" in kinds and "whole number" in kinds:
            kinds.remove("whole number")
        return " or ".join(dict.fromkeys(kinds))
    for key in ("enum", "const"):
        if key in value:
            words = value[key] if key == "enum" else [value[key]]
            return ", ".join(f"`{word}`" for word in words)
    kind = value.get("type")
    if kind == "array":
        return f"list of {_type(value.get('items', {}))}"
    if kind == "object":
        inner = value.get("additionalProperties")
        return f"mapping to {_type(inner)}" if isinstance(inner, dict) else "mapping"
    names = {"string": "text", "integer": "whole number", "boolean": "true or false"}
    return "date" if value.get("format") == "date" else names.get(str(kind), str(kind))


def _one_line(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
