"""The effective configuration for people: every value, where it came from, no secret."""

import re
from collections.abc import Mapping
from typing import Any

from pydantic import SecretStr

from export_assets.config.keypath import dotted
from export_assets.config.load import LoadedSource
from export_assets.config.masking import MASK, is_secret_name, masked_url
from export_assets.config.project import Project

_DEFAULT = re.compile(r"(\$\{\w+:-)[^}]+\}")


def show(project: Project) -> dict[str, Any]:
    """Return settings and sources as nested mappings that JSON and YAML can hold.

    Every value is a mapping of `value` and `origin` (flag, environment, file, `default of system
    NAME`, default), and of `reference` where the file says `${…}`; such values are hidden, except
    that a url only loses its passwords. Of a table only what is given is shown.
    """
    settings = project.settings.model_dump(mode="json", by_alias=True)
    return {
        "settings": {
            name: {
                "value": MASK
                if isinstance(getattr(project.settings, name), SecretStr)
                else settings[name],
                "origin": project.setting_origins.get(name, "default"),
            }
            for name in settings
        },
        "sources": {name: _source(source) for name, source in project.sources.items()},
    }


def _source(loaded: LoadedSource) -> dict[str, Any]:
    values = loaded.config.model_dump(mode="json", by_alias=True, exclude={"tables"})
    shown = {"file": str(loaded.path)} | {
        name: _shown(value, (name,), loaded) for name, value in values.items()
    }
    shown["tables"] = {
        name: {
            key: _shown(value, ("tables", name, key), loaded)
            for key, value in table.model_dump(
                mode="json", by_alias=True, exclude_unset=True
            ).items()
        }
        for name, table in loaded.config.tables.items()
    }
    return shown


def _shown(value: Any, path: tuple[str, ...], loaded: LoadedSource) -> dict[str, Any]:  # noqa: ANN401 - JSON of any shape
    if isinstance(value, Mapping) and value:
        return {key: _shown(item, (*path, key), loaded) for key, item in value.items()}
    key = dotted(path)
    shown: dict[str, Any] = {"value": value, "origin": loaded.origin(key)}
    if path == ("url",):
        shown["value"] = masked_url(value)
    elif path[0] == "options":
        shown["value"] = MASK if is_secret_name(path[-1]) else _without_secrets(value)
    references = [
        text for at, text in loaded.references.items() if at == key or at.startswith(f"{key}.")
    ]
    if references:
        shown["reference"] = ", ".join(_DEFAULT.sub(rf"\1{MASK}}}", text) for text in references)
        if path != ("url",):
            shown["value"] = MASK
    return shown


def _without_secrets(value: object) -> object:
    return masked_url(value) if isinstance(value, str) else value
