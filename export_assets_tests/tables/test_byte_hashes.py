"""Many values at once: in blocks, once where they repeat, and the same as one by one."""

import hashlib
from collections.abc import Sequence
from random import Random

import pyarrow as pa
import pytest

from export_assets.tables.byte_hashes import hash_bytes

WRAP = 2**64
DRAW = Random(7)


def one_by_one(value: bytes) -> int:
    state = len(value) ^ 0x9E3779B97F4A7C15
    value = hashlib.sha256(value).digest() if len(value) > 65_536 else value
    for start in range(0, len(value), 8):
        word = int.from_bytes(value[start : start + 8], "little")
        state = (state ^ word) * 0xBF58476D1CE4E5B9 % WRAP
        state ^= state >> 32
    state = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9 % WRAP
    state = (state ^ (state >> 27)) * 0x94D049BB133111EB % WRAP
    return state ^ (state >> 31)


def hashed(values: Sequence[bytes | None]) -> list[int]:
    return [int(one) for one in hash_bytes(pa.array(values, pa.large_binary()))]


@pytest.mark.parametrize(
    "values",
    [
        pytest.param([DRAW.randbytes(row % 61) for row in range(20_000)], id="more-than-a-block"),
        pytest.param([DRAW.randbytes(DRAW.randrange(60_000)) for _ in range(90)], id="much"),
        pytest.param([DRAW.randbytes(32) for _ in range(3_000)], id="whole-words"),
        pytest.param([DRAW.randbytes(13) for _ in range(3_000)], id="of-one-length"),
        pytest.param([b"%d" % (row % 40) for row in range(5_000)], id="the-same-again"),
        pytest.param([b"%d" % max(0, row - 1_500) for row in range(3_000)], id="the-same-at-first"),
        pytest.param([b"always this"] * 3_000, id="one-value"),
        pytest.param([b"abc", b"abd", *[b"abc"] * 3_000], id="one-value-but-once"),
        pytest.param([b"ab", b"aba", b"b", *[b"ab"] * 3_000], id="one-value-shifted"),
        pytest.param([b"e" * 65_537] * 3, id="one-long-value"),
        pytest.param([b""] * 2_000, id="nothing"),
        pytest.param([b"a", b"b" * 65_536, b"", b"c" * 65_537, b"d" * 9], id="long"),
        pytest.param([b"b" * 65_537] * 2, id="nothing-but-long"),
    ],
)
def test_many_values_hash_as_each_does_alone(values: list[bytes]) -> None:
    assert hashed(values) == [one_by_one(value) for value in values]


@pytest.mark.parametrize("kinds", [30, 5_000])
def test_nulls_change_no_other_hash(kinds: int) -> None:
    values = [None if row % 7 == 0 else b"value %d" % (row % kinds) for row in range(5_000)]

    found = hashed(values)

    assert [one for one, value in zip(found, values, strict=True) if value is not None] == [
        one_by_one(value) for value in values if value is not None
    ]


def test_a_slice_hashes_as_what_it_holds() -> None:
    values = [b"%d" % row * (row % 5) for row in range(9_000)]
    whole = pa.array(values, pa.large_binary())

    found = hash_bytes(whole.slice(1_234, 4_321))

    assert found.tolist() == [one_by_one(value) for value in values[1_234 : 1_234 + 4_321]]
