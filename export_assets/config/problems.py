"""What is wrong with a configuration, one line per key, in the words of the YAML."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from export_assets.config.keypath import (
    KeyPath,
    annotation_at,
    dotted,
    keys_at,
    literals,
    nearest,
)
from export_assets.config.masking import is_secret_name
from export_assets.config.rules import COLUMN_PATTERN, NAME_PATTERN, OWNER_PATTERN
from export_assets.translate import mask_identities

_SHOWN_CHARACTERS = 60

_KINDS: tuple[tuple[str, str], ...] = (
    ("bool", "true or false"),
    ("int", "a whole number"),
    ("float", "a number"),
    ("finite_number", "a finite number"),
    ("string", "text"),
    ("tuple", "a list"),
    ("mapping", "a mapping of keys"),
    ("dict", "a mapping of keys"),
    ("model", "a mapping of keys"),
    ("path", "a path"),
    ("date", "a day written YYYY-MM-DD"),
)
_BOUNDS = {
    "greater_than": "greater than {gt:g}",
    "greater_than_equal": "at least {ge:g}",
    "less_than": "less than {lt:g}",
    "less_than_equal": "at most {le:g}",
}
_PATTERNS = {
    NAME_PATTERN: "lower case letters, digits and underscores, a letter first",
    COLUMN_PATTERN: "table.column",
    OWNER_PATTERN: "an e-mail address or team:name",
}


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing that is wrong, and where."""

    path: KeyPath
    text: str

    def line(self, shown: str) -> str:
        """Return the line for people about the file *shown*."""
        where = f"{dotted(self.path)}: " if self.path else ""
        line = mask_identities(f"{shown}: {where}{self.text}")
        return line.replace("\n", " ").replace("\r", " ")


def problems_of(
    error: ValidationError, model: type[BaseModel], *, written: Mapping[KeyPath, str]
) -> list[Problem]:
    """Translate what Pydantic found wrong with input for *model*, in the order found.

    *written* holds the text of values that came from references, which are named instead of shown.
    """
    grouped: dict[KeyPath, list[ErrorDetails]] = {}
    for detail in error.errors(include_url=False):
        grouped.setdefault(_place(detail, model), []).append(detail)
    found: list[Problem] = []
    for path, details in grouped.items():
        above = next((path[:end] for end in range(1, len(path)) if path[:end] in written), None)
        if above is None:
            text = _text(details, path, model, written.get(path))
            found.append(Problem(path=path, text=text))
        else:
            # Keys and values below come from the variable: even naming them would show them.
            found.append(Problem(path=above, text=f"the value of {written[above]} is not valid"))
    return list(dict.fromkeys(found))


def unknown_key(key: str, valid: Sequence[str]) -> str:
    """Return what to say about *key*, which is none of *valid*."""
    guess = nearest(key, valid)
    if guess is not None:
        return f"unknown key, did you mean {guess!r}?"
    return f"unknown key, valid keys: {', '.join(valid)}" if valid else "unknown key"


def _place(detail: ErrorDetails, model: type[BaseModel]) -> KeyPath:
    """Return the key path of *detail*, without the names Pydantic gives members of unions."""
    path = tuple(part for part in detail["loc"] if part != "[key]")
    if detail["type"] in {"extra_forbidden", "missing"} or path != detail["loc"]:
        return path
    while path and annotation_at(model, path) is None:
        path = path[:-1]
    return path


def _text(
    details: Sequence[ErrorDetails], path: KeyPath, model: type[BaseModel], written: str | None
) -> str:
    first = details[0]
    kind = first["type"]
    if kind == "extra_forbidden" or "[key]" in first["loc"]:
        return unknown_key(str(path[-1]), keys_at(annotation_at(model, path[:-1])))
    if kind == "missing":
        return "required key is missing"
    if kind == "value_error":
        text = first["msg"].removeprefix("Value error, ")
        value = first["input"]
        if written is not None and isinstance(value, str) and value:
            text = text.replace(repr(value), repr(written)).replace(value, written)
        return text
    value = _shown(first["input"], path, written)
    if kind == "literal_error":
        return _not_one_of(literals(annotation_at(model, path)), first["input"], value)
    if kind in {"too_short", "string_too_short"}:
        return "must not be empty"
    return f"must be {_expected(details)}, not {value}"


def _not_one_of(valid: Sequence[str], given: object, shown: str) -> str:
    guess = nearest(given, valid) if isinstance(given, str) else None
    hint = f", did you mean {guess!r}?" if guess is not None else ""
    return f"must be one of {', '.join(valid)}, not {shown}{hint}"


def _expected(details: Sequence[ErrorDetails]) -> str:
    wanted: list[str] = []
    for detail in details:
        kind, context = detail["type"], detail.get("ctx", {})
        if kind in _BOUNDS:
            wanted.append(_BOUNDS[kind].format_map(context))
        elif kind == "string_pattern_mismatch":
            wanted.append(_PATTERNS.get(context["pattern"], f"like {context['pattern']}"))
        else:
            named = (word for prefix, word in _KINDS if kind.startswith(prefix))
            wanted.append(next(named, kind.replace("_", " ")))
    words = list(dict.fromkeys(wanted))
    if "a number" in words and "a whole number" in words:
        words.remove("a whole number")
    return " or ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def _shown(value: object, path: KeyPath, written: str | None) -> str:
    if any(is_secret_name(str(part)) for part in path):
        return "the value given"
    if written is not None:
        return written
    if value is None:
        return "empty"
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    if path[-1:] == ("url",) or path[:1] == ("notify",):
        return "the value given"
    text = repr(value) if isinstance(value, str) else str(value).lower()
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"
