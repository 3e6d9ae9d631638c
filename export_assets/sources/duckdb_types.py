"""What DuckDB's types become, and the expression that reads each without a silent change."""

import re
from dataclasses import dataclass

import polars as pl

from export_assets.tables.schema import Column, Fidelity, LogicalType, TableSchema

_INTEGERS = frozenset(
    {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"}
)
_WIDE = {"UBIGINT": 20, "HUGEINT": 38, "UHUGEINT": 38}
_PLAIN_LEAVES = _INTEGERS | {"UBIGINT", "FLOAT", "DOUBLE", "VARCHAR", "BOOLEAN"}
_NESTED = re.compile(r"(\[\d*\]$)|^(STRUCT|MAP|UNION)\(")
_FIELD_NAME = re.compile(r'^("(?:[^"]|"")*"|\S+)\s+')
# Years a calendar library can print; infinity is outside, too.
_DATES = "{c} not between date '0001-01-01' and date '9999-12-31'"
_TIMES = (
    "{c} not between timestamp '0001-01-01 00:00:00' and timestamp '9999-12-31 23:59:59.999999'"
)
_INSTANTS = (
    "{c} not between timestamptz '0001-01-01 00:00:00+00'"
    " and timestamptz '9999-12-31 23:59:59.999999+00'"
)


@dataclass(frozen=True, kw_only=True)
class Natural:
    """How a declared type is read: `{c}` in the SQL stands for the quoted column."""

    logical: LogicalType
    dtype: pl.DataType
    expression: str = "{c}"
    misfit: str = ""
    """Holds for values the type cannot carry; empty where there are none."""
    fact: str = ""
    """What the misfits are, for people."""
    reason: str = ""
    """Why the type is not carried as such, for the fidelity report."""
    precision: int | None = None
    scale: int | None = None


def _wide_integer(digits: int) -> Natural:
    cast = f"try_cast({{c}} as decimal({digits}, 0))"
    return Natural(
        logical=LogicalType.DECIMAL,
        dtype=pl.Decimal(digits, 0),
        expression=cast,
        misfit=f"{{c}} is not null and {cast} is null",
        fact="holds integers of more than 38 digits",
        precision=digits,
        scale=0,
    )


def _timestamp(expression: str = "{c}") -> Natural:
    return Natural(
        logical=LogicalType.TIMESTAMP,
        dtype=pl.Datetime("us"),
        expression=expression,
        misfit=_TIMES,
        fact="holds infinite times or years outside 1 to 9999",
    )


def _text(reason: str = "", logical: LogicalType = LogicalType.TEXT) -> Natural:
    return Natural(
        logical=logical, dtype=pl.String(), expression="cast({c} as varchar)", reason=reason
    )


_NATURAL: dict[str, Natural] = {
    **{
        name: Natural(
            logical=LogicalType.INTEGER, dtype=pl.Int64(), expression="cast({c} as bigint)"
        )
        for name in _INTEGERS
    },
    **{name: _wide_integer(digits) for name, digits in _WIDE.items()},
    "BOOLEAN": Natural(logical=LogicalType.BOOLEAN, dtype=pl.Boolean()),
    "FLOAT": Natural(
        logical=LogicalType.FLOAT, dtype=pl.Float64(), expression="cast({c} as double)"
    ),
    "DOUBLE": Natural(logical=LogicalType.FLOAT, dtype=pl.Float64()),
    "VARCHAR": Natural(logical=LogicalType.TEXT, dtype=pl.String()),
    "UUID": _text(logical=LogicalType.UUID),
    "JSON": _text(logical=LogicalType.JSON),
    "BLOB": Natural(logical=LogicalType.BINARY, dtype=pl.Binary()),
    "DATE": Natural(
        logical=LogicalType.DATE,
        dtype=pl.Date(),
        misfit=_DATES,
        fact="holds infinite dates or years outside 1 to 9999",
    ),
    "TIME": Natural(
        logical=LogicalType.TIME,
        dtype=pl.Time(),
        misfit="{c} >= time '24:00:00'",
        fact="holds 24:00:00",
    ),
    "TIME_NS": Natural(logical=LogicalType.TIME, dtype=pl.Time()),
    "TIMESTAMP": _timestamp(),
    "TIMESTAMP_S": _timestamp("cast({c} as timestamp)"),
    "TIMESTAMP_MS": _timestamp("cast({c} as timestamp)"),
    "TIMESTAMP_NS": Natural(
        logical=LogicalType.TIMESTAMP,
        dtype=pl.Datetime("us"),
        expression="cast({c} as timestamp)",
        misfit="not isfinite({c}) or epoch_ns({c}) % 1000 <> 0",
        fact="holds times finer than a microsecond, or infinite ones",
    ),
    "TIMESTAMP WITH TIME ZONE": Natural(
        logical=LogicalType.TIMESTAMP,
        dtype=pl.Datetime("us", "UTC"),
        misfit=_INSTANTS,
        fact="holds infinite times or years outside 1 to 9999",
    ),
    "TIME WITH TIME ZONE": _text("times with an offset are carried as text"),
    "INTERVAL": _text("intervals are carried as text"),
    "BIT": _text("bit strings are carried as text"),
    '"NULL"': _text(),
}


def natural(declared: str) -> Natural:
    """Return how DuckDB type *declared* is read."""
    if declared in _NATURAL:
        return _NATURAL[declared]
    if match := re.fullmatch(r"DECIMAL\((\d+),\s*(\d+)\)", declared):
        precision, scale = int(match[1]), int(match[2])
        return Natural(
            logical=LogicalType.DECIMAL,
            dtype=pl.Decimal(precision, scale),
            precision=precision,
            scale=scale,
        )
    if declared.startswith("ENUM("):
        return _text()
    if _NESTED.search(declared):
        return Natural(
            logical=LogicalType.JSON,
            dtype=pl.String(),
            expression="cast(to_json({c}) as varchar)",
            reason=f"{declared.partition('(')[0].lower()} values are carried as JSON",
        )
    return _text(f"{declared.lower()} values are carried as text")


def is_plain_nested(declared: str) -> bool:
    """Whether *declared* is a list, array or struct of types that Polars carries unchanged."""
    return bool(_NESTED.search(declared)) and _is_plain(declared)


def _is_plain(declared: str) -> bool:
    item = re.sub(r"(\[\d*\])+$", "", declared)
    if item.startswith("STRUCT(") and item.endswith(")"):
        fields = _split_fields(item.removeprefix("STRUCT(")[:-1])
        return all(_is_plain(re.sub(_FIELD_NAME, "", field)) for field in fields)
    return item in _PLAIN_LEAVES or re.fullmatch(r"DECIMAL\(\d+,\s*\d+\)", item) is not None


def _split_fields(fields: str) -> list[str]:
    """Split the text between a struct's parentheses at the commas that part its fields."""
    parts, depth = [""], 0
    for piece in re.findall(r"\"(?:[^\"]|\"\")*\"|'(?:[^']|'')*'|.", fields, re.DOTALL):
        depth += {"(": 1, ")": -1}.get(piece, 0)
        if piece == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += piece
    return [part.strip() for part in parts]


def describe_column(
    name: str, declared: str, *, nested: pl.DataType | None, nullable: bool, description: str
) -> Column:
    """Return the column as its declaration promises it; *nested* where Polars carries it so."""
    how = natural(declared)
    if nested is not None:
        how = Natural(logical=LogicalType.NESTED, dtype=nested)
    fidelity = Fidelity(verdict="widened", reason=how.reason) if how.reason else Fidelity()
    return Column(
        name=name,
        logical=how.logical,
        declared=declared,
        nullable=nullable,
        precision=how.precision,
        scale=how.scale,
        nested=nested,
        description=description,
        fidelity=fidelity,
    )


def reading(column: Column) -> Natural:
    """Return how *column* is read, given the logical type promised for it.

    A promise that differs from what the declaration means is kept by converting (see
    `tables.conform`), except that anything can be read as text.
    """
    if column.logical is LogicalType.NESTED and column.nested is not None:
        return Natural(logical=LogicalType.NESTED, dtype=column.nested)
    how = natural(column.declared)
    textual = (LogicalType.TEXT, LogicalType.JSON, LogicalType.UUID)
    if column.logical in textual and how.dtype != pl.String():
        return _text()
    return how


def raw_schema(schema: TableSchema) -> pl.Schema:
    """Return the Polars schema of every raw batch scanned with *schema*."""
    return pl.Schema({column.name: reading(column).dtype for column in schema.columns})
