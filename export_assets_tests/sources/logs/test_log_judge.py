"""The one parser that decides what a record is; `test_log_differences` holds it against others."""

import json
import random
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from export_assets.sources.logs.blocks import cut_lines
from export_assets.sources.logs.judge import DuplicateKeys, Judged, judge_line, judge_lines
from export_assets.sources.logs.template import Fields
from export_assets_tests.effort import SOAK, effort
from export_assets_tests.proof.plugin import Proven
from export_assets_tests.sources.logs.log_files import read

DEEP = b'{"a":' + b"[" * 63 + b"]" * 63 + b"}"

ACCEPTED: dict[str, tuple[bytes, dict[str, Any]]] = {
    "plain": (b'{"a":1}', {"a": 1}),
    "blanks around": (b' \t{"a": 1}\t ', {"a": 1}),
    "escapes": (rb'{"a":"\u00e9\ud83d\ude00\n\u0000"}', {"a": "é😀\n\0"}),
    "backslash before u": (rb'{"a":"\\ud800"}', {"a": r"\ud800"}),
    "quote and colon in a text": (rb'{"a":"\":x","b":":"}', {"a": '":x', "b": ":"}),
    "2^63": (b'{"a":9223372036854775808}', {"a": 2**63}),
    "2^64": (b'{"a":18446744073709551616}', {"a": 2**64}),
    "30 digits": (b'{"a":-999999999999999999999999999999}', {"a": -(10**30 - 1)}),
    "64 deep": (DEEP, json.loads(DEEP)),
    "mixed list": (b'{"a":[1,"x",null,{}]}', {"a": [1, "x", None, {}]}),
    "same key in two objects": (b'{"a":{"x":1},"b":{"x":2}}', {"a": {"x": 1}, "b": {"x": 2}}),
    "empty key": (b'{"":1}', {"": 1}),
    "u+2028": ('{"a":"\u2028"}'.encode(), {"a": "\u2028"}),
}
REFUSED: dict[str, tuple[bytes, str]] = {
    "bad utf-8": (b'{"a":"\xff"}', "bad_utf8"),
    "overlong utf-8": (b'{"a":"\xc0\xaf"}', "bad_utf8"),
    "surrogate in utf-8": (b'{"a":"\xed\xa0\x80"}', "bad_utf8"),
    "nul": (b'{"a":"x\0"}', "nul"),
    "nul behind": (b'{"a":1}\0', "nul"),
    "cut": (b'{"a":"x', "malformed"),
    "trailing comma": (b'{"a":1,}', "malformed"),
    "comment": (b'{"a":1/*x*/}', "malformed"),
    "single quotes": (b"{'a':1}", "malformed"),
    "control character": (b'{"a":"\x01"}', "malformed"),
    "form feed before": (b'\x0c{"a":1}', "malformed"),
    "bom within a file": (b'\xef\xbb\xbf{"a":1}', "malformed"),
    "leading zero": (b'{"a":01}', "malformed"),
    "garbage behind": (b'{"a":1}x', "trailing"),
    "two objects": (b'{"a":1}{"b":2}', "trailing"),
    "two objects parted": (b'{"a":1} {"b":2}', "trailing"),
    "list": (b"[1]", "not_object"),
    "text": (b'"s"', "not_object"),
    "number": (b"5", "not_object"),
    "null": (b"null", "not_object"),
    "true": (b"true", "not_object"),
    "key twice": (b'{"a":1,"a":2}', "duplicate_key"),
    "key twice, blank before colon": (b'{"a" :1,"a"\t:2}', "duplicate_key"),
    "key twice, escaped": (rb'{"a":1,"\u0061":2}', "duplicate_key"),
    "key twice within": (b'{"b":[{"a":1,"a":1}]}', "duplicate_key"),
    "65 deep": (b'{"a":' + b"[" * 64 + b"]" * 64 + b"}", "too_deep"),
    "1,000 deep": (b'{"a":' * 1_000 + b"1" + b"}" * 1_000, "too_deep"),
    "1,000,000 deep": (b"[" * 1_000_000, "too_deep"),
    "nan": (b'{"a":NaN}', "number"),
    "infinity": (b'{"a":-Infinity}', "number"),
    "1e400": (b'{"a":1e400}', "number"),
    "5,000 digits": (b'{"a":' + b"9" * 5_000 + b"}", "number"),
    "lone surrogate": (rb'{"a":"\ud800"}', "surrogate"),
    "low before high": (rb'{"a":"\ude00\ud83d"}', "surrogate"),
    "high before text": (rb'{"a":"\ud83dA, and on and on and on"}', "surrogate"),
}
BLANK = {"empty": b"", "blanks": b" \t ", "carriage return": b"\r"}
FILLER = [b'{"n":%d}' % n for n in range(40)]


