"""Which values a column of MySQL or MariaDB may hold, and what becomes of it."""

import tempfile
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

from export_assets.store.manifest import Manifest
from export_assets_tests.engine.engine_world import World
from export_assets_tests.fidelity.fidelity_row import FidelityRow
from export_assets_tests.fidelity.readback import microseconds
from export_assets_tests.mariadb_server import start_server

POINT = bytes.fromhex("000000000101000000000000000000f03f0000000000000040")


def _stamp(text: str) -> int:
    return microseconds(datetime.fromisoformat(text).replace(tzinfo=UTC))


def _clock(hours: int, micros: int = 0) -> int:
    return (hours * 3_600_000_000 + micros) * 1_000


# Declaration, SQL literals, logical type, values in canonical form, fidelity and values widened.
Case = tuple[str, tuple[str, ...], str, tuple[object, ...], str, int]
EXACT: dict[str, Case] = {
    name: (declared, literals, logical, values, "exact", 0)
    for name, declared, literals, logical, values in (
        ("flag", "tinyint(1)", ("0", "1"), "boolean", (False, True)),
        ("truth", "boolean", ("true", "false"), "boolean", (True, False)),
        ("tiny", "tinyint", ("-128", "127"), "integer", (-128, 127)),
        ("utiny", "tinyint(1) unsigned", ("0", "255"), "integer", (0, 255)),
        ("small", "smallint", ("-32768", "32767"), "integer", (-32768, 32767)),
        ("medium", "mediumint unsigned", ("0", "16777215"), "integer", (0, 16777215)),
        ("plain", "int(5) zerofill", ("0", "4294967295"), "integer", (0, 4294967295)),
        ("big", "bigint", (str(-(2**63)), str(2**63 - 1)), "integer", (-(2**63), 2**63 - 1)),
        (
            "ubig",
            "bigint unsigned",
            ("0", str(2**64 - 1)),
            "decimal",
            (Decimal(0), Decimal(2**64 - 1)),
        ),
        (
            "money",
            "decimal(10,2)",
            ("-0.01", "99999999.99"),
            "decimal",
            (Decimal("-0.01"), Decimal("99999999.99")),
        ),
        (
            "wide",
            "decimal(38,10)",
            ("1", "-1234567890123456789012345678.0123456789"),
            "decimal",
            (Decimal(1), Decimal("-1234567890123456789012345678.0123456789")),
        ),
        (
            "single",
            "float",
            ("0.1", "16777217"),
            "float",
            ((0.10000000149011612).hex(), (16777216.0).hex()),
        ),
        (
            "real8",
            "double",
            ("0.1", "-1.7976931348623157e308"),
            "float",
            ((0.1).hex(), (-1.7976931348623157e308).hex()),
        ),
        ("bit1", "bit(1)", ("b'0'", "b'1'"), "boolean", (False, True)),
        ("bit9", "bit(9)", ("b'0'", "b'111111111'"), "integer", (0, 511)),
        (
            "bit64",
            "bit(64)",
            ("0", "18446744073709551615"),
            "decimal",
            (Decimal(0), Decimal(2**64 - 1)),
        ),
        ("fixed", "char(5)", ("'a'", "''"), "text", ("a", "")),
        ("word", "varchar(50)", ("'😀 \"q\", ü'", "''"), "text", ('😀 "q", ü', "")),
        ("latin", "varchar(50) character set latin1", ("'€é'", "'x'"), "text", ("€é", "x")),
        ("exactly", "varchar(50) collate utf8mb4_bin", ("'Aa'", "'\\\\n'"), "text", ("Aa", "\\n")),
        ("prose", "longtext", ("'line\\nbreak'", "'tab\\t'"), "text", ("line\nbreak", "tab\t")),
        ("choice", "enum('x','it''s')", ("'x'", "'it''s'"), "text", ("x", "it's")),
        ("several", "set('p','q')", ("'q,p'", "''"), "text", ("p,q", "")),
        ("raw4", "binary(4)", ("x'00ff'", "x''"), "binary", (b"\0\xff\0\0", b"\0\0\0\0")),
        ("raw", "varbinary(9)", ("x'00ff'", "x''"), "binary", (b"\0\xff", b"")),
        ("heap", "longblob", ("x'ff00fe'", "''"), "binary", (b"\xff\0\xfe", b"")),
        (
            "day",
            "date",
            ("'1000-01-01'", "'9999-12-31'"),
            "date",
            (date(1000, 1, 1), date(9999, 12, 31)),
        ),
        (
            "wall",
            "datetime(6)",
            ("'2026-02-08 10:30:00.000001'", "'1000-01-01'"),
            "timestamp",
            (_stamp("2026-02-08 10:30:00.000001"), _stamp("1000-01-01 00:00:00")),
        ),
        (
            "moment",
            "timestamp(3) null",
            ("'2026-02-08 10:30:00.123'", "'1970-01-01 00:00:01'"),
            "timestamp",
            (_stamp("2026-02-08 10:30:00.123"), _stamp("1970-01-01 00:00:01")),
        ),
        ("clock", "time(6)", ("'00:00:00'", "'23:59:59.999999'"), "time", (0, _clock(24, -1))),
        ("era", "year", ("'2026'", "'0000'"), "integer", (2026, 0)),
        ("doc", "json", ("'{\"a\": [1, null]}'", "'[]'"), "json", ({"a": [1, None]}, [])),
        (
            "ident",
            "uuid",
            ("'123e4567-e89b-12d3-a456-426655440000'", "null"),
            "uuid",
            ("123e4567-e89b-12d3-a456-426655440000", None),
        ),
        ("addr", "inet6", ("'::1'", "null"), "text", ("::1", None)),
        ("hidden", "int invisible", ("7", "null"), "integer", (7, None)),
    )
}
WIDENED: dict[str, Case] = {
    "looks_boolean": ("tinyint(1)", ("1", "2"), "integer", (1, 2), "widened", 1),
    "zero_day": (
        "date",
        ("'0000-00-00'", "'2026-01-10'"),
        "text",
        ("0000-00-00", "2026-01-10"),
        "widened",
        1,
    ),
    "half_day": (
        "date",
        ("'2026-00-10'", "'2026-01-00'"),
        "text",
        ("2026-00-10", "2026-01-00"),
        "widened",
        2,
    ),
    "zero_wall": (
        "datetime",
        ("'0000-00-00'", "'2026-01-10 01:02:03'"),
        "text",
        ("0000-00-00 00:00:00", "2026-01-10 01:02:03"),
        "widened",
        1,
    ),
    "zero_moment": (
        "timestamp null",
        ("0", "'2026-01-10 01:02:03'"),
        "text",
        ("0000-00-00 00:00:00", "2026-01-10 01:02:03"),
        "widened",
        1,
    ),
    "span": (
        "time",
        ("'838:59:59'", "'-01:00:00'"),
        "text",
        ("838:59:59", "-01:00:00"),
        "widened",
        2,
    ),
    "huge": (
        "decimal(65,30)",
        ("1.5", "-2"),
        "text",
        (f"1.5{'0' * 29}", f"-2.{'0' * 30}"),
        "widened",
        0,
    ),
    "shape": ("point", ("point(1,2)", "null"), "binary", (POINT, None), "widened", 0),
}
CASES = EXACT | WIDENED


