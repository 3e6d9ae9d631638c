"""Columns are looked at as a whole, and say what looking at each text says."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from export_assets.formats.json_columns import is_all_json
from export_assets.formats.json_text import all_json

GOOD = [
    "1",
    '{"a": [1, "é"]}',
    "null",
    ' "x" ',
    "\t[]",
    "[1,\n2]",
    '{\r\n"a": 1}',
    "[" * 30 + "]" * 30,
]
BAD = ["", " ", "{", "1 2", "1\n2", "\n", "nul", '{"a": 1}}', "[" * 900 + "]" * 900, "é", "\ufeff1"]


def column(*chunks: list[str | None]) -> pa.ChunkedArray:
    return pa.chunked_array(
        [pa.array(chunk, pa.large_string()) for chunk in chunks], pa.large_string()
    )


@given(st.lists(st.sampled_from([*GOOD, *BAD]) | st.text('[]{}",:1 \n\t', max_size=6), max_size=6))
def test_says_of_a_column_what_looking_at_each_text_says(texts: list[str]) -> None:
    assert is_all_json(column(list(texts))) == all_json(texts)


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("place", [0, 4_095, 4_096, 9_999])
def test_one_text_among_many_is_found_wherever_it_stands(bad: str, place: int) -> None:
    texts: list[str | None] = ['{"a": 1}'] * 10_000
    sound = is_all_json(column(texts, texts[:3]))
    texts[place] = bad

    assert sound
    assert not is_all_json(column(texts[:3] if place else [], texts))


def test_nulls_are_no_texts_and_nothing_is_all_json() -> None:
    assert is_all_json(column([None, "1", None], [None]))
    assert is_all_json(column())


def test_texts_of_a_slice_are_those_it_holds() -> None:
    whole = pa.chunked_array([pa.array(["{", "1", "2", "{"], pa.large_string())])

    assert is_all_json(whole.slice(1, 2))
    assert not is_all_json(whole.slice(1))
