"""What a source's configuration says about its tables."""

from typing import Any, get_args

import pytest
from pydantic import ValidationError

from export_assets.config.format_options import FormatOptionsConfig
from export_assets.config.models import SourceConfig
from export_assets.config.rules import (
    ALL_FORMATS,
    ColumnCheck,
    ColumnType,
    EncodingName,
    TypeName,
)
from export_assets.config.table import TableConfig
from export_assets.tables.schema import Encoding, LogicalType


def source(**keys: Any) -> SourceConfig:
    return SourceConfig.model_validate({"source": "shop", "url": "shop.db"} | keys)


def test_type_names_are_those_of_tables() -> None:
    assert set(get_args(TypeName)) == set(LogicalType) - {LogicalType.NESTED}
    assert get_args(EncodingName) == get_args(Encoding)


def test_a_table_is_the_listed_one_or_the_star_or_unsaid() -> None:
    tables = {"orders": {"description": "own"}, "*": {"description": "other"}}

    assert source(tables=tables).table("orders").description == "own"
    assert source(tables=tables).table("x").description == "other"
    assert source(tables={"orders": {}}).table("x") == TableConfig()


@pytest.mark.parametrize(
    ("tables", "selected"),
    [
        ({}, ["a", "b"]),
        ("all", ["a", "b"]),
        ({"a": {}}, ["a"]),
        ({"a": None}, ["a"]),
        ({"a": {}, "*": {}}, ["a", "b"]),
        ({"a": {"by_default": False}, "*": {}}, ["b"]),
        ({"a": {}, "*": {"by_default": False}}, ["a"]),
    ],
)
def test_the_tables_exported_by_default(tables: object, selected: list[str]) -> None:
    config = source(tables=tables)

    assert [name for name in ("a", "b") if config.selects(name)] == selected


@pytest.mark.parametrize(
    ("formats", "expected"),
    [
        (None, ("parquet",)),
        ("csv", ("csv",)),
        ("all", ALL_FORMATS),
        (["csv", "all"], ALL_FORMATS),
        (["xlsx", "all"], (*ALL_FORMATS, "xlsx")),
        (["json", "csv", "json"], ("json", "csv")),
    ],
)
def test_formats_of_a_source(formats: object, expected: tuple[str, ...]) -> None:
    config = source() if formats is None else source(formats=formats)

    assert config.formats_of("any") == expected


def test_a_table_overrides_formats_and_each_option() -> None:
    config = source(
        formats=["csv", "parquet"],
        format_options={"csv": {"delimiter": ";", "profile": "excel"}},
        tables={
            "orders": {"formats": ["csv"], "format_options": {"csv": {"delimiter": "tab"}}},
            "*": {},
        },
    )

    assert config.formats_of("orders") == ("csv",)
    assert config.formats_of("other") == ("csv", "parquet")
    assert config.format_options_of("orders", "csv").given() == {
        "delimiter": "\t",
        "profile": "excel",
    }
    assert config.format_options_of("other", "csv").delimiter == ";"
    assert config.format_options_of("orders", "parquet").given() == {}


def test_an_option_switched_off_by_a_table_stays_off() -> None:
    below = FormatOptionsConfig(pretty=True, compression_level=9)

    merged = FormatOptionsConfig(pretty=False, compression_level=0).over(below)

    assert merged.given() == {"pretty": False, "compression_level": 0}


def test_types_keep_and_freshness_of_a_table_win_over_those_of_the_source() -> None:
    config = source(
        types={"a": "text", "b": "date"},
        keep={"daily": 1},
        freshness=24,
        tables={"t": {"types": {"a": "integer"}, "keep": {"weekly": 2}, "freshness": 1}, "*": {}},
    )

    assert {name: type_.type for name, type_ in config.types_of("t").items()} == {
        "a": "integer",
        "b": "date",
    }
    assert config.freshness_of("t") == 1
    assert config.freshness_of("u") == 24
    keep, other = config.keep_of("t"), config.keep_of("u")
    assert keep is not None
    assert other is not None
    assert (keep.daily, keep.weekly, other.daily) == (0, 2, 1)


def test_redaction_adds_to_the_defaults_until_they_are_dropped() -> None:
    widened = source(redact=["Phone*"], tables={"t": {"redact": ["email"]}, "*": {}})
    dropped = source(redact=["phone"], redact_defaults=False)

    assert widened.redacts("any", "PASSWORD_hash")
    assert widened.redacts("any", "phone_home")
    assert widened.redacts("t", "email")
    assert not widened.redacts("u", "email")
    assert not widened.redacts("t", "name")
    assert dropped.redacts("any", "phone")
    assert not dropped.redacts("any", "password")


