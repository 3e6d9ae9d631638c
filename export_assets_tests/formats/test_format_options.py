"""Options that mean nothing for a format, and their normal form."""

import pytest

from export_assets.errors import UsageError
from export_assets.formats.base import FormatOptions
from export_assets.formats.registry import FORMATS


@pytest.mark.parametrize("name", ["parquet", "ndjson", "json"])
def test_only_csv_takes_a_delimiter(name: str) -> None:
    with pytest.raises(UsageError, match=f"^delimiter: {name} has no delimiter; only csv"):
        FORMATS[name].check_options(FormatOptions(delimiter=";"))


@pytest.mark.parametrize("name", ["parquet", "csv", "ndjson"])
def test_only_json_is_pretty(name: str) -> None:
    with pytest.raises(UsageError, match=rf"^pretty: {name} has one layout; only json"):
        FORMATS[name].check_options(FormatOptions(pretty=True))


@pytest.mark.parametrize("name", FORMATS)
def test_an_unknown_codec_is_refused_with_the_list(name: str) -> None:
    fmt = FORMATS[name]

    for call in (fmt.check_options, fmt.suffix, fmt.canonical):
        with pytest.raises(UsageError) as caught:
            call(FormatOptions(compression="rar"))
        accepted = ", ".join(fmt.compressions)
        assert str(caught.value) == (
            f"compression: {name} does not know 'rar'; choose one of {accepted}"
        )


@pytest.mark.parametrize(
    ("codec", "level", "range_"), [("gzip", 10, "1 to 9"), ("zstd", 0, "1 to 22")]
)
@pytest.mark.parametrize("name", [name for name in FORMATS if "gzip" in FORMATS[name].compressions])
def test_a_level_out_of_range_is_refused(name: str, codec: str, level: int, range_: str) -> None:
    options = FormatOptions(compression=codec, compression_level=level)

    with pytest.raises(UsageError, match=rf"^compression_level: {level} .*{codec}.*{range_}$"):
        FORMATS[name].check_options(options)


@pytest.mark.parametrize("name", FORMATS)
def test_a_level_without_a_codec_is_refused(name: str) -> None:
    options = FormatOptions(compression="none", compression_level=3)

    with pytest.raises(UsageError, match=r"^compression_level: none has no levels"):
        FORMATS[name].check_options(options)


@pytest.mark.parametrize(
    ("name", "one", "other"),
    [
        ("parquet", FormatOptions(), FormatOptions(compression="zst", compression_level=1)),
        ("parquet", FormatOptions(profile="excel"), FormatOptions()),
        ("csv", FormatOptions(), FormatOptions(compression="none", delimiter=",")),
        ("csv", FormatOptions(profile="tidy"), FormatOptions(row_group_rows=5)),
        ("csv", FormatOptions(compression="gz"), FormatOptions(compression="GZIP")),
        ("ndjson", FormatOptions(profile="legacy"), FormatOptions()),
        ("json", FormatOptions(compression="zst"), FormatOptions(compression="zstd")),
    ],
)
def test_options_that_give_equal_files_have_one_normal_form(
    name: str, one: FormatOptions, other: FormatOptions
) -> None:
    assert FORMATS[name].canonical(one) == FORMATS[name].canonical(other)


@pytest.mark.parametrize(
    ("name", "one", "other"),
    [
        ("parquet", FormatOptions(), FormatOptions(compression_level=4)),
        ("parquet", FormatOptions(), FormatOptions(row_group_rows=10)),
        ("csv", FormatOptions(), FormatOptions(delimiter=";")),
        ("csv", FormatOptions(), FormatOptions(profile="legacy")),
        ("csv", FormatOptions(profile="excel"), FormatOptions(profile="legacy")),
        ("json", FormatOptions(), FormatOptions(pretty=True)),
        ("ndjson", FormatOptions(compression="gz"), FormatOptions(compression="zst")),
    ],
)
def test_options_that_give_other_files_have_another_normal_form(
    name: str, one: FormatOptions, other: FormatOptions
) -> None:
    assert FORMATS[name].canonical(one) != FORMATS[name].canonical(other)


@pytest.mark.parametrize("name", FORMATS)
def test_the_normal_form_is_its_own_normal_form(name: str) -> None:
    normal = FORMATS[name].canonical(FormatOptions())

    assert FORMATS[name].canonical(normal) == normal
    FORMATS[name].check_options(normal)
