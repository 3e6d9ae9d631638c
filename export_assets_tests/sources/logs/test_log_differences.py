"""Logs as json, orjson, Polars and DuckDB read them: where they differ from us is a list."""

import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from export_assets.sources.logs.judge import judge_line
from export_assets_tests.effort import SOAK, effort
from export_assets_tests.proof.plugin import Proven
from export_assets_tests.sources.logs.log_files import read
from export_assets_tests.sources.logs.other_parsers import (
    ALLOWED,
    DUCKDB,
    JSON,
    ORJSON,
    POLARS,
    Allowed,
    Parser,
    Record,
    parsers,
    reasons,
    same,
)
from export_assets_tests.sources.logs.test_log_judge import (
    ACCEPTED,
    REFUSED,
    mutate,
    mutate_once,
)

pytestmark = [pytest.mark.suite("differential"), pytest.mark.promise("nothing-changed-silently")]

LINES = effort(400, soak=5_000)
SEED = random.SystemRandom().getrandbits(24) if SOAK else 7
ENDS_OTHERS = {"1,000 deep", "1,000,000 deep"}
"""Lines that end the process of others."""
BASES = (
    b'{"a":%d,"b":"x\xc3\xa9%d","c":{"d":[1.5,2.5,null]}}',
    b'{"a":%d,"b":"%d"}',
    b'{"a":-%d.5e1,"b":true,"t":"%d\\u00e9\\n","c":null}',
)
MANY = b"".join(b'{"a":%d}\n' % n for n in range(120))

FILES: dict[str, bytes] = {
    "sound": b'{"a":1}\n{"a":2}\n',
    "no line end at the end": b'{"a":1}\n{"a":2}',
    "one bad line": b'{"a":1}\n{"a":\n{"a":3}\n',
    "last line cut": b'{"a":1}\n{"a":',
    "garbage behind": b'{"a":1}x\n{"a":2}\n',
    "two objects on a line": b'{"a":1}{"a":2}\n{"a":3}\n',
    "bad utf-8": b'{"a":"x"}\n{"a":"\xff"}\n',
    "raw nul": b'{"a":"x"}\n{"a":"y\0"}\n',
    "nul tail": b'{"a":1}\n' + bytes(64),
    "nul line": b'{"a":1}\n\0\0\0\n{"a":2}\n',
    "bom at the start": b'\xef\xbb\xbf{"a":1}\n{"a":2}\n',
    "bom within": b'{"a":1}\n\xef\xbb\xbf{"a":2}\n',
    "crlf": b'{"a":1}\r\n{"a":2}\r\n',
    "lone cr": b'{"a":1}\r{"a":2}\n{"a":3}\n',
    "blank lines": b'{"a":1}\n\n \t\n{"a":2}\n\n',
    "lone surrogate": b'{"a":"x"}\n{"a":"\\ud800"}\n',
    "nan": b'{"a":1.5}\n{"a":NaN}\n',
    "infinity": b'{"a":1.5}\n{"a":Infinity}\n',
    "1e400": b'{"a":1.5}\n{"a":1e400}\n',
    "2^63": b'{"a":9223372036854775808}\n',
    "2^64": b'{"a":18446744073709551616}\n',
    "30 digits": b'{"a":123456789012345678901234567890}\n',
    "integer and float": b'{"a":1}\n{"a":1.5}\n',
    "2^53+1 and float": b'{"a":9007199254740993}\n{"a":1.5}\n',
    "integer and text": b'{"a":1}\n{"a":"x"}\n',
    "object and scalar": b'{"a":{"b":1}}\n{"a":1}\n',
    "boolean and integer": b'{"a":true}\n{"a":1}\n',
    "list and scalar": b'{"a":[1]}\n{"a":1}\n',
    "a line that is a list": b'{"a":1}\n[1]\n',
    "lines that are scalars": b'{"a":1}\n5\nnull\n"s"\n',
    "key twice": b'{"a":1,"a":2}\n{"a":3}\n',
    "new key after 100 lines": MANY + b'{"a":1,"b":2}\n',
    "new type after 100 lines": MANY + b'{"a":"x"}\n',
    "empty": b"",
    "only line ends": b"\n\n\n",
    "trailing comma": b'{"a":1,}\n{"a":2}\n',
    "200 deep": b'{"a":' + b"[" * 199 + b"]" * 199 + b"}\n",
    "1 MB in a line": b'{"a":"' + b"x" * 1_000_000 + b'"}\n{"a":"y"}\n',
    "u+2028": '{"a":"\u2028"}\n{"a":"\u0085"}\n'.encode(),
}
"""Table 7.1: one odd thing each."""

