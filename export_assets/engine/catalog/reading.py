"""The SQL that reads files of one shape: the function of their format, and a value per column.

Nothing is sniffed: names, types and dialect are those of the manifest. Columns of Parquet and CSV
are called `c0`, `c1`, … inside, so that none is taken for another or for the path.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from export_assets.engine.catalog.names import free_name, literal, quoted
from export_assets.engine.catalog.seen import Shape
from export_assets.engine.catalog.types import TEXT, digits_of, duckdb_type

_LONGEST_LINE = 64 << 20
"""Bytes of a line of CSV or an object of JSON, at most."""
_EXACT_DIGITS = 15
"""Digits of a number that go through DuckDB's reader of JSON unchanged."""
_PLAIN = frozenset({"BOOLEAN", "BIGINT", "DOUBLE", TEXT})
_GUARDED = "^''(''*[=+\\-@\\t\\r\\n\\x00])"
_TEXTUAL = frozenset({"text", "json", "uuid", "binary", "nested"})


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How files of one shape are read."""

    function: str
    """The call without its files."""
    options: Mapping[str, str]
    path: str
    """The column that holds each row's file, quoted."""
    columns: Mapping[str, tuple[str, str]]
    """By name of the column the expression of its values, and their type."""

    def call(self, files: str) -> str:
        """Return the call for *files*, an expression that gives a list of paths."""
        options = "".join(f", {name}={value}" for name, value in self.options.items())
        return f"{self.function}({files}, hive_partitioning=false{options})"


@dataclass(frozen=True, kw_only=True)
class _Reader:
    read: Callable[[Shape, list[str]], Reading]
    refuses: Callable[[Shape, list[str]], str | None]
    respells: Callable[[Shape], bool] = lambda shape: False  # noqa: ARG005 - most respell nothing
    """Whether text inside JSON comes out in another spelling."""


def is_readable(fmt: str) -> bool:
    """Whether DuckDB reads files of *fmt* without an extension that it must download."""
    return fmt in _READERS


def refusal(shape: Shape) -> str | None:
    """Return why files of *shape* cannot be read exactly, None where they can."""
    unknown = [name for name, *kind in shape.columns if duckdb_type(*kind) is None]
    if unknown:
        return f"DuckDB has no type for column {unknown[0]}"
    return _READERS[shape.format].refuses(shape, _types(shape))


def respells(shape: Shape) -> bool:
    """Whether JSON inside files of *shape* is read in DuckDB's spelling, not byte for byte."""
    return _READERS[shape.format].respells(shape)


def reading_of(shape: Shape) -> Reading:
    """Return how files of *shape* are read, which `refusal` has nothing against."""
    return _READERS[shape.format].read(shape, _types(shape))


def _types(shape: Shape) -> list[str]:
    return [duckdb_type(*kind) or TEXT for _, *kind in shape.columns]


def _parquet(shape: Shape, types: list[str]) -> Reading:
    fields = ", ".join(
        f"{literal(name)}: {{name: 'c{place}', type: {literal(kind)}, default_value: NULL}}"
        for place, ((name, *_), kind) in enumerate(zip(shape.columns, types, strict=True))
    )
    return Reading(
        function="read_parquet",
        options={"filename": "'path'", "schema": f"MAP {{{fields}}}"},
        path="path",
        columns=_numbered(shape, types),
    )


def _csv(shape: Shape, types: list[str]) -> Reading:
    dialect = shape.dialect
    guarded = dialect.get("formula_guard") == "'"
    raw, columns = [], {}
    for place, ((name, logical, _), kind) in enumerate(zip(shape.columns, types, strict=True)):
        value = f"c{place}"
        raw.append(f"{value!r}: {literal(_as_text(logical, kind))}")
        if guarded and logical in _TEXTUAL:
            value = f"regexp_replace({value}, '{_GUARDED}', '\\1')"
        columns[name] = (_decoded(value, logical, kind), kind)
    options = {
        "auto_detect": "false",
        "header": "true",
        "delim": literal(dialect.get("delimiter", ",")),
        "quote": literal(dialect.get("quote", '"')),
        "escape": literal(dialect.get("quote", '"')),
        "nullstr": "''",
        "allow_quoted_nulls": "false",
        "strict_mode": "true",
        # Where a quoted line break falls on the border of two threads, neither can be sure.
        "parallel": "false",
        "max_line_size": str(_LONGEST_LINE),
        "buffer_size": str(_LONGEST_LINE),
        "compression": literal(dialect.get("compression", "none")),
        "filename": "'path'",
        "columns": f"{{{', '.join(raw)}}}",
    }
    return Reading(function="read_csv", options=options, path="path", columns=columns)