def judged_in(form: str, lines: Sequence[bytes]) -> Judged:
    """Judge *lines* one object after the other, or in columns where they are alike."""
    if form == "objects":
        return judge_lines(lines)
    return judge_lines(cut_lines(b"\n".join(lines) + b"\n")[0], columns=True)


every_form = pytest.mark.parametrize("form", ["objects", "columns"])


@pytest.mark.parametrize("name", ACCEPTED)
def test_accepts_an_object_as_it_is(name: str) -> None:
    line, record = ACCEPTED[name]

    judged = judge_line(line)

    assert judged.records == [record]


@pytest.mark.parametrize("name", REFUSED)
def test_refuses_for_the_right_reason(name: str) -> None:
    line, reason = REFUSED[name]

    judged = judge_line(line)

    assert [one.reason for one in judged.rejected] == [reason]
    assert not judged.records


@pytest.mark.parametrize("name", BLANK)
def test_a_blank_line_is_neither(name: str) -> None:
    judged = judge_line(BLANK[name])

    assert (judged.blank, judged.kept, judged.rejected) == ([0], [], [])


@pytest.mark.parametrize("name", [*ACCEPTED, *REFUSED])
@every_form
def test_a_line_among_others_is_judged_as_it_is_alone(name: str, form: str) -> None:
    line = (ACCEPTED | REFUSED)[name][0]

    among = judged_in(form, [*FILLER, line, *FILLER])

    alone = judge_line(line)
    assert len(among.kept) == 80 + len(alone.kept)
    assert [(one.reason, one.detail) for one in among.rejected] == [
        (one.reason, one.detail) for one in alone.rejected
    ]
    assert all(one.index == 40 for one in among.rejected)
    assert alone.records == [among.records[40]] * len(alone.records)


def test_errors_that_make_up_for_each_other_are_seen() -> None:
    lines = [b'{"a":{"b":1}', b'{"c":1}}', b'{"d":1}{"e":2}', b'{"f":', b"1}", b'{"g":1}']

    judged = judge_lines(lines)

    assert judged.records == [{"g": 1}]
    assert [one.index for one in judged.rejected] == [0, 1, 2, 3, 4]


def test_the_last_of_two_keys_wins_where_it_may_and_is_counted() -> None:
    policy: DuplicateKeys = "last_wins"

    judged = judge_lines(
        [b'{"a":1,"a":2}', b'{"a":3}', b'{"b":{"c":1,"c":2}}'], duplicate_keys=policy
    )

    assert judged.records == [{"a": 2}, {"a": 3}, {"b": {"c": 2}}]
    assert judged.duplicate_keys == 2


@every_form
@pytest.mark.parametrize("line", [b'{"a":1,"a":2}', b'{"a" :1,"a":2}'])
def test_a_key_twice_is_seen_among_lines_alike(line: bytes, form: str) -> None:
    judged = judged_in(form, [b'{"a":1}', line, b'{"a":3}'])

    assert [(one.index, one.reason) for one in judged.rejected] == [(1, "duplicate_key")]


