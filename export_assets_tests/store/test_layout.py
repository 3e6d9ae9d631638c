"""Names: what becomes a directory, and what is never let out of the root."""

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from export_assets.store.layout import (
    ExportKey,
    aside_name,
    hive_value,
    parse_leftover,
    partition_dir,
    safe_name,
    safe_names,
    staging_name,
)
from export_assets_tests.store.publishing import publish

PLAIN = ["orders", "Orders", "order_items", "a", "9lives", "v1.2", "x-y", "x" * 100]

ODD = [
    *("", " ", ".", "..", "../evil", "/etc/passwd", "a/b", "a\\b", "a\0b", "a\nb", ".hidden", "_x"),
    *("sequence;", 'say "hi"', "it's", "drop table t--", "naïve", "表", "😀", "e\u0301", "\u202e"),
    *("con", "CON", "aux.csv", "nul", "COM1", "lpt9.txt", "trailing.", "trailing ", " leading"),
    *("x" * 101, "é" * 300, "%2e%2e", "a*b", "a?b", "a:b", "a|b", "<a>", "~", "$HOME", "-rf"),
    *("\ud800", "a=b"),
]


@pytest.mark.parametrize("name", PLAIN)
def test_a_plain_name_is_its_own_directory(name: str) -> None:
    assert safe_name(name) == name


@pytest.mark.parametrize("name", ODD, ids=range(len(ODD)))
def test_an_odd_name_becomes_a_slug_with_its_hash(name: str) -> None:
    directory = safe_name(name)

    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_]*-[0-9a-f]{8}", directory)
    assert len(directory) <= 69


@pytest.mark.parametrize("name", [name for name in ODD if name.isprintable()][:40])
def test_a_table_of_any_name_is_published_inside_the_root(tmp_path: Path, name: str) -> None:
    root = tmp_path / "root"

    published = publish(root, "r1", key=ExportKey("shop", name, "csv"))

    assert published.table == name
    assert [path.name for path in tmp_path.iterdir()] == ["root"]
    assert (root / "shop" / safe_name(name) / "csv" / "all" / "_manifest.json").exists()


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=120))
def test_a_safe_name_is_safe_and_its_own_safe_name(name: str) -> None:
    directory = safe_name(name)

    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}", directory)
    assert safe_name(directory) == directory


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(alphabet="aAbB._ /é", max_size=4), unique=True))
def test_no_two_tables_share_a_directory_even_where_case_is_ignored(names: list[str]) -> None:
    directories = safe_names(names)

    assert list(directories) == names
    assert len({directory.casefold() for directory in directories.values()}) == len(names)


def test_names_that_differ_in_case_only_both_get_the_suffix() -> None:
    directories = safe_names(["Orders", "orders", "items"])

    assert directories["items"] == "items"
    assert re.fullmatch(r"Orders-[0-9a-f]{8}", directories["Orders"])
    assert re.fullmatch(r"orders-[0-9a-f]{8}", directories["orders"])


def test_a_source_called_archives_does_not_meet_the_archives(tmp_path: Path) -> None:
    path = partition_dir(tmp_path, ExportKey("archives", "archives", "csv"), "all")

    assert re.fullmatch(r"archives-[0-9a-f]{8}", path.relative_to(tmp_path).parts[0])
    assert path.relative_to(tmp_path).parts[1] == "archives"


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=20))
def test_any_value_can_be_a_hive_partition(value: str) -> None:
    path = partition_dir(Path("/root"), ExportKey("s", "t", "csv"), f"match_id={hive_value(value)}")

    assert path.parent == Path("/root/s/t/csv")


def test_leftovers_are_told_from_everything_else() -> None:
    staged = parse_leftover(staging_name("day=2026-02-08", "run/1"))
    aside = parse_leftover(aside_name("a.b", "x" * 99))

    assert staged is not None
    assert (staged.partition, staged.kind) == ("day=2026-02-08", "tmp")
    assert aside is not None
    assert (aside.partition, aside.kind) == ("a.b", "old")
    assert len(aside.name) == len("a.b.") + 40 + len(".old")
    for name in ("all", "all.lock", "all.tmp", "..tmp", "all.run.tmp~", ".run.tmp"):
        assert parse_leftover(name) is None
