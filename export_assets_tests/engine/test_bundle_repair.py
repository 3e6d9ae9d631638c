"""Bundles that are damaged or out of date are made again as they were asked for."""

from collections.abc import Callable
from pathlib import Path

import pytest

from export_assets.engine.bundles.checking import verify_bundles
from export_assets.engine.repair import RepairReport, repair
from export_assets.engine.repair_plan import Thoroughness
from export_assets_tests.engine.bundle_world import Bundles

SCRIPT = """
create table bosses (id integer primary key, name text);
create table people (id integer primary key, boss integer references bosses (id), name text);
insert into bosses values (1, 'a'), (2, 'b');
insert into people values (1, 1, 'x'), (2, 1, 'y'), (3, 2, 'z');
"""


@pytest.fixture
def world(tmp_path: Path) -> Bundles:
    found = Bundles(tmp_path)
    found.sql(SCRIPT)
    for one in ("1", "2"):
        found.bundler("bosses", one, formats=("csv",), pretty=False).export()
    return found


def mend(world: Bundles, **how: bool) -> RepairReport:
    exporter = world.bundler("bosses", "1").exporter
    return repair(exporter, Thoroughness(**how), agree=lambda _: True)


def set_of(world: Bundles, key: str) -> dict[str, bytes]:
    path = world.exports / "shop" / "bosses" / "bundle" / f"id={key}"
    return {one.name: one.read_bytes() for one in path.iterdir() if one.name != "_manifest.json"}


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize("damage", [_cut, Path.unlink])
@pytest.mark.parametrize("name", ["bundle.json", "people.csv"])
def test_a_damaged_bundle_is_made_again_as_it_was(
    world: Bundles, name: str, damage: Callable[[Path], None]
) -> None:
    before = set_of(world, "1")
    damage(world.exports / "shop" / "bosses" / "bundle" / "id=1" / name)

    report = mend(world)

    assert [one.partition for one in report.plan] == ["1"]
    assert report.exit_code == 0
    assert set_of(world, "1") == before
    assert not mend(world, deep=True).plan


def test_a_bundle_that_differs_from_the_source_is_made_again_but_never_with_fewer_rows(
    world: Bundles,
) -> None:
    world.sql("update people set name = 'new' where id = 1; delete from people where id = 3")

    kept = mend(world, against_source=True)
    lost = mend(world, against_source=True, may_lose=True)

    assert {one.partition: one.kept is None for one in kept.plan} == {"1": True, "2": False}
    assert (kept.exit_code, lost.exit_code) == (24, 0)
    assert b"new" in set_of(world, "1")["people.csv"]
    assert b"z" not in set_of(world, "2")["people.csv"]


def test_a_bundle_without_its_manifest_stays_and_the_others_are_compared(world: Bundles) -> None:
    manifest = world.exports / "shop" / "bosses" / "bundle" / "id=1" / "_manifest.json"
    manifest.write_text("{", encoding="utf-8")

    report = mend(world)
    found = verify_bundles(world.bundler("bosses", "1").exporter)

    assert report.exit_code == 24
    assert "nothing says what the bundle held" in str(report.left[0].kept)
    assert [one.verdict for one in found] == ["different", "equal"]