def test_lines_alike_come_in_columns_with_the_others_between() -> None:
    lines = [b'{"a":"x","b":1}', b"[]", b'{"b":2}', b'{"a":"","b":-30}', b"", b'{"a":"\\n","b":4}']

    judged = judged_in("columns", [*lines, *lines[:1] * 4])

    records = judged.records
    assert isinstance(records, Fields)
    assert list(judged.kept) == [0, 2, 3, 5, 6, 7, 8, 9]
    assert records == [json.loads(line) for line in [*lines, *lines[:1] * 4] if len(line) > 2]
    assert records.others == {1: {"b": 2}, 3: {"a": "\n", "b": 4}}
    assert records.texts("a").to_list() == ["x", None, None, None, "x", "x", "x", "x"]
    assert records.texts("b").to_list() == ["1", None, "-30", None, "1", "1", "1", "1"]
    assert records.integers("b").to_list() == [1, None, -30, None, 1, 1, 1, 1]
    assert records.integers("a").null_count() == records.integers("c").null_count() == 8
    assert (records[-1], records[2:3]) == ({"a": "x", "b": 1}, [{"a": "", "b": -30}])
    assert [(one.index, one.reason) for one in judged.rejected] == [(1, "not_object")]
    assert judged.blank == [4]


@pytest.mark.parametrize("long", [0, 700_000, 3_000_000])
def test_odd_lines_are_told_by_number_in_megabytes_of_lines_alike(long: int) -> None:
    line = b'{"a":"' + b"x" * 500 + b'","b":%d}'
    lines = [line % number for number in range(5_000)]
    lines[4_000] = line.replace(b"x", b"y" * (1 + long // 500)) % 4_000
    odd = {7: b"", 2_500: b"[]", 2_501: b'{"a":"', 3_999: b'{"b":1}', 4_999: b"\xff" * 600_000}
    for row, other in odd.items():
        lines[row] = other

    judged = judged_in("columns", lines)

    assert isinstance(judged.records, Fields)
    assert list(judged.kept) == [row for row in range(5_000) if row not in odd or row == 3_999]
    assert judged.records.others == {3_999 - 3: {"b": 1}}
    numbers = judged.records.integers("b").to_list()
    assert numbers == [row if row != 3_999 else None for row in judged.kept]
    assert [(one.index, one.reason) for one in judged.rejected] == [
        (2_500, "not_object"), (2_501, "malformed"), (4_999, "bad_utf8")
    ]  # fmt: skip


@pytest.mark.suite("mutated-lines")
@pytest.mark.promise("every-byte")
@pytest.mark.parametrize(
    "line",
    [
        b'{"a":1,"b":"x"}',
        b'{ "a" : -5 , "b":"x" } ',
        b'{"b":"","a":0}',
        '{"é":"ü","long key, longer than a word":"a text that is longer than twelve"}'.encode(),
        b'{"a":"1","b":"2","c":"3","d":4,"e":"5","f":6}',
    ],
)
def test_mutated_lines_in_columns_are_judged_as_alone(line: bytes, proven: Proven) -> None:
    rng = random.Random(line)
    refused = 0

    for _ in range(effort(120, soak=1_000)):
        lines = [mutate_once(line, rng) if rng.random() < 0.3 else line for _ in range(20)]
        judged = judged_in("columns", lines)
        alone = [judge_line(one.removesuffix(b"\r")) for one in lines]

        assert list(judged.records) == [record for one in alone for record in one.records]
        assert list(judged.kept) == [row for row, one in enumerate(alone) if one.kept]
        assert sorted(judged.blank) == [row for row, one in enumerate(alone) if one.blank]
        assert [(one.index, one.reason, one.detail) for one in judged.rejected] == [
            (row, refused.reason, refused.detail)
            for row, one in enumerate(alone)
            for refused in one.rejected
        ]
        refused += len(judged.rejected)
        if isinstance(judged.records, Fields):
            fields = judged.records
            for key in json.loads(line):
                for index, record in enumerate(fields):
                    if index not in fields.others:
                        assert (fields.texts(key)[index] or "") == str(record[key])
    proven(6_000, "lines in columns", f"judged as alone, {refused} of them refused")


def mutate_once(line: bytes, rng: random.Random) -> bytes:
    """Change *line* a little, often within its digits, texts and quotes; no line feeds."""
    at = rng.randrange(len(line))
    pieces = [
        b"0",
        b"-",
        b".5",
        b"e1",
        b'"',
        b"\\",
        b"\\n",
        b"\r",
        b"\xff",
        b"\xc3\xa9",
        b"\t",
        b" ",
        b",",
        b"{",
        b"}",
    ]
    changed = (
        lambda: line[:at] + rng.choice(pieces) + line[at:],
        lambda: line[:at] + line[at + 1 :],
        lambda: line[:at] + bytes([rng.randrange(11, 256)]) + line[at + 1 :],
        lambda: line[:at],
        lambda: line + b"\r",
        lambda: line + line,
        lambda: b"",
    )[rng.randrange(7)]()
    return changed.replace(b"\n", b"")


def mutate(line: bytes, rng: random.Random) -> bytes:
    return mutate_by(rng.randrange(MANNERS), line, rng)


MANNERS = 9


def mutate_by(manner: int, line: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(line))
    return (
        lambda: line[:at],
        lambda: line[:at] + bytes([rng.randrange(256)]) + line[at + 1 :],
        lambda: line[:at] + bytes([line[at] ^ (1 << rng.randrange(8))]) + line[at + 1 :],
        lambda: line + line[at:],
        lambda: line[:at] + b"\0" * rng.randint(1, 9) + line[at:],
        lambda: line[:at] + rng.choice([b"NaN", b"1e999", b"\\ud800", b"[" * 70]) + line[at:],
        lambda: line.replace(b'"b"', b'"a"'),
        lambda: line[:at] + b"\n" + line[at:],
        lambda: rng.choice([b"", b"\r", b"[1]", b"null", b" "]),
    )[manner]()


@pytest.mark.suite("mutated-lines")
@pytest.mark.promise("every-byte")
@pytest.mark.parametrize("columns", [False, True])
@pytest.mark.parametrize("rest", [b',"c":{"d":[1,2.5,null]}', b""], ids=["nested", "flat"])
def test_of_ten_thousand_mutated_lines_every_byte_is_accounted_for(
    tmp_path: Path, rest: bytes, proven: Proven, *, columns: bool
) -> None:
    seed = random.SystemRandom().getrandbits(24) if SOAK else 4
    rng = random.Random(seed)
    manners: Counter[int] = Counter()

    def spoil(line: bytes) -> bytes:
        manner = rng.randrange(MANNERS)
        manners[manner] += 1
        return mutate_by(manner, line, rng)

    lines = [b'{"a":%d,"b":"x\xc3\xa9%d"%b}' % (n, n, rest) for n in range(10_000)]
    content = b"\n".join(spoil(line) if rng.random() < 0.5 else line for line in lines)
    path = tmp_path / "x.log"
    path.write_bytes(content)

    judge = partial(judge_lines, columns=columns)
    records, quarantined, account = read(path, judge=judge, block=10_000)

    whole = content[: content.rfind(b"\n") + 1]
    expected = [by_strict_json(line) for line in whole.split(b"\n")[:-1]]
    runs = account.reasons.get("nul_run", 0)
    told = account.exported + account.quarantined - runs + account.blank
    assert account.bytes_seen == len(content), f"seed {seed}"
    assert told == whole.count(b"\n"), f"seed {seed}"
    assert account.exported == len(records) == sum(one is not None for one in expected)
    assert records == [one for one in expected if one is not None], f"seed {seed}"
    assert account.quarantined == len(quarantined) > 1_000
    assert {"bad_utf8", "nul", "number", "duplicate_key", "trailing"} <= account.reasons.keys()
    assert len(manners) == MANNERS
    missing = len(content) - account.bytes_seen
    parts = f"{account.exported} exported, {account.quarantined} quarantined"
    proven(10_000, f"lines, {len(manners)} manners", f"{parts}, {missing} bytes unaccounted for")


def by_strict_json(line: bytes) -> object:
    """What the standard library says when it is told to be strict."""

    def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
        if len({key for key, _ in pairs}) < len(pairs):
            raise ValueError(pairs)
        return dict(pairs)

    def number(text: str) -> float:
        value = float(text)
        if value in {float("inf"), float("-inf")}:
            raise ValueError(text)
        return value

    def refuse(text: str) -> object:
        raise ValueError(text)

    try:
        text = line.lstrip(b"\0").decode("utf-8").removesuffix("\r")
        value = json.loads(
            text, object_pairs_hook=unique, parse_float=number, parse_constant=refuse
        )
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) and depth(value) <= 64 else None


def depth(value: object) -> int:
    if not isinstance(value, dict | list):
        return 0
    return 1 + max(map(depth, value.values() if isinstance(value, dict) else value), default=0)
