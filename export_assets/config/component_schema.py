"""The JSON Schema of a component's attributes: a source's, told so that a mistake is named.

`dg check yaml` shows what a value breaks, and of alternatives only that it is none of them. So what
may be a mapping, a list or text is decided by which of these it is, and the rest of its rules are
those of this one kind.
"""

from collections.abc import Mapping
from typing import Any

from export_assets.config.json_schema import source_schema

_TEMPLATE = {"type": "string", "pattern": r"\{\{.*\}\}"}
_KINDS = ("object", "array")
_EXAMPLE = {
    "source": "shop",
    "url": "sqlite:///shop.db",
    "formats": ["parquet", "csv"],
    "tables": {
        "orders": {"partition_by": {"column": "ordered_at", "every": "day", "start": "2026-01-01"}},
        "*": {},
    },
}


def component_schema() -> dict[str, Any]:
    """Return the schema, complete in itself: nothing in it refers to anything elsewhere."""
    schema = source_schema()
    definitions = schema.pop("$defs")
    schema.pop("$schema")
    whole: dict[str, Any] = _told(schema, definitions)
    # A source of the name of a built-in system takes the address from it.
    whole["required"] = [name for name in whole["required"] if name != "url"]
    # Dagster makes a sample of the schema of every component there is, by rules of its own.
    return whole | {"examples": [_EXAMPLE]}


def _told(value: Any, definitions: Mapping[str, Any]) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, list):
        return [_told(item, definitions) for item in value]
    if not isinstance(value, dict):
        return value
    if "$ref" in value:
        name = value["$ref"].rpartition("/")[2]
        said = {key: item for key, item in value.items() if key != "$ref"}
        return _told(definitions[name], definitions) | said
    told = {key: _told(item, definitions) for key, item in value.items()}
    return _by_kind(told) if "anyOf" in told else told


def _by_kind(schema: dict[str, Any]) -> dict[str, Any]:
    """Return alternatives of which a mapping, or a list, is held to the one for it alone."""
    branches: list[dict[str, Any]] = [*schema.pop("anyOf")]
    if any(_is_reference(branch) for branch in branches):
        branches.append(_TEMPLATE)
    told, loose = [], []
    for branch in branches:
        kind = branch.get("type")
        alone = [one for one in branches if one.get("type") == kind]
        if kind in _KINDS and len(alone) == 1:
            told.append({"if": {"type": kind}, "then": branch})
            loose.append({"type": kind, "items": {}} if kind == "array" else {"type": kind})
        else:
            loose.append(branch)
    return schema | {"anyOf": loose} | ({"allOf": told} if told else {})


def _is_reference(branch: Mapping[str, Any]) -> bool:
    return "${" in str(branch.get("pattern", "")).replace("\\", "")