def statements() -> tuple[str, ...]:
    """Return the statements that make the table `matrix`, a column for each case."""
    columns = ", ".join(f"`{name}` {case[0]}" for name, case in CASES.items())
    made = "doubled int as (id * 2), stored int as (id * 3) persistent"
    names = ", ".join(f"`{name}`" for name in CASES)
    filled = [", ".join(case[1][row] for case in CASES.values()) for row in (0, 1)]
    filled.append(", ".join("null" for _ in CASES))
    return (
        f"create table matrix (id int primary key, {columns}, {made})",
        *(
            f"insert into matrix (id, {names}) values ({number}, {row})"
            for number, row in enumerate(filled, start=1)
        ),
    )


def rows() -> list[FidelityRow]:
    """Export every case and return its verdict.

    Raises:
        NoServerError: No server can be started here.
    """
    server = start_server()
    with (
        tempfile.TemporaryDirectory() as directory,
        server.database(*statements(), name="fidelity_page") as url,
    ):
        world = World(Path(directory))
        world.environ["SHOP_URL"] = url
        world.config("source: shop\nurl: ${SHOP_URL}\nformats: [parquet]\nredact_defaults: false\n")
        world.export()
        return verdicts(world.manifest("matrix", "parquet", "all"))


def verdicts(manifest: Manifest) -> list[FidelityRow]:
    """Return what *manifest* says of every case."""
    columns = {column.name: column for column in manifest.columns}
    return [
        FidelityRow.of(case[0], " · ".join(dict.fromkeys((*case[1], "null"))), columns[name])
        for name, case in CASES.items()
    ]
