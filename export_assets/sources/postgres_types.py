"""What PostgreSQL's types become, and the expression that reads each without a silent change."""

from dataclasses import dataclass, replace

import polars as pl

from export_assets.sources.postgres_typebook import PgType
from export_assets.tables.schema import Column, Fidelity, LogicalType, TableSchema

_MOST_DIGITS = 38
_MODIFIER_OFFSET = 4
_NOT_A_NUMBER = "{c} = 'NaN'"
_MIDNIGHT = "{c} = '24:00:00'"
# Years a calendar library can print; infinity is outside, too.
_DATES = "{c} < '0001-01-01' or {c} > '9999-12-31'"
_TIMES = "{c} < '0001-01-01 00:00:00' or {c} > '9999-12-31 23:59:59.999999'"
_INSTANTS = "{c} < '0001-01-01 00:00:00+00' or {c} > '9999-12-31 23:59:59.999999+00'"
_FAR = "holds infinite times or years outside 1 to 9999"
# Polars and JSON count from 1, and Polars knows no second dimension of another size.
_ORIGINS = " or ".join(f"array_lower({{c}}, {dimension}) <> 1" for dimension in range(1, 7))
_FROM_ELSEWHERE = "holds arrays that do not start at 1"
_SHAPES = f"array_ndims({{c}}) > 1 or {_ORIGINS}"
_SHAPED = "holds arrays of several dimensions, or that do not start at 1"


@dataclass(frozen=True, kw_only=True)
class Natural:
    """How a type is read: `{c}` in the SQL stands for the quoted column."""

    logical: LogicalType
    dtype: pl.DataType
    """Of the raw column."""
    expression: str = "{c}"
    misfit: str = ""
    """Holds for values the type cannot carry; empty where there are none."""
    fact: str = ""
    """What the misfits are, for people."""
    reason: str = ""
    """Why the type is not carried as such, for the fidelity report."""
    precision: int | None = None
    scale: int | None = None


def _text(reason: str = "", *, logical: LogicalType = LogicalType.TEXT) -> Natural:
    return Natural(logical=logical, dtype=pl.String(), expression="{c}::text", reason=reason)


def _integer(expression: str = "{c}::int8") -> Natural:
    return Natural(logical=LogicalType.INTEGER, dtype=pl.Int64(), expression=expression)


_NATURAL: dict[str, Natural] = {
    "bool": Natural(logical=LogicalType.BOOLEAN, dtype=pl.Boolean()),
    "int2": _integer(),
    "int4": _integer(),
    "int8": _integer("{c}"),
    "oid": _integer(),
    "float4": Natural(logical=LogicalType.FLOAT, dtype=pl.Float64(), expression="{c}::float8"),
    "float8": Natural(logical=LogicalType.FLOAT, dtype=pl.Float64()),
    "text": Natural(logical=LogicalType.TEXT, dtype=pl.String()),
    "varchar": Natural(logical=LogicalType.TEXT, dtype=pl.String()),
    # A cast to text would take the padding away.
    "bpchar": Natural(logical=LogicalType.TEXT, dtype=pl.String()),
    "name": _text(),
    "char": _text(),
    "uuid": _text(logical=LogicalType.UUID),
    "json": _text(logical=LogicalType.JSON),
    "jsonb": _text(logical=LogicalType.JSON),
    "bytea": Natural(logical=LogicalType.BINARY, dtype=pl.Binary()),
    "date": Natural(
        logical=LogicalType.DATE,
        dtype=pl.Date(),
        misfit=_DATES,
        fact="holds infinite dates or years outside 1 to 9999",
    ),
    "time": Natural(
        logical=LogicalType.TIME, dtype=pl.Time(), misfit=_MIDNIGHT, fact="holds 24:00:00"
    ),
    "timestamp": Natural(
        logical=LogicalType.TIMESTAMP, dtype=pl.Datetime("us"), misfit=_TIMES, fact=_FAR
    ),
    "timestamptz": Natural(
        logical=LogicalType.TIMESTAMP,
        dtype=pl.Datetime("us", "UTC"),
        misfit=_INSTANTS,
        fact=_FAR,
    ),
    "timetz": _text("times of day with an offset are carried as text"),
    "interval": _text("intervals are carried as ISO 8601 text"),
    "money": _text("amounts of money are carried as the server writes them"),
    # The cast would add the width of the network to single addresses.
    "inet": replace(
        _text("inet values are carried as text"),
        expression="pg_catalog.textin(pg_catalog.inet_out({c}))",
    ),
    "bit": _text("bit strings are carried as text"),
    "varbit": _text("bit strings are carried as text"),
}
_LISTS: dict[str, tuple[str, pl.DataType]] = {
    "bool": ("bool[]", pl.Boolean()),
    "int2": ("int8[]", pl.Int64()),
    "int4": ("int8[]", pl.Int64()),
    "int8": ("int8[]", pl.Int64()),
    "float4": ("float8[]", pl.Float64()),
    "float8": ("float8[]", pl.Float64()),
    "text": ("text[]", pl.String()),
    "varchar": ("text[]", pl.String()),
}


