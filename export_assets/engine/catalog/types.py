"""The types DuckDB has for the columns of manifests."""

import ast
import re
from collections.abc import Iterable

from export_assets.engine.catalog.names import quoted

TEXT = "VARCHAR"

_OF_LOGICAL = {
    "boolean": "BOOLEAN",
    "integer": "BIGINT",
    "float": "DOUBLE",
    "text": TEXT,
    "date": "DATE",
    "time": "TIME",
    "timestamp": "TIMESTAMP WITH TIME ZONE",
    "naive_timestamp": "TIMESTAMP",
    # Text of a JSON column need not be JSON, and is the source's byte for byte.
    "json": TEXT,
    "uuid": TEXT,
    "binary": "BLOB",
}
_OF_POLARS = {
    "Boolean": "BOOLEAN",
    "Int8": "TINYINT",
    "Int16": "SMALLINT",
    "Int32": "INTEGER",
    "Int64": "BIGINT",
    "UInt8": "UTINYINT",
    "UInt16": "USMALLINT",
    "UInt32": "UINTEGER",
    "UInt64": "UBIGINT",
    "Float32": "FLOAT",
    "Float64": "DOUBLE",
    "String": TEXT,
    "Binary": "BLOB",
    "Date": "DATE",
    "Time": "TIME",
}
_DECIMAL = re.compile(r"DECIMAL\((\d+),(\d+)\)")
_MOST_DIGITS = 38
_DIGITS_OF_BIGINT = 19


def duckdb_type(logical: str, physical: str) -> str | None:
    """Return the type of a column, None where this version knows none.

    Args:
        logical: As manifests name it.
        physical: How Polars prints the type, such as `Decimal(precision=12, scale=2)`.
    """
    if logical not in {"decimal", "nested"}:
        return _OF_LOGICAL.get(logical)
    try:
        return _type_of(ast.parse(physical, mode="eval").body)
    except (SyntaxError, ValueError):
        return None


def digits_of(kind: str) -> int:
    """Return how many digits a decimal has, 0 for any other type."""
    found = _DECIMAL.fullmatch(kind)
    return int(found[1]) if found is not None else 0


def common_type(kinds: Iterable[str]) -> str:
    """Return the type that holds the values of columns of all *kinds*; text where no other does."""
    different = dict.fromkeys(kinds)
    if len(different) == 1:
        return next(iter(different))
    if set(different) <= {"BIGINT", "DOUBLE"}:
        return "DOUBLE"
    shapes = [_shape_of(kind) for kind in different]
    if None in shapes:
        return TEXT
    known = [shape for shape in shapes if shape is not None]
    scale = max(shape[1] for shape in known)
    digits = max(shape[0] - shape[1] for shape in known) + scale
    return f"DECIMAL({digits},{scale})" if digits <= _MOST_DIGITS else TEXT


def _shape_of(kind: str) -> tuple[int, int] | None:
    if kind == "BIGINT":
        return _DIGITS_OF_BIGINT, 0
    found = _DECIMAL.fullmatch(kind)
    return (int(found[1]), int(found[2])) if found is not None else None


def _type_of(node: ast.expr) -> str:
    """Return the type that Polars prints as *node*.

    Raises:
        ValueError: It is none that DuckDB has.
    """
    match node:
        case ast.Name(id=name) if name in _OF_POLARS:
            return _OF_POLARS[name]
        case ast.Call(func=ast.Name(id="Decimal"), keywords=keywords):
            given = {one.arg: ast.literal_eval(one.value) for one in keywords}
            return f"DECIMAL({given['precision'] or _MOST_DIGITS},{given['scale']})"
        case ast.Call(func=ast.Name(id="Datetime"), keywords=keywords):
            given = {one.arg: ast.literal_eval(one.value) for one in keywords}
            return _OF_LOGICAL["timestamp" if given.get("time_zone") else "naive_timestamp"]
        case ast.Call(func=ast.Name(id="List" | "Array"), args=[item, *_]):
            return f"{_type_of(item)}[]"
        case ast.Call(func=ast.Name(id="Struct"), args=[ast.Dict(keys=keys, values=values)]):
            fields = [
                f"{quoted(str(ast.literal_eval(key)))} {_type_of(value)}"
                for key, value in zip(keys, values, strict=True)
                if key is not None
            ]
            return f"STRUCT({', '.join(fields)})"
    msg = "no type of DuckDB"
    raise ValueError(msg)
