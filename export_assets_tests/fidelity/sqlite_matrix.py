"""Which values a SQLite column may hold, and what becomes of it: the matrix and its verdicts."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from export_assets_tests.engine.engine_world import World
from export_assets_tests.fidelity.fidelity_row import FidelityRow
from export_assets_tests.fidelity.trial import export_all, published


@dataclass(frozen=True, kw_only=True)
class Case:
    """A column of a table of its own."""

    declared: str
    values: tuple[str, ...]
    """SQL literals, a row each."""
    logical: str
    verdict: str = "exact"
    count: int = 0


def _case(declared: str, values: str, logical: str, verdict: str = "exact", count: int = 0) -> Case:
    literals = tuple(values.split(" | "))
    return Case(declared=declared, values=literals, logical=logical, verdict=verdict, count=count)


NOT_UTF8 = "cast(x'ff41' as text)"
BIG = "'9223372036854775808'"

CASES: Sequence[Case] = (
    # numbers in columns of integers
    _case("integer", "1 | 9223372036854775807 | -9223372036854775808 | null", "integer"),
    _case("integer", "null | null", "integer"),
    _case("integer", "1 | 'three'", "text", "widened", 1),
    _case("integer", "1 | 2.5", "float", "widened", 1),
    _case("integer", "9007199254740993 | 2.5", "text", "widened", 2),
    _case("integer", "1 | x'00ff'", "binary", "widened", 1),
    _case("integer", "1 | ' 2 ' | '3x' | ''", "text", "widened", 2),
    _case("integer", f"1 | {BIG}", "float", "widened", 1),
    _case("integer", "1 | '99999999999999999999999999999999999999999x'", "text", "widened", 1),
    _case("unsigned big int", "1 | 9223372036854775807", "integer"),
    _case("tinyint(1)", "0 | 1", "integer"),
    # booleans
    _case("boolean", "0 | 1 | null", "boolean"),
    _case("boolean", "true | false", "boolean"),
    _case("boolean", "0 | 1 | 2", "integer", "widened", 1),
    _case("boolean", "'true' | 'false'", "text", "widened", 2),
    _case("boolean", "1 | 't'", "text", "widened", 1),
    # reals
    _case("real", "0.5 | -0.0 | 5e-324 | 1.7976931348623157e308", "float"),
    _case("real", "1e400 | -1e400", "float"),
    _case("real", "9e999 - 9e999 | 1.5", "float"),
    _case("real", "1.5 | 'n/a'", "text", "widened", 1),
    _case("real", "1.5 | x'00'", "binary", "widened", 1),
    _case("double precision", "1 | 9007199254740993", "float"),
    # decimals
    _case("decimal(6,2)", "1.10 | -9999.99 | 2", "decimal(6, 2)"),
    _case("decimal(6,2)", "1.105", "float", "widened", 1),
    _case("decimal(6,2)", "1.10 | 12345678", "float", "widened", 1),
    _case("decimal(6,2)", "1.10 | 'about 2'", "text", "widened", 1),
    _case("decimal(18,4)", "12345678901.2345", "decimal(18, 4)"),
    _case("decimal(9,0)", "1 | 999999999", "decimal(9, 0)"),
    _case("decimal(9,0)", "1234567890", "integer", "widened", 1),
    _case("decimal(38,10)", "-9223372036854775808 | 0.5", "decimal(38, 10)"),
    _case("numeric", "1 | 2", "integer"),
    _case("numeric", "1 | 2.5", "float"),
    _case("numeric", "1.5 | 'n/a'", "text", "widened", 1),
    _case("numeric", f"{BIG} | 1", "float"),
    # text
    _case("text", "'a' | '' | null", "text"),
    _case("text", "'a' || char(0) || 'b' | '😀' | char(13, 10)", "text"),
    _case("text", f"'a' | {NOT_UTF8}", "binary", "widened", 2),
    _case("text", "'a' | x'6162'", "binary", "widened", 1),
    _case("text", "1 | 2.5", "text"),
    _case("varchar(2)", "'longer than that'", "text"),
    _case("string", "'007' | 'x'", "text", "widened", 1),
    # blobs
    _case("blob", "x'' | x'00ff' | null", "binary"),
    _case("blob", "x'00' | 'text' | 7", "binary", "widened", 2),
    _case("blob", "'only' | 'text'", "text", "widened", 2),
    # nothing declared
    _case("", "null | null", "text"),
    _case("", "1 | 2", "integer"),
    _case("", "1 | 2.5", "float"),
    _case("", "1 | 'a'", "text", "widened", 1),
    _case("", "1 | x'00'", "binary", "widened", 1),
    # days
    _case("date", "'2024-02-29' | null", "date"),
    _case("date", "'2024-02-29 00:00:00'", "date"),
    _case("date", "'2024-02-29 10:00:00'", "text", "widened", 1),
    _case("date", "'0001-01-01' | '9999-12-31'", "date"),
    _case("date", "'2024-02-29' | '2026-02-30'", "text", "widened", 1),
    _case("date", "'0000-01-01'", "text", "widened", 1),
    _case("date", "'-0001-01-01' | '10000-01-01'", "text", "widened", 2),
    _case("date", "'31.12.2024'", "text", "widened", 1),
    _case("date", "'2024-02-29' | ''", "text", "widened", 1),
    _case("date", "20240229", "integer", "widened", 1),
    # instants
    _case("datetime", "'2026-02-08 10:30:00' | '2026-02-08T10:30:00.123456Z'", "timestamp"),
    _case("datetime", "'2026-02-08T10:30+02:00' | '2026-02-08 10:30:00 -0800'", "timestamp"),
    _case("datetime", "'2026-02-08'", "timestamp"),
    _case("datetime", "'2016-12-31T23:59:60Z'", "timestamp"),
    _case("datetime", "'2026-02-08T10:30:00' | '08.02.2026 10:30'", "text", "widened", 1),
    _case("datetime", "'2026-02-08T24:00:00'", "text", "widened", 1),
    _case("datetime", "'2026-02-08T10:30:00.123456789'", "text", "widened", 1),
    _case("datetime", "'2026-02-30T10:30:00'", "text", "widened", 1),
    _case("datetime", "'2026-02-08T10:30:00' | 'soon'", "text", "widened", 1),
    _case("datetime", "1770546600 | 1770546601.5", "timestamp", "widened", 2),
    _case("datetime", "1770546600000", "timestamp", "widened", 1),
    _case("datetime", "1770546600 | '2026-02-08T10:30:00'", "text", "widened", 1),
    _case("datetime", "1 | 2", "integer", "widened", 2),
    _case("datetime", "2460000.5", "float", "widened", 1),
    _case("timestamp", "x'00'", "binary", "widened"),
    # times of day
    _case("time", "'10:30:00' | '23:59:59.123456789' | '10:30'", "time"),
    _case("time", "'24:00:00'", "text", "widened", 1),
    _case("time", "'23:59:60'", "text", "widened", 1),
    _case("time", "'10:30:00+02:00'", "text", "widened", 1),
    # JSON and keys
    _case("json", "'{\"a\":1}' | '[]' | null", "json"),
    _case("json", "'null' | null | ''", "json", "widened", 1),
    _case("json", "'{ \"a\" : 1 }' | 'no json'", "json", "widened", 1),
    _case("json", "'{}' | '5' | '1.50'", "json", "widened", 2),
    _case("json", "'5' | '1.50'", "float", "widened", 1),
    _case("json", "'{}' | x'00'", "binary", "widened", 1),
    _case("uuid", "'65f74db0-09f9-49ee-829c-63b477377afe' | 'no uuid'", "uuid"),
    _case("uuid", "x'65f74db009f949ee829c63b477377afe'", "binary", "widened"),
)


def name_of(index: int) -> str:
    """Return the table of the case at *index*."""
    return f"case_{index:03}"


def script() -> str:
    """Return the SQL that makes a table for every case."""
    statements = []
    for index, case in enumerate(CASES):
        statements.append(f"create table {name_of(index)} (c {case.declared});")
        statements += [f"insert into {name_of(index)} values ({value});" for value in case.values]
    return "begin;\n" + "\n".join(statements) + "\ncommit;"


def rows() -> list[FidelityRow]:
    """Export every case and return its verdict, and one more where JSON cannot hold a value."""
    with tempfile.TemporaryDirectory() as directory:
        world = World(Path(directory))
        world.sql(script())
        export_all(world, {})
        found = published(world)
    done = []
    for index, case in enumerate(CASES):
        values = " · ".join(case.values)
        ((parquet, _),) = found[name_of(index)]["parquet"]
        ((as_json, _),) = found[name_of(index)]["json"]
        done.append(FidelityRow.of(case.declared, values, parquet.columns[0]))
        if as_json.columns[0].fidelity != parquet.columns[0].fidelity:
            done.append(FidelityRow.of(case.declared, f"{values}, to JSON", as_json.columns[0]))
    return done
