"""Formats by name."""

import pytest

from export_assets.config.rules import FORMAT_NAMES, ONE_FILE_FORMATS
from export_assets.errors import UsageError
from export_assets.formats.joiners import JOINERS
from export_assets.formats.registry import FORMATS, format_named, resolve_formats


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_found_by_the_name_it_carries(name: str) -> None:
    assert format_named(name).name == name


def test_names_are_found_in_any_case_and_with_blanks_around() -> None:
    assert format_named(" CSV ").name == "csv"


def test_an_unknown_format_is_refused_with_the_list() -> None:
    with pytest.raises(
        UsageError,
        match=r"^Unsupported export format: xml; choose one of parquet, csv, ndjson, json, tsv, "
        r"xlsx, sqlite, duckdb$",
    ):
        format_named("xml")


def test_a_misspelt_format_names_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"parqet.*did you mean parquet\?$"):
        format_named("parqet")


def test_the_configuration_knows_every_format() -> None:
    assert set(FORMATS) == set(FORMAT_NAMES)
    assert set(JOINERS) == set(ONE_FILE_FORMATS) <= set(FORMAT_NAMES)


def test_all_means_the_formats_of_any_number_of_rows_once() -> None:
    names = [fmt.name for fmt in resolve_formats(["json", "all", "csv"])]

    assert names == ["json", "parquet", "csv", "ndjson"]
    assert resolve_formats(["sqlite", "all"])[0].name == "sqlite"


def test_formats_keep_the_order_asked_for_and_repeats_are_one() -> None:
    names = [fmt.name for fmt in resolve_formats(["ndjson", "csv", "ndjson"])]

    assert names == ["ndjson", "csv"]


def test_an_unknown_format_among_known_ones_is_refused() -> None:
    with pytest.raises(UsageError, match="Unsupported export format: xml"):
        resolve_formats(["csv", "xml"])
