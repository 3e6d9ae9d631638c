"""Key paths of the models: what may stand where, and which valid key a wrong one is nearest to."""

import json
import re
import types
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Literal, TypeGuard, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

KeyPath = tuple[str | int, ...]

_PLAIN_KEY = re.compile(r"[^\s.\"':\x00-\x1f\x7f]+")


def dotted(path: Iterable[str | int]) -> str:
    """Return *path* as people write it: `tables.orders.checks.0.ge`, odd keys in quotes."""
    return ".".join(
        str(part)
        if isinstance(part, int) or _PLAIN_KEY.fullmatch(part)
        else json.dumps(part, ensure_ascii=False)
        for part in path
    )


def nearest(word: str, words: Iterable[str]) -> str | None:
    """Return the one of *words* that *word* was probably meant to be."""
    by_folded = {candidate.casefold(): candidate for candidate in words}
    wanted = word.casefold().replace("-", "_")
    close = get_close_matches(wanted, by_folded, n=1, cutoff=0.6)
    return by_folded[close[0]] if close else None


def annotation_at(model: type[BaseModel], path: Iterable[str | int]) -> object:
    """Return the bare annotation of the value at *path*, None where nothing may stand there."""
    current: object = model
    for part in path:
        current = _step(current, part)
        if current is None:
            return None
    return current


def keys_at(annotation: object) -> tuple[str, ...]:
    """Return the keys a mapping of *annotation* may have, empty where any key will do."""
    if _is_model(annotation):
        return tuple(field.alias or name for name, field in annotation.model_fields.items())
    if get_origin(annotation) is Mapping or get_origin(annotation) is dict:
        return literals(bare(get_args(annotation)[0]))
    return ()


def is_mapping(annotation: object) -> bool:
    """Whether values of *annotation* are mappings with keys."""
    return _is_model(annotation) or get_origin(annotation) in (Mapping, dict)


def is_text(annotation: object) -> bool:
    """Whether values of *annotation* are text and nothing else."""
    return annotation in (str, Path, SecretStr) or bool(literals(annotation))


def is_optional(model: type[BaseModel], path: Sequence[str | int]) -> bool:
    """Whether the value at *path* may be null."""
    owner = annotation_at(model, path[:-1])
    if not _is_model(owner):
        return False
    field = _field(owner, path[-1])
    return field is not None and type(None) in get_args(field.annotation)


def literals(annotation: object) -> tuple[str, ...]:
    """Return the texts of a Literal, empty for anything else."""
    if get_origin(annotation) is not Literal:
        return ()
    return tuple(value for value in get_args(annotation) if isinstance(value, str))


def bare(annotation: object) -> object:
    """Return *annotation* without `Annotated` and without the None of an optional."""
    if get_origin(annotation) is Annotated:
        return bare(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        members = [member for member in get_args(annotation) if member is not type(None)]
        return bare(members[0]) if len(members) == 1 else annotation
    return annotation


def _step(annotation: object, part: str | int) -> object:
    if _is_model(annotation):
        field = _field(annotation, part)
        return bare(field.annotation) if field is not None else None
    origin = get_origin(annotation)
    if origin in (Mapping, dict):
        allowed = keys_at(annotation)
        return None if allowed and part not in allowed else bare(get_args(annotation)[1])
    if origin is tuple and isinstance(part, int):
        return bare(get_args(annotation)[0])
    return None


def _field(model: type[BaseModel], key: str | int) -> FieldInfo | None:
    for name, field in model.model_fields.items():
        if key == (field.alias or name):
            return field
    return None


def _is_model(annotation: object) -> TypeGuard[type[BaseModel]]:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