def natural(pg: PgType) -> Natural:
    """Return how values of *pg* are read."""
    if pg.kind == "enum":
        return _text()
    if pg.kind == "composite":
        return _json("composite values")
    if pg.kind == "array":
        return _array(pg)
    if pg.built_in and pg.name == "numeric":
        return _numeric(pg.modifier)
    if pg.built_in and pg.name in _NATURAL:
        return _NATURAL[pg.name]
    if pg.name == "citext":
        return _text()
    return _text(f"{pg.name} values are carried as text")


def _json(what: str) -> Natural:
    return Natural(
        logical=LogicalType.JSON,
        dtype=pl.String(),
        expression="to_json({c})::text",
        reason=f"{what} are carried as JSON",
    )


def _array(pg: PgType) -> Natural:
    element = pg.element
    if element is None or element.kind == "other" or not pg.sql.endswith("[]"):
        return _text(f"{pg.name} values are carried as text")
    known = _LISTS.get(element.name) if element.built_in and element.kind == "base" else None
    if known is None:
        found = _json(f"arrays of {element.name}")
        return replace(found, misfit=_ORIGINS, fact=_FROM_ELSEWHERE)
    cast, inner = known
    return Natural(
        logical=LogicalType.NESTED,
        dtype=pl.List(inner),
        expression=f"{{c}}::{cast}",
        misfit=_SHAPES,
        fact=_SHAPED,
    )


def _numeric(modifier: int) -> Natural:
    if modifier < _MODIFIER_OFFSET:
        return _text("numeric without a precision is carried as text")
    packed = modifier - _MODIFIER_OFFSET
    precision = packed >> 16
    scale = (packed & 0x7FF) - ((packed & 0x400) << 1)
    if scale < 0:
        precision, scale = precision - scale, 0
    precision = max(precision, scale)
    if precision > _MOST_DIGITS:
        return _text(f"numeric of more than {_MOST_DIGITS} digits is carried as text")
    return Natural(
        logical=LogicalType.DECIMAL,
        dtype=pl.String(),
        expression="{c}::text",
        misfit=_NOT_A_NUMBER,
        fact="holds NaN",
        precision=precision,
        scale=scale,
    )


def describe_column(
    name: str, declared: str, pg: PgType, *, nullable: bool = True, description: str = ""
) -> Column:
    """Return the column as its declaration promises it."""
    how = natural(pg)
    return Column(
        name=name,
        logical=how.logical,
        declared=declared,
        nullable=nullable and not pg.not_null,
        precision=how.precision,
        scale=how.scale,
        nested=how.dtype if how.logical is LogicalType.NESTED else None,
        description=description,
        fidelity=Fidelity(verdict="widened", reason=how.reason) if how.reason else Fidelity(),
    )


def reading(column: Column, pg: PgType) -> Natural:
    """Return how *column* of type *pg* is read, given the logical type promised for it.

    A promise that differs from what the declaration means is kept by converting (see
    `tables.conform`), except that anything can be read as text.
    """
    how = natural(pg)
    textual = (LogicalType.TEXT, LogicalType.JSON, LogicalType.UUID)
    if column.logical in textual and (how.logical not in textual or how.misfit):
        return how if column.logical is how.logical else _text()
    if how.logical is LogicalType.DECIMAL and column.logical is not LogicalType.DECIMAL:
        return replace(how, misfit="", fact="")
    return how


def is_natural(column: Column, how: Natural) -> bool:
    """Whether the promise for *column* is what its declaration means."""
    return (
        column.logical is how.logical
        and column.encoding == "native"
        and (column.precision, column.scale) == (how.precision, how.scale)
    )


def raw_schema(schema: TableSchema, types: dict[str, PgType]) -> pl.Schema:
    """Return the Polars schema of every raw batch scanned with *schema*."""
    return pl.Schema({c.name: reading(c, types[c.name]).dtype for c in schema.columns})