ALL, FRAMES = (JSON, ORJSON, POLARS, DUCKDB), (POLARS, DUCKDB)
REFUSES, MORE, OTHER = "refuses the whole file", "more records", "other values"
NO_OBJECTS = {"a line that is a list", "lines that are scalars"}
NO_NUMBERS = {"nan", "infinity", "1e400"}
BROKEN = {
    "bad utf-8", "garbage behind", "last line cut", "lone cr", "nul line", "nul tail",
    "one bad line", "raw nul", "two objects on a line",
}  # fmt: skip
TWO_KINDS = {"object and scalar", "boolean and integer", "list and scalar"}
TABLE = (
    (ALL, MORE, "a line without an end may still grow: we wait for it", {"no line end at the end"}),
    (ALL, REFUSES, "one bad line takes all others with it", BROKEN),
    ((JSON, ORJSON, POLARS), REFUSES, "what is no object takes all with it", NO_OBJECTS),
    ((DUCKDB,), MORE, "what is no object is a value, too", NO_OBJECTS),
    ((JSON, DUCKDB), MORE, "reads what is no finite number", NO_NUMBERS),
    ((ORJSON, POLARS), REFUSES, "what is no finite number takes all with it", NO_NUMBERS),
    ((DUCKDB,), MORE, "reads a comma before a closing bracket", {"trailing comma"}),
    ((JSON, ORJSON, POLARS), REFUSES, "such a comma takes all with it", {"trailing comma"}),
    ((ORJSON, POLARS), REFUSES, "knows no byte order mark", {"bom at the start"}),
    ((JSON,), MORE, "leaves out a byte order mark on any line", {"bom within"}),
    ((ORJSON, POLARS, DUCKDB), REFUSES, "a byte order mark takes all with it", {"bom within"}),
    ((JSON, POLARS), MORE, "keeps half of a pair, or makes it a NUL", {"lone surrogate"}),
    ((ORJSON, DUCKDB), REFUSES, "half of a pair takes all with it", {"lone surrogate"}),
    ((JSON, ORJSON, POLARS), MORE, "one of two equal keys is lost", {"key twice"}),
    ((DUCKDB,), REFUSES, "two equal keys take all with them", {"key twice"}),
    ((JSON, ORJSON, POLARS), MORE, "nests deeper than 64", {"200 deep"}),
    ((ORJSON, DUCKDB), OTHER, "integers beyond 64 bits become doubles", {"2^64", "30 digits"}),
    (FRAMES, OTHER, "a column is of one type", {"integer and float", "2^53+1 and float"}),
    (FRAMES, OTHER, "numbers become text", {"integer and text", "new type after 100 lines"}),
    ((DUCKDB,), OTHER, "values of two kinds become JSON text", TWO_KINDS),
    ((POLARS,), REFUSES, "values of two kinds take all with them", TWO_KINDS),
    (FRAMES, "absent keys are null", "a column is in every row", {"new key after 100 lines"}),
    ((POLARS,), REFUSES, "where there is nothing there is no type", {"empty", "only line ends"}),
)
"""Who differs, how, why, and in which of the files."""


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Parser]]:
    with parsers(tmp_path_factory.mktemp("others")) as found:
        yield found


def manner(ours: list[object], refused: int, theirs: list[Record] | None) -> str | None:
    """Say how a reader of a whole file differs from us; None where it does not."""
    if theirs is None:
        return REFUSES if ours or not refused else None
    if len(theirs) != len(ours):
        return MORE if len(theirs) > len(ours) else "fewer records"
    if same(theirs, ours):
        return None
    without = [{key: value for key, value in one.items() if value is not None} for one in theirs]
    return "absent keys are null" if same(without, ours) else OTHER


def test_whole_files_differ_exactly_as_the_table_says(
    others: dict[str, Parser], tmp_path: Path, proven: Proven
) -> None:
    found = set()
    for name, data in FILES.items():
        path = tmp_path / "x.log"
        path.write_bytes(data)
        ours, quarantined, account = read(path)
        pending = account.bytes_seen - data.rfind(b"\n") - 1
        for parser, parse in others.items():
            how = manner(ours, len(quarantined) + bool(pending), parse(data))
            if how is not None:
                found.add((parser, how, name))

    listed = {
        (parser, how, name) for who, how, _, names in TABLE for parser in who for name in names
    }
    assert len(FILES) == 39
    assert sorted(found - listed) == []
    assert sorted(listed - found) == []
    told = f"{len(found)} differences of {len(TABLE)} kinds, {len(found - listed)} not listed"
    proven(len(FILES), "fixtures, 4 other parsers", told)


def lines(chance: random.Random) -> Iterator[bytes]:
    """Yield lines that were damaged at random, for ever."""
    number = 0
    while True:
        number += 1
        line = chance.choice(BASES) % (number, number)
        yield from chance.choice((mutate, mutate_once))(line, chance).split(b"\n")


def test_lines_differ_only_as_the_list_allows_and_in_all_those_ways(
    others: dict[str, Parser], proven: Proven
) -> None:
    known = [line for name, (line, _) in (ACCEPTED | REFUSED).items() if name not in ENDS_OTHERS]
    known.append(b'{"a":1,"A":2}')
    drawn = lines(random.Random(SEED))
    tried = [*known, *(next(drawn) for _ in range(LINES))]
    seen: Counter[Allowed] = Counter()
    verdicts: Counter[str] = Counter()
    unknown = []

    for line in tried:
        judged = judge_line(line)
        verdicts.update(one.reason for one in judged.rejected)
        for parser, parse in others.items():
            records = parse(line + b"\n")
            theirs = records[0] if records is not None and len(records) == 1 else None
            allowed = reasons(parser, line, theirs)
            if allowed == []:
                unknown.append(f"{parser}: {line!r:.200} is {theirs!r:.200}")
            seen.update(allowed or ())

    assert unknown == [], "\n".join([f"seed {SEED}", *unknown])
    assert [one for one in ALLOWED if not seen[one]] == []
    assert len(verdicts) == 9
    told = f"{seen.total()} differences of {len(seen)} kinds, {len(unknown)} not listed"
    proven(len(tried), "lines, 4 other parsers", told)
