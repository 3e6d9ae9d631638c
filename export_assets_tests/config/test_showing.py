"""Charts and unusual volumes in a source's YAML."""

from typing import Any

import pytest
from pydantic import ValidationError

from export_assets.config.models import SourceConfig


def source(table: dict[str, Any] | None = None, **keys: Any) -> SourceConfig:
    return SourceConfig.model_validate(
        {"source": "shop", "url": "shop.db", "tables": {"t": table or {}}, **keys}
    )


@pytest.mark.parametrize(
    ("chart", "fact"),
    [
        ({"kind": "trace", "x": "a"}, "y: a chart of kind trace needs it"),
        ({"kind": "counts", "x": "a", "y": "b"}, "y: a chart of kind counts has no use for it"),
        ({"kind": "bars"}, "by: a chart of kind bars needs it"),
        ({"kind": "partitions", "x": "a"}, "x: a chart of kind partitions has no use for it"),
        ({"kind": "pie", "by": "a"}, "Input should be"),
    ],
)
def test_a_chart_names_the_columns_of_its_kind(chart: dict[str, str], fact: str) -> None:
    with pytest.raises(ValidationError, match=fact):
        source({"chart": chart})


def test_private_sources_are_drawn_only_where_they_say_so() -> None:
    chart = {"chart": {"kind": "partitions"}}

    drawn = [
        source(chart, **keys).chart_of("t") is not None
        for keys in ({}, {"private": True}, {"private": True, "charts": True}, {"charts": False})
    ]

    assert drawn == [True, False, True, False]


def test_a_table_says_what_is_unusual_before_its_source_does() -> None:
    assert source().volume_of("t") is not None
    assert source(volume=False).volume_of("t") is None
    assert source({"volume": False}).volume_of("t") is None
    found = source({"volume": {"partitions": 30}}, volume=False).volume_of("t")
    assert found is not None
    assert (found.partitions, found.tolerance) == (30, 3.0)
    with pytest.raises(ValidationError):
        source({"volume": {"tolerance": 1}})


def test_no_more_than_twenty_rows_are_shown() -> None:
    with pytest.raises(ValidationError):
        source({"sample_rows": 21})
