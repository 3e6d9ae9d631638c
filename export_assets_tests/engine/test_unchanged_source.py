"""An unchanged source writes nothing; whatever was lost or damaged meanwhile comes back."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from export_assets.engine.memory import STATE
from export_assets_tests.engine.engine_world import (
    ALL_FORMATS,
    SHOP,
    FakeSource,
    World,
    contents,
    shop,
    statuses,
    tree,
)


def published(tmp_path: Path, **request: Any) -> World:
    world = shop(tmp_path)
    report = world.export(formats=ALL_FORMATS, **request)
    assert report.exit_code == 0
    return world


def opened(world: World, **request: Any) -> tuple[int, dict[str, str]]:
    """Export again and return how often the source was opened, and what became of everything."""
    source = FakeSource(world.exporter().source.source)
    report = world.export(source=source, formats=ALL_FORMATS, **request)
    return source.opened, statuses(report)


def state_file(world: World) -> Path:
    return world.exports / STATE / "shop.json"


def test_a_second_run_writes_nothing_and_opens_nothing(tmp_path: Path) -> None:
    world = published(tmp_path)
    before = tree(tmp_path)

    times, found = opened(world)

    assert times == 0
    assert len(found) == 16
    assert set(found.values()) == {"unchanged"}
    assert tree(tmp_path) == before


def test_an_empty_partitioned_table_does_not_make_every_run_read_again(tmp_path: Path) -> None:
    world = shop(tmp_path)
    world.sql("delete from orders")
    world.export(formats=ALL_FORMATS)

    times, _ = opened(world)

    assert times == 0


def test_a_touched_source_is_compared_and_nothing_is_published(tmp_path: Path) -> None:
    world = published(tmp_path)
    before = tree(world.exports, published=True)
    os.utime(world.db, ns=(1, 1))

    first, found = opened(world)
    again, _ = opened(world)

    assert (first, again) == (1, 0)
    assert set(found.values()) == {"unchanged"}
    assert tree(world.exports, published=True) == before


@pytest.mark.parametrize(
    "more",
    [
        "description: another text\n",
        "freshness: 24\n",
        "owners: ['team:shop']\n",
        "keep: {daily: 3}\n",
        "busy_timeout: 3\n",
    ],
)
def test_a_configuration_that_shapes_no_file_writes_nothing(more: str, tmp_path: Path) -> None:
    world = published(tmp_path)
    before = tree(world.exports)
    world.config(SHOP + more)

    times, _ = opened(world)

    assert times == 0
    assert tree(world.exports) == before


def test_asking_for_the_default_is_asking_for_nothing(tmp_path: Path) -> None:
    from export_assets.config.format_options import FormatOptionsConfig

    world = published(tmp_path)
    before = tree(world.exports)
    options = {
        "csv": FormatOptionsConfig(),
        "parquet": FormatOptionsConfig(compression="zstd", compression_level=1),
        "json": FormatOptionsConfig(compression="none", pretty=False),
    }

    opened(world, options=options)

    assert tree(world.exports) == before


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("customers: {}", "customers: {exclude_columns: [email]}"),
        ("customers: {}", "customers: {order_by: [name]}"),
        ("customers: {}", "customers: {types: {email: json}}"),
        ("customers: {}", "customers: {redact: [email]}"),
        ("customers: {}", "customers: {checks: [{column: id, ge: 0}]}"),
        ("customers: {}", "customers: {format_options: {csv: {compression: gzip}}}"),
    ],
)
def test_a_configuration_that_shapes_files_publishes_the_table_again(
    old: str, new: str, tmp_path: Path
) -> None:
    world = published(tmp_path)
    world.config(SHOP.replace(old, new))

    _, found = opened(world)

    assert found["customers/csv/all"] == "success"
    assert found["orders/csv/2026-02-08"] == "unchanged"
    assert opened(world)[0] == 0


@pytest.mark.parametrize("fmt", ALL_FORMATS)
def test_a_partition_deleted_by_hand_is_published_again(fmt: str, tmp_path: Path) -> None:
    world = published(tmp_path)
    before = contents(world.exports)
    shutil.rmtree(world.partition("orders", fmt, "day=2026-02-09"))

    _, found = opened(world)

    assert [name for name, status in found.items() if status == "success"] == [
        f"orders/{fmt}/2026-02-09"
    ]
    assert contents(world.exports) == before


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


DAMAGES: dict[str, Callable[[Path], None]] = {
    "a bit of the manifest flipped": lambda path: flip(path / "_manifest.json"),
    "the manifest emptied": lambda path: os.truncate(path / "_manifest.json", 0),
    "the manifest half gone": lambda path: os.truncate(path / "_manifest.json", 300),
    "a part removed": lambda path: next(path.glob("part-*")).unlink(),
    "a part cut": lambda path: os.truncate(next(path.glob("part-*")), 1),
    "a part longer": lambda path: os.truncate(next(path.glob("part-*")), 99_999),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=list(DAMAGES))
def test_a_damaged_partition_is_published_again(
    damage: Callable[[Path], None], tmp_path: Path
) -> None:
    world = published(tmp_path)
    before = contents(world.exports)
    damage(world.partition("orders", "csv", "day=2026-02-09"))

    _, found = opened(world)

    assert [name for name, status in found.items() if status == "success"] == [
        "orders/csv/2026-02-09"
    ]
    assert contents(world.exports) == before
    assert opened(world)[0] == 0


def other_version(data: bytes) -> bytes:
    return json.dumps(json.loads(data) | {"code_version": "0.0.0"}).encode()


def other_fields(data: bytes) -> bytes:
    return json.dumps(json.loads(data) | {"formats": [1, 2]}).encode()


@pytest.mark.parametrize(
    "change",
    [
        None,
        lambda _: b"",
        lambda _: b"\xff\xfe{",
        lambda data: data[: len(data) // 2],
        lambda _: b"[" * 100_000,
        lambda data: data.replace(b'"unchanged"', b'"\xff"').replace(b"shop", b"sh\xffp"),
        other_version,
        other_fields,
    ],
)
def test_a_lost_or_foreign_state_costs_one_pass(
    change: Callable[[bytes], bytes] | None, tmp_path: Path
) -> None:
    world = published(tmp_path)
    before = tree(world.exports, published=True)
    state = state_file(world)
    data = state.read_bytes()
    state.unlink() if change is None else state.write_bytes(change(data))

    _, found = opened(world)

    assert set(found.values()) == {"unchanged"}
    assert tree(world.exports, published=True) == before
    assert opened(world)[0] == 0


def test_a_state_that_cannot_be_kept_is_no_failure(tmp_path: Path) -> None:
    world = shop(tmp_path)
    world.exports.mkdir()
    (world.exports / STATE).write_text("in the way")

    report = world.export()

    assert set(statuses(report).values()) == {"success"}
    assert report.exit_code == 0


def test_a_new_format_is_read_once_and_leaves_the_others_untouched(tmp_path: Path) -> None:
    world = shop(tmp_path)
    world.export(formats=("parquet", "csv"))
    before = contents(world.exports)

    times, found = opened(world)

    assert times == 1
    assert {name.split("/")[1] for name, status in found.items() if status == "success"} == {
        "ndjson",
        "json",
    }
    assert before.items() <= contents(world.exports).items()
    assert opened(world)[0] == 0


def test_a_view_added_to_the_configuration_is_exported(tmp_path: Path) -> None:
    world = published(tmp_path)
    world.config(SHOP + "  big: {query: 'select id, total from orders where total > 2'}\n")

    _, found = opened(world)
    _, asked = opened(world, tables=("big",))

    assert found["big/csv/all"] == "success"
    assert asked["big/csv/all"] == "unchanged"


def test_a_view_whose_statement_changed_is_published_again(tmp_path: Path) -> None:
    world = shop(tmp_path)
    yaml = SHOP + "  big: {query: select id from orders where total > 2}\n"
    world.config(yaml + "  biggest: {query: select max(id) as id from big}\n")
    world.export(formats=ALL_FORMATS)
    world.config(
        yaml.replace("total > 2", "total < 2")
        + "  biggest: {query: select max(id) as id from big}\n"
    )

    _, found = opened(world)

    assert found["big/csv/all"] == "success"
    assert found["biggest/csv/all"] == "success"
    assert world.ids("biggest", "csv") == {"all": [1]}


def test_a_view_removed_from_the_configuration_is_no_table_any_more(tmp_path: Path) -> None:
    world = shop(tmp_path)
    world.config(SHOP + "  big: {query: select id from orders}\n")
    world.export(formats=ALL_FORMATS)
    world.config(SHOP)

    _, found = opened(world)

    assert not [name for name in found if name.startswith("big/")]


def test_another_address_is_read_for_itself(tmp_path: Path) -> None:
    world = published(tmp_path)
    copy = tmp_path / "copy.db"
    shutil.copy2(world.db, copy)
    world.sql("delete from customers where id = 2", copy)

    elsewhere = world.export(formats=ALL_FORMATS, url="copy.db", tables=("customers",))
    back = world.export(formats=ALL_FORMATS, tables=("customers",))

    assert {r.rows for r in elsewhere.records} == {1}
    assert set(statuses(back).values()) == {"success"}
    assert {r.rows for r in back.records} == {2}


def test_overwrite_publishes_what_is_unchanged(tmp_path: Path) -> None:
    world = published(tmp_path)
    before = contents(world.exports)

    report = world.export(formats=ALL_FORMATS, overwrite=True)

    assert set(statuses(report).values()) == {"success"}
    assert contents(world.exports) == before


def test_a_pruned_empty_partition_does_not_make_every_run_read_again(tmp_path: Path) -> None:
    world = published(tmp_path)
    opened(world, tables=("orders",), partitions=("2026-01-01",))
    for fmt in ALL_FORMATS:
        shutil.rmtree(world.partition("orders", fmt, "day=2026-01-01"))

    opened(world)

    assert opened(world)[0] == 0


def test_part_of_a_table_is_remembered_without_the_rest(tmp_path: Path) -> None:
    world = shop(tmp_path)
    world.export(tables=("orders",), partitions=("2026-02-08",), formats=ALL_FORMATS)

    times, found = opened(world, tables=("orders",), partitions=("2026-02-08",))
    more, all_of_it = opened(world, tables=("orders",))

    assert (times, more) == (0, 1)
    assert set(found.values()) == {"unchanged"}
    assert all_of_it["orders/csv/2026-02-09"] == "success"


def test_unchanged_records_say_where_the_partition_lies(tmp_path: Path) -> None:
    world = published(tmp_path)
    recalled = world.export(formats=("csv",))
    os.utime(world.db, ns=(1, 1))
    compared = world.export(formats=("csv",))

    for report in (recalled, compared):
        paths = {r.path for r in report.records if r.table == "customers"}
        assert paths == {world.partition("customers", "csv", "all")}
