"""Random SQLite tables: declared types of every kind, values of every storage class, odd names."""

import json
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random

DECLARED = (
    *("integer", "int", "bigint", "boolean", "real", "double", "float", "numeric", "text"),
    *("decimal(6,2)", "decimal(9,0)", "numeric(38,10)", "decimal(18,4)", "varchar(10)", "blob"),
    *("date", "datetime", "timestamp", "time", "json", "uuid", "string", "", "unsigned big int"),
)
STRICT = ("integer", "int", "real", "text", "blob", "any")
NAMES = (
    *("id", "Name", "select", "a b", 'say "hi"', "it's", "x.y", "x/y", "日本", "ünï", "[b]", "c,d"),
    *(
        "^a.*$",
        "*",
        "c\td",
        "e\nf",
        "g\rh",
        "back\\slash",
        "$ref",
        "#1",
        "%20",
        "emoji 😀",
        " pad ",
    ),
    *(
        "column_0",
        "_source_file",
        "literal",
        "NULL",
        "true",
        "1",
        "-",
        "{}",
        "a~b",
        "rowid2",
        ";--",
    ),
)
TEXTS = (
    *(
        "",
        " ",
        "a",
        "é",
        "e\u0301",
        "日本語",
        "😀",
        "null",
        "NULL",
        "NaN",
        "nan",
        "\\N",
        "None",
        "-",
    ),
    *(
        "true",
        "false",
        "t",
        "f",
        "0",
        "1",
        "007",
        "1e5",
        "1.0",
        "+1",
        "1,5",
        "0x1f",
        "inf",
        "Infinity",
    ),
    *(
        '"',
        '""',
        "'",
        ",",
        ";",
        "\t",
        "\n",
        "\r",
        "\r\n",
        "a\nb",
        'x","y',
        " lead",
        "trail ",
        "\x00",
    ),
    *(
        "a\x00b",
        "\x1f",
        "\x7f",
        "\x85",
        "\u2028",
        "\ufeff",
        "=1+1",
        "@x",
        "#c",
        "//",
        "{",
        "[",
        "}",
    ),
    *("9223372036854775807", "9223372036854775808", "-9223372036854775809", "1" * 40, "x" * 3000),
    *("2024-02-30", "2024-13-01", "0000-01-01", "10000-01-01", "-0001-01-01", "24:00:00", "12:60"),
)
JSONS = (
    *("{}", "[]", '{"a":1}', '[1,2.5,null,"x"]', '{"a":{"b":[true,false]}}', "null", "5", '"x"'),
    *('{ "a" : 1 }', "[1]\n", '{"ü":"\\u00e9"}', "{'a':1}", "", "[1,", "true", '{"":""}'),
)
INTEGERS = (0, 1, -1, 2, 127, 2**31, 2**53 - 1, 2**53, 2**53 + 1, -(2**53) - 1, 2**63 - 1, -(2**63))
REALS = (
    *(
        0.0,
        -0.0,
        0.1,
        0.5,
        -1.5,
        0.1 + 0.2,
        1e15,
        1e16,
        1e22,
        1e300,
        5e-324,
        2.2250738585072014e-308,
    ),
    *(1.7976931348623157e308, float("inf"), float("-inf"), 123456789.123456789, 1 / 3, 99.99),
)
BLOBS = (b"", b"\x00", b"\xff\xfe", b"abc", bytes(range(256)))

Value = int | float | str | bytes | None


@dataclass(frozen=True, kw_only=True)
class RandomTable:
    """A table as it is made, and how its export is sliced."""

    name: str
    columns: tuple[str, ...]
    create: str
    rows: tuple[tuple[Value, ...], ...]
    partition_by: str | None = None
    every: str = "day"


