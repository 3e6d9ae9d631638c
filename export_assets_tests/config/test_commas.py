"""Values separated by commas: whatever they hold, each comes back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from export_assets.config.commas import separated


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("a", ["a"]),
        ("a,b", ["a", "b"]),
        ('a, "b,c"', ["a", "b,c"]),
        ('"a ""b"""', ['a "b"']),
        ("a\nb,c\rd", ["a\nb", "c\rd"]),
        ('"a\n,b"', ["a\n,b"]),
        ('a"b', ['a"b']),
        ('"a"b,c', ['"a"b', "c"]),
        ('"a,b', ['"a', "b"]),
        ("a,", ["a", ""]),
        ("", [""]),
        (" a , b ", [" a ", " b "]),
    ],
)
def test_values_are_parted_by_commas_outside_of_quotes(text: str, values: list[str]) -> None:
    assert separated(text) == values


@given(st.lists(st.text(), min_size=1, max_size=5))
def test_quoted_values_come_back(values: list[str]) -> None:
    assert separated(",".join('"' + one.replace('"', '""') + '"' for one in values)) == values
