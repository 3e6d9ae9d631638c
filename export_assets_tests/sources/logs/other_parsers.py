"""How others read a log, and every way in which they may differ from us, with the reason."""

import json
import math
import re
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import duckdb
import orjson
import polars as pl

from export_assets.sources.logs.judge import judge_line

Record = dict[str, Any]
Parser = Callable[[bytes], list[Record] | None]
"""Reads a whole file; None where it refuses to."""

JSON, ORJSON, POLARS, DUCKDB = "json", "orjson", "polars", "duckdb"
_BOM = b"\xef\xbb\xbf"


@contextmanager
def parsers(scratch: Path) -> Iterator[dict[str, Parser]]:
    """Four parsers by name; what has to be a file is written into the directory *scratch*."""
    with closing(duckdb.connect(config={"threads": 1})) as connection:

        def by_duckdb(data: bytes) -> list[Record] | None:
            path = scratch / "read.ndjson"
            path.write_bytes(data)
            read = "select * from read_json(?, format = 'newline_delimited')"
            try:
                found = connection.execute(read, [str(path)])
                names = [column[0] for column in found.description or ()]
                return [dict(zip(names, row, strict=True)) for row in found.fetchall()]
            except duckdb.Error:
                return None

        yield {
            JSON: lambda data: _by_line(data, json.loads),
            ORJSON: lambda data: _by_line(data, orjson.loads),
            POLARS: by_polars,
            DUCKDB: by_duckdb,
        }


def _by_line(data: bytes, load: Callable[[bytes], Any]) -> list[Record] | None:
    """Read line by line, as everybody's script does."""
    try:
        found = [load(line) for line in data.split(b"\n") if line.strip()]
    except (ValueError, RecursionError):
        return None
    return found if all(isinstance(one, dict) for one in found) else None


def by_polars(data: bytes) -> list[Record] | None:
    """Read with types found in all lines, not only the first hundred."""
    try:
        return pl.read_ndjson(BytesIO(data), infer_schema_length=None).to_dicts()
    except (pl.exceptions.PolarsError, ValueError):
        return None


def same(one: object, other: object) -> bool:
    """Equal in type as well: 2**64 is not 1.8446744073709552e19."""
    return repr(one) == repr(other)


@dataclass(frozen=True)
class Allowed:
    """One way to differ in one line."""

    parser: str
    ours: str
    """Why we refuse the line, or `accepted`."""
    why: str
    holds: Callable[[bytes, Any, Any], bool]
    """Whether this is it, by the line and the records that we and they find in it."""


def _last_wins(line: bytes, _: object, theirs: object) -> bool:
    return same(judge_line(line, duplicate_keys="last_wins").records, [theirs])


def _leaves(value: object) -> Iterator[object]:
    if isinstance(value, dict):
        for key, one in value.items():
            yield key
            yield from _leaves(one)
    elif isinstance(value, list):
        for one in value:
            yield from _leaves(one)
    else:
        yield value


def _not_finite(_: bytes, __: object, theirs: object) -> bool:
    return any(isinstance(one, float) and not math.isfinite(one) for one in _leaves(theirs))


def _half_a_pair(_: bytes, __: object, theirs: object) -> bool:
    return re.search("[\ud800-\udfff]", "".join(map(str, _leaves(theirs)))) is not None


def _nul(line: bytes, _: object, theirs: object) -> bool:
    return b"\0" not in line and any("\0" in str(one) for one in _leaves(theirs))


def _doubles(_: bytes, ours: object, theirs: object) -> bool:
    """Whether integers beyond 64 bits, and nothing else, became the nearest double."""

    def rounded(value: object) -> object:
        wide = isinstance(value, int) and not -(2**63) <= value < 2**64
        return float(value) if wide and isinstance(value, int) else value

    return same([rounded(one) for one in _leaves(ours)], list(_leaves(theirs)))