def test_a_table_may_expose_a_column_that_only_looks_secret() -> None:
    config = source(tables={"t": {"expose": ["has_password"]}, "*": {}})

    assert not config.redacts("t", "has_password")
    assert config.redacts("t", "password")
    assert config.redacts("u", "has_password")
    with pytest.raises(ValidationError, match="column a is both in redact and in expose"):
        source(tables={"t": {"redact": ["a"], "expose": ["a"]}})


def test_a_relation_may_name_a_table_with_dots() -> None:
    config = source(relations=[{"from": "public.orders.customer_id", "to": "customers.id"}])

    relation = config.relations[0]
    assert (relation.child_table, relation.child_column) == ("public.orders", "customer_id")
    assert (relation.parent_table, relation.parent_column) == ("customers", "id")


def test_nothing_can_be_changed_afterwards() -> None:
    config = source(tables={"orders": {}})

    with pytest.raises(ValidationError):
        config.url = "other.db"  # type: ignore[misc] # the point of the test
    with pytest.raises(ValidationError):
        config.tables["orders"].query = "x"  # type: ignore[misc] # likewise


@pytest.mark.parametrize(
    ("check", "message"),
    [
        ({"ge": 1, "gt": 2}, "has both ge and gt"),
        ({"le": 1, "lt": 2}, "has both le and lt"),
        ({"ge": 5, "le": 4}, "allows no value between 5 and 4"),
        ({"gt": 5, "le": 5}, "allows no value between 5 and 5"),
        ({"ge": "2024-01-01", "le": 5}, "compares with a number and with text"),
        ({"isin": []}, "at least 1 item"),
        ({"matches": "("}, "matches: not a regular expression"),
        ({"matches": "(?=a)"}, "look-around and back-references are not supported"),
        ({"matches": "(?<!a)b"}, "look-around and back-references are not supported"),
        ({"matches": r"(a)\1"}, "look-around and back-references are not supported"),
        ({"ge": float("nan")}, "finite number"),
        ({"unique": True, "severity": "info"}, "'error' or 'warn'"),
    ],
)
def test_checks_that_cannot_be_meant_are_refused(check: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ColumnCheck.model_validate({"column": "total"} | check)


@pytest.mark.parametrize(
    "check",
    [
        {"ge": 0},
        {"ge": 5, "le": 5},
        {"gt": -1.5, "lt": 3},
        {"ge": "2024-01-01", "lt": "2025-01-01"},
        {"isin": ["a", 1, True, 1.5]},
        {"matches": r"^\d+\\1[(?]"},
        {"not_null": True, "unique": True, "severity": "warn"},
    ],
)
def test_checks_keep_what_was_written(check: dict[str, Any]) -> None:
    model = ColumnCheck.model_validate({"column": "total"} | check)

    assert model.model_dump(mode="json", exclude_unset=True) == {"column": "total"} | check


@pytest.mark.parametrize(
    ("type_", "message"),
    [
        ({"type": "text", "precision": 3}, "precision and scale belong to decimal, not to text"),
        ({"type": "text", "encoding": "iso"}, "encoding iso belongs to dates and times"),
        ({"type": "decimal", "precision": 3, "scale": 4}, "scale 4 is more than precision 3"),
        ({"type": "decimal", "precision": 39}, "less than or equal to 38"),
        ({"type": "nested"}, "Input should be"),
    ],
)
def test_types_that_cannot_be_are_refused(type_: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ColumnType.model_validate(type_)


@pytest.mark.parametrize("delimiter", ["", ";;", '"', "\n", "\r"])
def test_a_delimiter_is_one_character(delimiter: str) -> None:
    with pytest.raises(ValidationError, match="must be a single character"):
        FormatOptionsConfig(delimiter=delimiter)


def test_a_gap_is_three_beats_unless_given() -> None:
    config = source(
        tables={
            "a": {"cadence": {"column": "t", "minutes": 5}},
            "b": {"cadence": {"column": "t", "minutes": 5, "max_gap_minutes": 7}},
        }
    )

    first, second = config.table("a").cadence, config.table("b").cadence
    assert first is not None
    assert second is not None
    assert (first.allowed_gap, second.allowed_gap) == (15, 7)
    with pytest.raises(ValidationError, match=r"max_gap_minutes 1\.0 is less than minutes 5\.0"):
        source(tables={"a": {"cadence": {"column": "t", "minutes": 5, "max_gap_minutes": 1}}})