def _json(shape: Shape, types: list[str]) -> Reading:
    names = [name for name, *_ in shape.columns]
    path = free_name("path", names)
    raw, columns = [], {}
    for (name, logical, _), kind in zip(shape.columns, types, strict=True):
        held = TEXT if logical == "binary" else kind
        raw.append(f"{literal(name)}: {literal(held)}")
        value = f"from_base64({quoted(name)})" if logical == "binary" else quoted(name)
        columns[name] = (value, kind)
    options = {
        "auto_detect": "false",
        "format": "'newline_delimited'" if shape.format == "ndjson" else "'array'",
        "maximum_object_size": str(_LONGEST_LINE),
        "compression": literal(shape.dialect.get("compression", "none")),
        "filename": literal(path),
        "columns": f"{{{', '.join(raw)}}}",
    }
    return Reading(function="read_json", options=options, path=quoted(path), columns=columns)


def _numbered(shape: Shape, types: list[str]) -> dict[str, tuple[str, str]]:
    named = enumerate(zip(shape.columns, types, strict=True))
    return {name: (f"c{place}", kind) for place, ((name, *_), kind) in named}


def _as_text(logical: str, kind: str) -> str:
    return TEXT if logical in {"binary", "nested"} else kind


def _decoded(value: str, logical: str, kind: str) -> str:
    if logical == "binary":
        return f"from_base64({value})"
    if logical == "nested" and kind != TEXT:
        return f"cast(cast({value} AS JSON) AS {kind})"
    return value


def _same_but_for_case(shape: Shape, types: list[str]) -> str | None:
    del types
    seen: dict[str, str] = {}
    for name, *_ in shape.columns:
        other = seen.setdefault(name.casefold(), name)
        if other != name:
            return f"DuckDB cannot tell the columns {other} and {name} apart"
    return None


def _refused_csv(shape: Shape, types: list[str]) -> str | None:
    deep = _not_plain(shape, types)
    return deep and f"values inside column {deep} are text in it"


def _refused_json(shape: Shape, types: list[str]) -> str | None:
    if shape.dialect.get("lines") == "logged" or shape.dialect.get("schema_header") == "yes":
        return "its lines are not the rows of the table"
    for (name, *_), kind in zip(shape.columns, types, strict=True):
        if digits_of(kind) > _EXACT_DIGITS:
            return (
                f"DuckDB would round column {name}, whose numbers may have {digits_of(kind)} digits"
            )
    deep = _not_plain(shape, types)
    if deep is not None:
        return f"values inside column {deep} are text in it"
    return _same_but_for_case(shape, types)


def _not_plain(shape: Shape, types: list[str]) -> str | None:
    """Return a column of lists or structs with values that JSON holds as text, None without."""
    for (name, logical, _), kind in zip(shape.columns, types, strict=True):
        if logical == "nested":
            words = kind.replace("[]", "").replace("STRUCT", "").replace("(", " ").replace(")", " ")
            leaves = {word.strip().rpartition(" ")[2] for word in words.split(",")}
            if not leaves <= _PLAIN:
                return name
    return None


def _respells_json(shape: Shape) -> bool:
    return any(logical in {"json", "nested"} for _, logical, _ in shape.columns)


_READERS = {
    "parquet": _Reader(read=_parquet, refuses=_same_but_for_case),
    "ndjson": _Reader(read=_json, refuses=_refused_json, respells=_respells_json),
    "csv": _Reader(read=_csv, refuses=_refused_csv),
    "json": _Reader(read=_json, refuses=_refused_json, respells=_respells_json),
}
"""By format, the best first."""

FORMATS_READ = tuple(_READERS)