def _one_type_per_list(_: bytes, ours: object, theirs: object) -> bool:
    """Whether the records differ within lists of several types only."""
    if isinstance(ours, list) and isinstance(theirs, list):
        return len(ours) == len(theirs) and len({type(one) for one in ours} - {type(None)}) > 1
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return list(ours) == list(theirs) and all(
            same(ours[key], theirs[key]) or _one_type_per_list(b"", ours[key], theirs[key])
            for key in ours
        )
    return same(ours, theirs)


def _whole(_: bytes, __: object, theirs: object) -> bool:
    return isinstance(theirs, dict) and list(theirs) == ["json"]


def _numbered(_: bytes, ours: object, theirs: object) -> bool:
    assert isinstance(ours, dict)
    twins = len({key.casefold() for key in ours}) < len(ours)
    values = list(theirs.values()) if isinstance(theirs, dict) else []
    return twins and same(values, list(ours.values()))


def _begins(head: bytes) -> Callable[[bytes, Any, Any], bool]:
    return lambda line, _, __: line.startswith(head)


def _any(*_: object) -> bool:
    return True


ALLOWED = (
    Allowed(JSON, "duplicate_key", "the last of two equal keys wins", _last_wins),
    Allowed(JSON, "number", "reads NaN, and numbers beyond a double as infinities", _not_finite),
    Allowed(JSON, "surrogate", "keeps an escape for half of a pair", _half_a_pair),
    Allowed(JSON, "bad_utf8", "keeps half of a pair that is encoded", _half_a_pair),
    Allowed(JSON, "malformed", "leaves out a byte order mark on any line", _begins(_BOM)),
    Allowed(JSON, "too_deep", "nests as deep as Python does", _any),
    Allowed(ORJSON, "duplicate_key", "the last of two equal keys wins", _last_wins),
    Allowed(ORJSON, "accepted", "integers beyond 64 bits become doubles", _doubles),
    Allowed(ORJSON, "too_deep", "nests 1,024 deep", _any),
    Allowed(POLARS, "duplicate_key", "the first of two equal keys wins, or its type", _any),
    Allowed(POLARS, "surrogate", "half of a pair becomes a NUL", _nul),
    Allowed(POLARS, "accepted", "a list has one type", _one_type_per_list),
    Allowed(POLARS, "too_deep", "nests 1,024 deep", _any),
    Allowed(DUCKDB, "accepted", "integers beyond 64 bits become doubles", _doubles),
    Allowed(DUCKDB, "accepted", "a list has one type", _one_type_per_list),
    Allowed(
        DUCKDB,
        "accepted",
        "a record with an empty key stays one value",
        lambda line, ours, theirs: "" in map(str, _leaves(ours)) and _whole(line, ours, theirs),
    ),
    Allowed(DUCKDB, "accepted", "keys that differ in case only are numbered", _numbered),
    Allowed(DUCKDB, "not_object", "what is no object is a value, too", _whole),
    Allowed(DUCKDB, "number", "reads NaN, and numbers beyond a double as infinities", _not_finite),
    Allowed(
        DUCKDB,
        "malformed",
        "reads a comma before a closing bracket",
        lambda line, _, __: re.search(rb",\s*[]}]", line) is not None,
    ),
    Allowed(DUCKDB, "malformed", "form feeds are blanks", lambda line, _, __: b"\x0c" in line),
    Allowed(DUCKDB, "malformed", "leaves out a byte order mark at the start", _begins(_BOM)),
    Allowed(DUCKDB, "too_deep", "nests 128 deep", _any),
)


def reasons(parser: str, line: bytes, theirs: Record | None) -> list[Allowed] | None:
    """Return what allows *parser* to find *theirs* in *line*; None where it finds what we do."""
    judged = judge_line(line)
    ours = judged.records[0] if judged.records else None
    if same(ours, theirs):
        return None
    verdict = judged.rejected[0].reason if judged.rejected else "accepted"
    return [
        one
        for one in ALLOWED
        if (one.parser, one.ours) == (parser, verdict)
        and theirs is not None
        and one.holds(line, ours, theirs)
    ]
