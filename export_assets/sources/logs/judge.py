"""The one strict JSON parser for log lines: an object, or a reason why there is none.

Whole stretches of lines are parsed at once where it can be shown that this gives what parsing
each line alone gives; see `_parse_all`. Every other line is judged alone by `judge_line`.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

import msgspec
import numpy as np

from export_assets.sources.logs.blocks import LineBlock, is_utf8
from export_assets.sources.logs.template import (
    Fields,
    Matched,
    Template,
    learn,
    match,
)

Reason = Literal[
    "bad_utf8",
    "nul",
    "malformed",
    "trailing",
    "not_object",
    "duplicate_key",
    "too_deep",
    "number",
    "surrogate",
    "columns",
]
"""Why a line is refused.

- `bad_utf8`: its bytes are no UTF-8.
- `nul`: it holds a NUL byte.
- `malformed`: it is no JSON (or, of CSV, its quotes do not match).
- `trailing`: something follows the first value, be it a second object.
- `not_object`: a list, text, number, true, false or null.
- `duplicate_key`: an object in it has a key twice (policy `quarantine`).
- `too_deep`: objects and lists are nested more than 64 deep.
- `number`: NaN, an infinity, or a number that neither an exact integer nor a double holds.
- `surrogate`: an escape for half of a surrogate pair.
- `columns`: of CSV, it has more or fewer fields than the header.
"""

DuplicateKeys = Literal["quarantine", "last_wins"]
"""What becomes of an object with a key twice; `last_wins` counts it."""

MAX_DEPTH: Final = 64
Record = dict[str, Any]

_DECODER: Final = msgspec.json.Decoder()
_BLANKS = b" \t\r"
_FEW = 16
_SAMPLES = 8
_WHITE = b" \t\r\n"
_KEY = b'":'
_HALF_PAIR = re.compile(rb"\\u[dD][89a-fA-F]")
_NO_NUMBER = re.compile(rb"[:\[,\s](?:-?Infinity|NaN)\b|^(?:-?Infinity|NaN)$")


@dataclass(frozen=True, kw_only=True, slots=True)
class Rejected:
    """A line that is refused."""

    index: int
    """Which of the lines judged."""
    reason: str
    """One of `Reason`, or what a reader of the records adds to them."""
    detail: str


@dataclass(kw_only=True, slots=True)
class Judged:
    """What became of each of some lines: every one is in exactly one of the three lists."""

    kept: Sequence[int] = field(default_factory=list)
    """The lines that hold a record, in order."""
    records: Sequence[Any] = field(default_factory=list)
    """Their records, in the same order: objects of JSON, fields of CSV."""
    rejected: list[Rejected] = field(default_factory=list)
    blank: list[int] = field(default_factory=list)
    """Lines of nothing but blanks."""
    duplicate_keys: int = 0
    """Lines kept in which the last of two equal keys won."""

    def followed_by(self, other: "Judged", *, by: int) -> "Judged":
        """Return this and what became of further lines, whose numbers are less by *by*."""
        return Judged(
            kept=[*self.kept, *(index + by for index in other.kept)],
            records=[*self.records, *other.records],
            rejected=[
                *self.rejected,
                *(replace(one, index=one.index + by) for one in other.rejected),
            ],
            blank=[*self.blank, *(index + by for index in other.blank)],
            duplicate_keys=self.duplicate_keys + other.duplicate_keys,
        )


class _RefusedError(Exception):
    def __init__(self, *, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason: Reason = reason
        self.detail = detail


def judge_lines(
    lines: Sequence[bytes],
    *,
    duplicate_keys: DuplicateKeys = "quarantine",
    columns: bool = False,
) -> Judged:
    """Judge *lines*, the content of each without its terminator.

    Args:
        lines: The lines.
        duplicate_keys: What becomes of an object with a key twice.
        columns: Where most lines are written alike, their records may be `Fields`, which give
            columns at once. It decides nothing about what is accepted.
    """
    if columns and isinstance(lines, LineBlock):
        judged = _judge_alike(lines, duplicate_keys)
        if judged is not None:
            return judged
    return _judge_many(lines, duplicate_keys)


def _judge_alike(lines: LineBlock, duplicate_keys: DuplicateKeys) -> Judged | None:
    """Judge *lines* by the first ones that others may be alike; None unless most are."""
    for line in lines[:_SAMPLES]:
        template = learn(line) if judge_line(line).kept else None
        if template is None:
            continue
        matched = match(lines, template)
        if 2 * len(matched.rows) > len(lines):
            return _judge_rest(lines, template, matched, duplicate_keys)
    return None


def _judge_rest(
    lines: LineBlock, template: Template, matched: Matched, duplicate_keys: DuplicateKeys
) -> Judged:
    """Judge the lines that are not of *template*, and put all records together."""
    alike = np.zeros(len(lines), dtype=np.bool_)
    alike[matched.rows] = True
    if alike.all():
        fields = Fields(lines, template, matched, {})
        return Judged(kept=range(len(lines)), records=fields)
    rest = np.flatnonzero(~alike)
    judged = _judge_many([lines[row] for row in rest.tolist()], duplicate_keys)
    others = rest[np.array(judged.kept, dtype=np.int64)]
    alike[others] = True
    kept = np.flatnonzero(alike)
    places = np.searchsorted(kept, others).tolist()
    moved = replace(matched, rows=np.searchsorted(kept, matched.rows))
    records = dict(zip(places, judged.records, strict=True))
    return Judged(
        kept=kept.tolist(),
        records=Fields(lines.take(kept), template, moved, records),
        rejected=[replace(one, index=int(rest[one.index])) for one in judged.rejected],
        blank=[int(rest[index]) for index in judged.blank],
        duplicate_keys=judged.duplicate_keys,
    )


def _judge_many(lines: Sequence[bytes], duplicate_keys: DuplicateKeys) -> Judged:
    kept, records = list[int](), list[Record]()
    judged = Judged(kept=kept, records=records)
    if not lines:
        return judged
    parsed = _parse_all(lines)
    if parsed is not None:
        return Judged(kept=range(len(lines)), records=parsed)
    if len(lines) > _FEW:
        # One odd line must not make its thousand neighbours slow.
        half = len(lines) // 2
        return _judge_many(lines[:half], duplicate_keys).followed_by(
            _judge_many(lines[half:], duplicate_keys), by=half
        )
    for index, line in enumerate(lines):
        if not line.strip(_BLANKS):
            judged.blank.append(index)
            continue
        try:
            record, doubled = _judge(line, duplicate_keys)
        except _RefusedError as error:
            judged.rejected.append(Rejected(index=index, reason=error.reason, detail=error.detail))
        else:
            kept.append(index)
            records.append(record)
            judged.duplicate_keys += doubled
    return judged


def judge_line(line: bytes, *, duplicate_keys: DuplicateKeys = "quarantine") -> Judged:
    """Judge one line alone, by the rules that are the measure of all others."""
    return judge_lines([line], duplicate_keys=duplicate_keys)


def count_keys(value: object) -> int:
    """Return how many keys all objects in *value* have together."""
    if isinstance(value, dict):
        return len(value) + sum(count_keys(v) for v in value.values() if isinstance(v, dict | list))
    if isinstance(value, list):
        return sum(count_keys(v) for v in value if isinstance(v, dict | list))
    return 0


def _parse_all(lines: Sequence[bytes]) -> list[Record] | None:
    r"""Parse *lines* in one go; None unless that is certain to be right for each of them.

    Every line begins with `{` and ends with `}`, so a line feed stands between `}` and `{` and
    cannot be within a value; as many values as lines came out, so each line holds exactly one.
    No key is doubled: in valid JSON each key is `"` with `:` behind, and there are no more of
    those than keys that came out.
    """
    data = b"\n".join(lines)
    if not (data.startswith(b"{") and data.endswith(b"}")):
        return None
    if data.count(b"}\n{") != len(lines) - 1 or not is_utf8(data):
        return None
    brackets = data.count(b"{") + data.count(b"[")
    if brackets > MAX_DEPTH and any(
        line.count(b"{") + line.count(b"[") > MAX_DEPTH for line in _deep(lines, brackets)
    ):
        return None
    try:
        objects: list[Record] = _DECODER.decode_lines(data)
    except (ValueError, RecursionError):
        return None
    if len(objects) != len(lines):
        return None
    keys = sum(map(len, objects))
    if _count_key_ends(data) != keys and any(
        _count_key_ends(line) != count_keys(record)
        for line, record in zip(lines, objects, strict=True)
    ):
        return None
    return objects


def _count_key_ends(data: bytes) -> int:
    # At least the number of keys: a text such as "\":" is counted as well.
    return data.translate(None, _WHITE).count(_KEY)


def _deep(lines: Sequence[bytes], brackets: int) -> Sequence[bytes]:
    # Each line has its own bracket: with fewer than 64 more in all, none can be too deep.
    return lines if brackets - len(lines) >= MAX_DEPTH else ()


def _judge(line: bytes, duplicate_keys: DuplicateKeys) -> tuple[Record, bool]:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _RefusedError(
            reason="bad_utf8", detail=f"byte {error.start}: {error.reason}"
        ) from error
    if b"\0" in line:
        raise _RefusedError(reason="nul", detail=f"byte {line.index(0)} is NUL")
    if line.count(b"{") + line.count(b"[") > MAX_DEPTH and _depth(line) > MAX_DEPTH:
        raise _RefusedError(reason="too_deep", detail=f"nested deeper than {MAX_DEPTH}")
    try:
        record = _DECODER.decode(line)
    except (ValueError, RecursionError) as error:
        raise _RefusedError(reason=_why(line, str(error)), detail=str(error)) from error
    if not isinstance(record, dict):
        raise _RefusedError(reason="not_object", detail=f"a JSON {_kind(record)}, not an object")
    doubled = _count_key_ends(line) != count_keys(record) and _doubled_key(line)
    if doubled and duplicate_keys == "quarantine":
        raise _RefusedError(reason="duplicate_key", detail=f"key {doubled[:60]} occurs twice")
    return record, bool(doubled)


def _why(line: bytes, message: str) -> Reason:
    if "out of range" in message or _NO_NUMBER.search(line):
        return "number"
    if "surrogate" in message or ("truncated" in message and _HALF_PAIR.search(line[-16:])):
        return "surrogate"
    return "trailing" if "trailing characters" in message else "malformed"


def _kind(value: object) -> str:
    names = {list: "list", str: "text", bool: "boolean", type(None): "null"}
    return names.get(type(value), "number")


def _depth(line: bytes) -> int:
    """Return how deep *line* nests, texts left out; malformed lines count as they stand."""
    deepest = depth = 0
    for token in re.finditer(rb'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]', line):
        if token[0] in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif token[0] in b"]}":
            depth -= 1
    return deepest


def _doubled_key(line: bytes) -> str:
    """Return the first key that an object in the valid JSON of *line* has twice, or nothing."""
    found: list[str] = []

    def look(pairs: list[tuple[str, object]]) -> None:
        seen = set()
        for key, _ in pairs:
            if key in seen:
                found.append(json.dumps(key, ensure_ascii=False))
            seen.add(key)

    json.loads(line, object_pairs_hook=look, parse_int=str, parse_float=str)
    return found[0] if found else ""
