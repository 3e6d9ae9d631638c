"""What is exported of a private source is for its owner alone, and other sources are as ever."""

from pathlib import Path

import pytest

from export_assets_tests.engine.engine_world import CREATE_SHOP, SHOP, World


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(home=tmp_path)
    made.sql(CREATE_SHOP)
    return made


def modes(root: Path) -> set[tuple[str, int]]:
    return {
        ("file" if path.is_file() else "directory", path.stat().st_mode & 0o777)
        for path in root.rglob("*")
    }


def test_published_partitions_are_private(world: World) -> None:
    world.config(SHOP + "private: true\n")
    world.export(formats=("parquet", "csv"))

    shop = world.exports / "shop"
    assert shop.stat().st_mode & 0o777 == 0o700
    for partition in shop.glob("*/*/*"):
        assert modes(partition) == {("file", 0o600)}
        assert partition.stat().st_mode & 0o777 == 0o700
    assert world.exports.stat().st_mode & 0o777 != 0o700


def test_files_for_somebody_are_private(world: World, tmp_path: Path) -> None:
    world.config(SHOP + "private: true\n")
    world.export(formats=("csv",), output_dir=tmp_path / "out")

    assert modes(tmp_path / "out") == {("file", 0o600)}


def test_other_sources_are_as_ever(world: World, tmp_path: Path) -> None:
    world.config(SHOP)
    world.export(formats=("csv",))
    world.export(formats=("csv",), output_dir=tmp_path / "out")

    assert modes(tmp_path / "out") == {("file", 0o640)}
    assert {mode for kind, mode in modes(world.exports / "shop") if kind == "file"} == {0o640}


def test_it_makes_no_file_another_one(world: World) -> None:
    world.config(SHOP)
    world.export(formats=("csv",))
    world.config(SHOP + "private: true\n")

    assert {record.status for record in world.export(formats=("csv",)).records} == {"unchanged"}
    world.export(formats=("csv",), overwrite=True)
    assert {mode for kind, mode in modes(world.exports / "shop") if kind == "file"} == {0o600}
