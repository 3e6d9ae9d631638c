"""Which values a PostgreSQL column may hold, and what becomes of it: matrix and verdicts."""

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from export_assets_tests.engine.engine_world import World
from export_assets_tests.fidelity.fidelity_row import FidelityRow
from export_assets_tests.fidelity.trial import published
from export_assets_tests.postgres_server import Database, start_server, temporary_database


@dataclass(frozen=True, kw_only=True)
class Case:
    """A column of a table of its own."""

    declared: str
    values: tuple[str, ...]
    """SQL expressions, a row each."""
    logical: str
    verdict: str = "exact"
    count: int = 0


def _case(declared: str, values: str, logical: str, verdict: str = "exact", count: int = 0) -> Case:
    expressions = tuple(values.split(" | "))
    return Case(
        declared=declared, values=expressions, logical=logical, verdict=verdict, count=count
    )


_TENS = "9" * 36

SETUP = (
    "create type mood as enum ('sad', 'ok', 'it''s \"odd\"')",
    "create type pair as (a integer, b text)",
    "create domain positive as integer check (value > 0)",
    "create domain price as numeric(8,2)",
    "create domain far as timestamptz",
)

CASES: Sequence[Case] = (
    # integers
    _case("smallint", "32767 | -32768 | null", "integer"),
    _case("integer", "2147483647 | -2147483648 | null", "integer"),
    _case("bigint", "9223372036854775807 | -9223372036854775808 | 0 | null", "integer"),
    _case("oid", "4294967295 | 0", "integer"),
    _case("positive", "1 | null", "integer"),
    # decimals
    _case("numeric(10,2)", "1.10 | -99999999.99 | 0 | null", "decimal(10, 2)"),
    _case("numeric(10,2)", "1.10 | 'NaN'", "text", "widened", 1),
    _case("numeric(38,6)", "1.5 | -99999999999999999999999999999999.999999", "decimal(38, 6)"),
    _case("numeric(39,0)", f"{_TENS}999", "text", "widened"),
    _case("numeric(3,-2)", "12300 | -99900", "decimal(5, 0)"),
    _case("numeric(2,5)", "0.00012", "decimal(5, 5)"),
    _case("numeric", "1.10 | 1e-20 | 'NaN' | 'Infinity' | '-Infinity'", "text", "widened"),
    _case("numeric", f"{_TENS}{_TENS}.000000000000000000000000000000000000001", "text", "widened"),
    _case("price", "1.10 | null", "decimal(8, 2)"),
    _case("money", "'12.34' | '-0.01'", "text", "widened"),
    # floats
    _case("real", "0.1 | -0.0 | 3.4028235e38 | 1e-45", "float"),
    _case("real", "'NaN' | 'Infinity' | '-Infinity' | 1.5", "float"),
    _case("double precision", "0.1 | '-0' | 1.7976931348623157e308 | 5e-324", "float"),
    _case("double precision", "'NaN' | 'Infinity' | '-Infinity' | 1.5", "float"),
    # booleans, text, bytes
    _case("boolean", "true | false | null", "boolean"),
    _case("text", "'a' | '' | null | '😀' | chr(13) || chr(10) | '\"x\", y'", "text"),
    _case("varchar(5)", "'abcde' | ' a ' | null", "text"),
    _case("char(5)", "'ab' | '' | 'abcde' | null", "text"),
    _case("name", "'a' | ''", "text"),
    _case('"char"', "'a' | ''", "text"),
    _case("bytea", "'\\x00ff' | '' | null", "binary"),
    _case("mood", "'sad' | 'it''s \"odd\"' | null", "text"),
    # days and times
    _case("date", "'2024-02-29' | '0001-01-01' | '9999-12-31' | null", "date"),
    _case(
        "date",
        "'2024-02-29' | 'infinity' | '-infinity' | '0044-03-15 BC' | '5874897-12-31'",
        "text",
        "widened",
        4,
    ),
    _case("time", "'00:00' | '23:59:59.999999' | null", "time"),
    _case("time", "'10:30' | '24:00'", "text", "widened", 1),
    _case("timetz", "'10:30+02' | '24:00-15:59'", "text", "widened"),
    _case(
        "timestamp",
        "'2024-02-29 10:30:00.123456' | '0001-01-01' | '9999-12-31 23:59:59.999999' | null",
        "timestamp",
    ),
    _case(
        "timestamp",
        "'2024-02-29 10:30' | 'infinity' | '-infinity' | '0044-03-15 10:00 BC' | '294276-12-31'",
        "text",
        "widened",
        4,
    ),
    _case(
        "timestamptz",
        "'2024-02-29 10:30:00.123456+02' | '0001-01-01 00:00Z' | '9999-12-31 23:59:59.999999Z'",
        "timestamp",
    ),
    _case(
        "timestamptz",
        "'2024-02-29 10:30Z' | 'infinity' | '-infinity' | '4713-01-01 00:00Z BC'"
        " | '294276-12-31 23:59:59.999999Z'",
        "text",
        "widened",
        4,
    ),
    _case("far", "'infinity' | null", "text", "widened", 1),
    _case("interval", "'1 mon 2 days 03:04:05.6' | '-1 year' | '0' | null", "text", "widened"),
    # keys, JSON, XML
    _case("uuid", "'65F74DB0-09F9-49EE-829C-63B477377AFE' | null", "uuid"),
    _case("json", "'{ \"b\": 1,  \"a\": [1.50, null] }' | 'null' | null", "json"),
    _case("jsonb", "'{ \"b\": 1,  \"a\": [1.50, null] }' | 'null' | null", "json"),
    _case("xml", "null", "text", "widened"),  # the wheel's server is built without XML
    # arrays
    _case("integer[]", "'{1,null,-3}' | '{}' | null", "nested"),
    _case("integer[]", "'{{1,2},{3,4}}' | '{5}'", "text", "widened", 1),
    _case("bigint[]", "'[0:1]={5,6}' | '{5}'", "text", "widened", 1),
    _case("text[]", '\'{a,"",null,"x,\\"y"}\' | \'{}\'', "nested"),
    _case("boolean[]", "'{t,f,null}'", "nested"),
    _case("double precision[]", "'{0.1,-5e-324}'", "nested"),
    _case("numeric[]", "'{1.10,NaN}' | '{{1},{2}}' | null", "json", "widened"),
    _case("numeric[]", "'[2:3]={1,2}' | '{1}'", "text", "widened", 1),
    _case("timestamptz[]", "'{2024-02-29 10:30Z,infinity}'", "json", "widened"),
    _case("mood[]", "'{sad,ok}'", "json", "widened"),
    _case("int2vector", "'1 2'", "text", "widened"),
    # whatever else there is
    _case("pair", "row(1, 'x')::pair | row(null, null)::pair | null", "json", "widened"),
    _case("pair[]", "array[row(1, 'x')::pair]", "json", "widened"),
    _case("inet", "'192.168.0.1' | '10.0.0.0/8' | '::1'", "text", "widened"),
    _case("cidr", "'10.0.0.0/8'", "text", "widened"),
    _case("macaddr", "'08:00:2b:01:02:03'", "text", "widened"),
    _case("int4range", "'[1,5)' | 'empty' | '(,3]' | null", "text", "widened"),
    _case("tstzrange", "'[2024-01-01 00:00Z,infinity)'", "text", "widened"),
    _case("int4multirange", "'{[1,3),[5,9)}'", "text", "widened"),
    _case("bit(3)", "B'101'", "text", "widened"),
    _case("bit varying", "B'10101' | B''", "text", "widened"),
    _case("tsvector", "'a:1 fat:2'", "text", "widened"),
    _case("point", "'(1.5,-0)'", "text", "widened"),
    _case("pg_lsn", "'16/B374D848'", "text", "widened"),
)


def name_of(index: int) -> str:
    """Return the table of the case at *index*."""
    return f"case_{index:03}"


def fill(database: Database) -> None:
    """Make a table for every case."""
    statements = list(SETUP)
    for index, case in enumerate(CASES):
        statements.append(f"create table {name_of(index)} (c {case.declared})")
        statements += [f"insert into {name_of(index)} values ({value})" for value in case.values]
    with database.connect(autocommit=False) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def export(world: World, database: Database) -> None:
    """Export every table of *database* in every format."""
    world.config(f"{{source: shop, url: {json.dumps(database.url)}, formats: [all]}}")
    report = world.export()
    assert [record.error for record in report.records if record.error] == []


def rows() -> list[FidelityRow]:
    """Export every case and return its verdict, and one more where JSON cannot hold a value."""
    with tempfile.TemporaryDirectory() as directory, temporary_database(start_server()) as database:
        fill(database)
        world = World(Path(directory))
        export(world, database)
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
