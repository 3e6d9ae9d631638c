"""Formats are imported when they are asked for, and stand for what is put in their place."""

import subprocess
import sys

import pytest

from export_assets.formats.on_demand import OnDemand
from export_assets.formats.registry import FORMATS

ASKED = """
import sys
from export_assets.formats.registry import FORMATS
assert "duckdb" in FORMATS and len(FORMATS) == 8
FORMATS["csv"]
print("duckdb" in sys.modules, "export_assets.formats.csv" in sys.modules)
"""


def test_what_no_format_needs_is_not_imported() -> None:
    done = subprocess.run(
        [sys.executable, "-c", ASKED], capture_output=True, text=True, timeout=60, check=True
    )

    assert done.stdout.split() == ["False", "True"]


def test_every_name_stands_for_its_format() -> None:
    assert {name: fmt.name for name, fmt in FORMATS.items()} == {name: name for name in FORMATS}


def test_one_may_be_put_in_the_place_of_another(monkeypatch: pytest.MonkeyPatch) -> None:
    values = OnDemand[object]({"one": "csv:CsvFormat"})

    with monkeypatch.context() as patch:
        patch.setitem(values, "one", 1)
        patch.setitem(values, "two", 2)
        assert dict(values) == {"one": 1, "two": 2}

    assert list(values) == ["one"]
    with pytest.raises(KeyError):
        values["two"]
