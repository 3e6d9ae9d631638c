"""Types of the columns of a configured view, from what the server says of a result."""

from typing import Any

import sqlalchemy as sa

from export_assets.sources.sqlalchemy_catalog import CatalogColumn

_NOT_NULL, _UNSIGNED, _ENUM, _SET = 1, 32, 256, 2048
_BINARY_CHARSET = 63
_DECIMALS = frozenset({0, 246})
_INTEGERS = {2: "smallint", 3: "int", 8: "bigint", 9: "mediumint"}
_PLAIN = {
    4: "float",
    5: "double",
    7: "timestamp",
    10: "date",
    14: "date",
    11: "time",
    12: "datetime",
    13: "year",
    6: "varchar",
    245: "json",
    255: "geometry",
    247: "enum",
    248: "set",
}
"""Names by the numbers the protocol uses; 6 is the type of NULL."""
_TINY, _BIT = 1, 16


def result_columns(result: sa.CursorResult[Any]) -> dict[str, CatalogColumn]:
    """Return the columns of *result*, whose rows were not asked for."""
    cursor: Any = result.cursor
    # The driver's public description leaves out the character set, which tells text from binary.
    fields = cursor._result.fields  # noqa: SLF001
    return {
        field.name: CatalogColumn(declared=_declared(field), nullable=not field.flags & _NOT_NULL)
        for field in fields
    }


def _declared(field: Any) -> str:  # noqa: ANN401 - an object of the driver without types
    code, unsigned = field.type_code, " unsigned" if field.flags & _UNSIGNED else ""
    if code == _TINY:
        return f"tinyint({field.length}){unsigned}"
    if code == _BIT:
        return f"bit({field.length})"
    if code in _DECIMALS:
        signs = (1 if field.scale else 0) + (0 if unsigned else 1)
        return f"decimal({field.length - signs},{field.scale}){unsigned}"
    if code in _INTEGERS:
        return f"{_INTEGERS[code]}{unsigned}"
    if code in _PLAIN:
        return _PLAIN[code]
    if field.flags & (_ENUM | _SET):
        return "enum" if field.flags & _ENUM else "set"
    return "blob" if field.charsetnr == _BINARY_CHARSET else "text"
