"""After every edit of a database exactly what it touched is published, and nothing else."""

import random
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from export_assets.engine.comparing import compare_exports
from export_assets.store.manifest import Manifest
from export_assets_tests.effort import effort
from export_assets_tests.engine.edit_model import (
    CREATE,
    Editor,
    Partitions,
    in_database,
    manifests,
    published,
)
from export_assets_tests.engine.engine_world import World, leftovers, shop, tree

BY_DIGEST = """
source: shop
url: shop.db
formats: [parquet, csv]
tables:
  orders: {partition_by: {column: at}}
"""
BY_CURSOR = BY_DIGEST.replace("column: at}", "column: at}, cursor: updated_at, lag: 2m")
UNPARTITIONED = BY_DIGEST.replace("{partition_by: {column: at}}", "{cursor: updated_at, lag: 2m}")


@pytest.mark.parametrize(
    ("yaml", "seed", "share"),
    [(BY_DIGEST, 1, 2), (BY_CURSOR, 2, 2), (UNPARTITIONED, 3, 1)],
    ids=["digests", "cursor", "unpartitioned"],
)
def test_after_every_edit_exactly_what_it_touched_is_published(
    tmp_path: Path, yaml: str, seed: int, share: int
) -> None:
    world = shop(tmp_path, yaml, CREATE)
    editor = Editor(world, random.Random(seed))
    editor.insert()
    world.export(tables=("orders",))
    done = _expected(world)

    for number in range(share * effort(7, soak=60)):
        name = editor.step()
        world.now += timedelta(minutes=1)
        where = f"step {number}: {name}"
        now = _expected(world)
        before, files = manifests(world), _files(world)
        foreseen = _planned(world) if number % 4 == 0 else None

        report = world.export(tables=("orders",))

        assert report.exit_code in {0, 3}, (where, [one.error for one in report.failed])
        for fmt in ("parquet", "csv"):
            held = {key: rows for key, rows in published(world, fmt).items() if rows}
            assert held == {key: rows for key, rows in now.items() if rows}, (where, fmt)
        touched = {key for key in now.keys() | done.keys() if now.get(key) != done.get(key)}
        if name == "add_column":
            touched = set(now) | {directory.partition("=")[2] for _, directory in before}
        renewed = _renewed(world, before)
        assert renewed == {(fmt, key) for fmt in ("parquet", "csv") for key in touched}, where
        if not touched:
            assert _files(world) == files, where
        if foreseen is not None:
            assert foreseen == renewed, where
        done = now
    assert not leftovers(world.exports)


def _expected(world: World) -> Partitions:
    found = in_database(world)
    if "partition_by" in (world.home / "sources" / "shop.yaml").read_text(encoding="utf-8"):
        return found
    rows = sorted((row for rows in found.values() for row in rows), key=lambda row: str(row[0]))
    return {"all": sorted(rows)}


def _planned(world: World) -> set[tuple[str, str]]:
    planned = compare_exports(world.exporter(tables=("orders",))).planned
    return {(one.format, one.partition) for one in planned if one.action == "publish"}


def _renewed(world: World, before: Mapping[tuple[str, str], Manifest]) -> set[tuple[str, str]]:
    after = manifests(world)
    return {
        (fmt, directory.partition("=")[2] or directory)
        for (fmt, directory), manifest in after.items()
        if before.get((fmt, directory)) != manifest
    }


def _files(world: World) -> dict[str, tuple[int, str]]:
    return tree(world.exports, published=True)