def make_database(path: Path, tables: Sequence[RandomTable]) -> None:
    """Write *tables* into a new database; text goes in as bytes, so that it may be no UTF-8."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("pragma synchronous = off")
        connection.execute("begin")
        for table in tables:
            connection.execute(table.create)
            for row in table.rows:
                marks = ", ".join(
                    "cast(? as text)" if isinstance(value, str) else "?" for value in row
                )
                values = [
                    v.encode(errors="surrogateescape") if isinstance(v, str) else v for v in row
                ]
                # Rows that break a constraint of the table are left out.
                with suppress(sqlite3.IntegrityError):
                    connection.execute(f"insert into {table.name} values ({marks})", values)
        connection.execute("commit")


def random_table(seed: int) -> RandomTable:
    """Return the table of *seed*: always the same."""
    chance = Random(seed)
    strict = chance.random() < 0.1
    names = _names(chance, chance.randint(1, 12))
    declared = [chance.choice(STRICT if strict else DECLARED) for _ in names]
    rows = chance.choice((0, 1, 2, 3, chance.randint(4, 60)))
    columns = [_column(chance, kind, rows, strict=strict) for kind in declared]
    partition_by = None
    if chance.random() < 0.15 and not strict:
        partition_by = names[0] = "at"
        declared[0] = chance.choice(("datetime", "timestamp", "date"))
        columns[0] = _times(chance, declared[0], rows)
    options, keyed = ["strict"] if strict else [], chance.random() < 0.3
    if keyed and chance.random() < 0.4:
        options.append("without rowid")
    parts = [
        f"{_quote(name)} {kind}{' primary key' if keyed and index == len(names) - 1 else ''}"
        for index, (name, kind) in enumerate(zip(names, declared, strict=True))
    ]
    name = f"t{seed}"
    return RandomTable(
        name=name,
        columns=tuple(names),
        create=f"create table {name} ({', '.join(parts)}) {', '.join(options)}",
        rows=tuple(zip(*columns, strict=True)) if rows else (),
        partition_by=partition_by,
        every=chance.choice(("day", "month", "year")),
    )


def _names(chance: Random, number: int) -> list[str]:
    found: dict[str, str] = {}
    while len(found) < number:
        name = chance.choice(NAMES) if chance.random() < 0.4 else f"c{len(found)}"
        if chance.random() < 0.05:
            name = "".join(chr(chance.choice((chance.randint(32, 126), 0xE9))) for _ in range(9))
        found.setdefault(name.lower(), name)
    return list(found.values())


def _column(chance: Random, declared: str, rows: int, *, strict: bool) -> list[Value]:
    """Return values that fit their column, or of one class, or of all."""
    way = chance.random()
    if strict:
        way = 0.9 if declared == "any" else 0.3
    if way < 0.5:
        values: list[Value] = [_fitting(chance, declared) for _ in range(rows)]
        if way < 0.1 and rows:
            values[chance.randrange(rows)] = _any(chance)  # the odd one, at any place
    elif way < 0.7:
        make = chance.choice((_integer, _real, _text, _blob))
        values = [make(chance) for _ in range(rows)]
    else:
        values = [_any(chance) for _ in range(rows)]
    empty = chance.choice((0.0, 0.0, 0.1, 0.5, 1.0))
    return [None if chance.random() < empty else value for value in values]


def _any(chance: Random) -> Value:
    return chance.choice((_integer, _real, _text, _blob))(chance)


def _integer(chance: Random) -> int:
    way = chance.random()
    if way < 0.4:
        return chance.choice(INTEGERS)
    if way < 0.6:
        return chance.randint(1_600_000_000, 1_800_000_000) * chance.choice((1, 1000, 10**6))
    return chance.randint(-(10 ** chance.randint(1, 18)), 10 ** chance.randint(1, 18))


def _real(chance: Random) -> float:
    if chance.random() < 0.4:
        return chance.choice(REALS)
    return float(chance.uniform(-1, 1) * 10.0 ** chance.randint(-20, 20))


def _text(chance: Random) -> str:
    way = chance.random()
    if way < 0.55:
        return chance.choice(TEXTS)
    if way < 0.6:
        return b"\xff\xc3(".decode(errors="surrogateescape")
    if way < 0.7:
        return chance.choice(JSONS)
    if way < 0.8:
        return _instant(chance)
    signs = (
        chr(chance.choice((chance.randint(32, 126), chance.randint(160, 0x4FF)))) for _ in "12345"
    )
    return "".join(signs) * chance.randint(0, 4)


def _blob(chance: Random) -> bytes:
    return (
        chance.choice(BLOBS) if chance.random() < 0.5 else chance.randbytes(chance.randint(0, 40))
    )


def _fitting(chance: Random, declared: str) -> Value:
    kind = declared.partition("(")[0]
    if kind in _FITTING:
        return _FITTING[kind](chance)
    return _integer(chance) if "int" in kind else _text(chance)


def _json(chance: Random) -> str:
    return chance.choice(JSONS[:5]) if chance.random() < 0.8 else json.dumps(_text(Random(1)))


def _decimal(chance: Random) -> float:
    return round(chance.uniform(-9999, 9999), 2)


def _clock(chance: Random) -> str:
    clock = f"{chance.randint(0, 23):02}:{chance.randint(0, 59):02}:{chance.randint(0, 59):02}"
    return clock + chance.choice(("", ".5", ".123456", ".123456789"))


def _day(chance: Random) -> str:
    year = chance.choice((1, 1582, 1900, 1969, 1970, 2024, 2026, 9999))
    return f"{year:04}-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}"


def _instant(chance: Random) -> str:
    clock = f"{chance.randint(0, 23):02}:{chance.randint(0, 59):02}"
    clock += chance.choice(("", ":00", ":59", ":30.5", ":30.123456", ":60"))
    zone = chance.choice(("", "", "", "Z", "+00:00", "+05:30", "-0800", "+02", " +01:00"))
    day = _day(chance)
    # An offset would move the first and the last days out of the calendar.
    zone = "" if day.startswith(("0001-01-01", "9999-12-31")) else zone
    return f"{day}{chance.choice(' T')}{clock}{zone}"


_FITTING: dict[str, Callable[[Random], Value]] = {
    "boolean": lambda chance: chance.randint(0, 1),
    "decimal": _decimal,
    "numeric": _decimal,
    "date": _day,
    "datetime": _instant,
    "timestamp": _instant,
    "time": _clock,
    "json": _json,
    "uuid": lambda chance: f"{chance.getrandbits(128):032x}",
    "real": _real,
    "double": _real,
    "float": _real,
    "blob": _blob,
}


def _times(chance: Random, declared: str, rows: int) -> list[Value]:
    """Return times that all rows can be sliced by, a few of them missing."""
    days = [_day(chance) for _ in range(3)]
    found: list[Value] = []
    for _ in range(rows):
        day = chance.choice(days)
        clock = "" if declared == "date" else f"T{chance.randint(0, 23):02}:00:00"
        found.append(None if chance.random() < 0.1 else day + clock)
    return found


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
