"""What is read of many lines at once is what is read of each alone."""

import random
from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from export_assets.sources.logs.moments import LocalTime
from export_assets.systems.leadville.event_texts import meaning_of, meanings_of
from export_assets.systems.leadville.identity import content_ids
from export_assets.systems.leadville.local_time import read_logger_times

MASK = 2**64 - 1
DETAILS = [
    "Timer Start Button pressed", "timer start beep", "Timer Started", "SHOT detected",
    "Sensor Impact detected", "Timer stop button", "Shot 3: 1.25s", "Shot Sequence 4/7: 2.50 s",
    "Shot 12: 3", "Timer Active: 9.999999999s", "Timer Active: 1234567890s", "string time: 1.1 sx",
    "String Time: 5.25s; Shots Detected: 4; Impacts Detected: 2", "String Time: x String Time: 2s",
    "", " ", "\x1f\x0b", "\u2003", "é", "\u017fhot 2: 1.5s", "status", "0123456789.12s", " 7s",
    "\u0130",
]  # fmt: skip
KINDS = [
    "String", "string", "STRING", "Status", "status", "StringSummary", "STRINGSUMMARY", "x", None,
    "", "\u017ftring", "\u017ftatus", "STR\u0130NG",
]  # fmt: skip
DAYS = [
    "3/8/26", "3/9/25", "11/2/25", "11/1/25", "2/29/25", "12/31/99", "01/1/25", "1/1/69", "13/1/25",
    "5/5/68", "3/10/24", "1/7/72", "4/6/25",
]  # fmt: skip


def words(rng: random.Random) -> str | None:
    said = "".join(rng.choice(DETAILS) for _ in range(rng.randint(1, 3)))
    return None if rng.random() < 0.02 else said


def reading(rng: random.Random) -> str | None:
    seconds = rng.choice(["%02d.%02dam", "%02d.%02dPM"]) % (rng.randrange(62), rng.randrange(100))
    if rng.random() < 0.2:
        seconds = rng.choice(["07am", "08.123456pm", "09.1am", "10.11xm"])
    hour, minute = rng.choice([0, 1, 2, 2, 12, 13]), rng.choice([0, 1, 29, 30, 44, 59, 60])
    text = f"{rng.choice(DAYS)} {hour}:{minute:02d}:{seconds}"
    return rng.choice([None, "", f"é{text}", f"{text}é", text[1:]] + [text] * 95)


def test_meanings_of_many_lines_are_those_of_each() -> None:
    rng = random.Random(3)
    lines = [(rng.choice(KINDS), words(rng)) for _ in range(20_000)]
    kinds, details = (pl.Series(column, dtype=pl.String) for column in zip(*lines, strict=True))

    found = meanings_of(kinds, details)

    alone = [meaning_of(*line) for line in lines]
    for name, column in found.items():
        assert column.to_list() == [getattr(one, name) for one in alone]


@pytest.mark.parametrize(
    "zone", ["America/Denver", "UTC", "Australia/Lord_Howe", "Africa/Monrovia"]
)
@pytest.mark.parametrize(
    "choice",
    [{}, {"fold": "earliest", "gap": "later"}, {"fold": "latest"}],
    ids=["refused", "earliest", "latest"],
)
def test_times_of_one_minute_are_read_as_each_alone(zone: str, choice: dict[str, Any]) -> None:
    rng, clock = random.Random(zone), LocalTime(zone=zone, **choice)
    texts = [text for _ in range(100) for text in [reading(rng)] * rng.randint(1, 3)]

    found = read_logger_times(pl.Series(texts, dtype=pl.String), clock)

    alone = [read_logger_times(pl.Series([text], dtype=pl.String), clock) for text in texts]
    assert found.instants.to_list() == [one.instants[0] for one in alone]
    assert found.refused == {
        row: reason for row, one in enumerate(alone) for reason in one.refused.values()
    }
    assert 20 < found.instants.null_count() < 150


def hash_of(text: str) -> str:
    """The hash as decision 0018 has it, one word after the other."""
    data = text.encode()
    first, second = (seed ^ len(data) for seed in (0x6A09E667F3BCC909, 0xBB67AE8584CAA73B))
    for at in range(0, len(data), 8):
        word = int.from_bytes(data[at : at + 8], "little") * 0xD6E8FEB86659FD93 & MASK
        first = (first ^ word ^ (word >> 32)) * 0xBF58476D1CE4E5B9 & MASK
        first ^= first >> 29
        second = (second ^ first) * 0x9FB21C651E98DF25 & MASK
        second ^= second >> 32
    return f"{finished(first):016x}{finished(second):016x}"


def finished(state: int) -> int:
    state = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9 & MASK
    state = (state ^ (state >> 27)) * 0x94D049BB133111EB & MASK
    return state ^ (state >> 31)


def test_ids_are_the_documented_hash_of_what_is_said() -> None:
    rng = random.Random(5)
    rows = [[words(rng), words(rng)] for _ in range(2_000)] + [[None, None], ["é" * 900, "x"]]
    columns = [pl.Series(column, dtype=pl.String) for column in zip(*rows, strict=True)]

    ids = content_ids(columns, family="event", logger="range")

    said = ["\x1f".join(["event", "range", *(part or "" for part in row)]) for row in rows]
    assert ids.to_list() == [hash_of(text) for text in said]
    assert ids.n_unique() == len(set(said))


def flipped(text: str, rng: random.Random) -> str:
    at = rng.randrange(len(text))
    return text[:at] + chr(ord(text[at]) ^ 1 << rng.randrange(6)) + text[at + 1 :]


def moved(text: str, rng: random.Random) -> str:
    at, to = sorted(rng.sample(range(len(text)), 2))
    return text[:at] + text[to] + text[at + 1 : to] + text[at] + text[to + 1 :]


@pytest.mark.parametrize("change", [flipped, moved])
def test_each_half_of_an_id_tells_texts_that_are_nearly_alike(
    change: Callable[[str, random.Random], str],
) -> None:
    rng = random.Random(8)
    text = "9/14/25 8:44:01.22am String Timer AA:BB:CC:DD:EE:01 Shot detected"
    texts = {text}
    while len(texts) < 20_000:
        texts.add(change(rng.choice([text, change(text, rng)]), rng))

    ids = content_ids([pl.Series(sorted(texts))], family="event", logger="")

    assert ids.str.head(16).n_unique() == ids.str.tail(16).n_unique() == len(texts)
    bits = [int(one, 16) for one in ids.head(2_000)]
    assert all(900 < sum(one >> place & 1 for one in bits) < 1_100 for place in range(128))


def test_no_events_have_no_ids() -> None:
    empty = pl.Series([], dtype=pl.String)

    assert content_ids([empty], family="event", logger="").to_list() == []
