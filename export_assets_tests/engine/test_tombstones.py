"""Keys that were published and left the source are recorded, once, and not for rows that moved."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from export_assets.engine.verification import verify_source
from export_assets.errors import UsageError
from export_assets.store.filesystem import REAL, Filesystem
from export_assets.store.local import LocalStore
from export_assets.store.verify import verify_tree
from export_assets_tests.engine.engine_world import (
    CREATE_SHOP,
    SHOP,
    World,
    shop,
    statuses,
    tree,
)

YAML = SHOP.replace("every: day}}", "every: day}, tombstones: true, formats: [parquet, csv]}")
ELSEWHERE = "create table if not exists other (x); insert into other values (1);"


def stones(world: World, day: str, fmt: str = "parquet") -> list[dict[str, object]]:
    """Return the lines of the tombstones of one day."""
    path = world.partition("orders", fmt, f"day={day}") / "_tombstones.ndjson"
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def dead(world: World, day: str, fmt: str = "parquet") -> list[object]:
    return [line["key"] for line in stones(world, day, fmt)]


def test_a_deleted_row_leaves_a_tombstone_in_its_partition_in_every_format(tmp_path: Path) -> None:
    world = shop(tmp_path, YAML)
    first = world.export(tables=("orders",))
    world.sql("delete from orders where id = 1")

    report = world.export(tables=("orders",))

    assert stones(world, "2026-02-08") == [
        {
            "key": {"id": 1},
            "deleted_seen_at": "2026-03-01T12:00:00Z",
            "previous_run_id": first.run_id,
            "run_id": report.run_id,
        }
    ]
    assert dead(world, "2026-02-08", "csv") == [{"id": 1}]
    manifest = world.manifest("orders", "parquet", "day=2026-02-08")
    assert (manifest.rows, manifest.counters.deleted) == (1, 1)
    assert manifest.tombstones is not None
    assert [record.deleted for record in report.records if record.status == "success"] == [1, 1]
    assert all(not verdict.findings for verdict in verify_tree(world.exports))


def test_the_last_row_of_a_day_leaves_a_tombstone_and_an_empty_partition(tmp_path: Path) -> None:
    world = shop(tmp_path, YAML)
    world.export(tables=("orders",))
    world.sql("delete from orders where id in (3)")

    report = world.export(tables=("orders",))

    assert statuses(report)["orders/parquet/2026-02-09"] == "empty"
    assert dead(world, "2026-02-09") == [{"id": 3}]


def test_a_row_that_moved_to_another_day_is_no_deletion(tmp_path: Path) -> None:
    world = shop(tmp_path, YAML)
    world.export(tables=("orders",))
    world.sql("update orders set at = '2026-02-10T05:00:00' where id = 1")

    world.export(tables=("orders",))

    assert dead(world, "2026-02-08") == dead(world, "2026-02-10") == []
    assert 1 in world.ids()["day=2026-02-10"]


def test_tombstones_are_carried_from_generation_to_generation(tmp_path: Path) -> None:
    world = shop(tmp_path, YAML)
    world.export(tables=("orders",))
    world.sql("delete from orders where id = 1")
    world.export(tables=("orders",))
    before = stones(world, "2026-02-08")
    world.now += timedelta(days=1)
    world.sql("delete from orders where id = 2")

    world.export(tables=("orders",))

    assert stones(world, "2026-02-08")[:1] == before
    assert dead(world, "2026-02-08") == [{"id": 1}, {"id": 2}]
    assert world.manifest("orders", "parquet", "day=2026-02-08").counters.deleted == 1


@pytest.mark.parametrize("day", ["2026-02-08", "2026-02-10"])
def test_a_key_that_comes_back_on_whatever_day_loses_its_tombstone(
    tmp_path: Path, day: str
) -> None:
    world = shop(tmp_path, YAML)
    world.export(tables=("orders",))
    world.sql("delete from orders where id = 1")
    world.export(tables=("orders",))
    world.sql(f"insert into orders values (1, '{day}T03:00:00', 0, '')")

    report = world.export(tables=("orders",))

    assert dead(world, "2026-02-08") == dead(world, "2026-02-10") == []
    assert report.counts["success"] == (2 if day == "2026-02-08" else 4)


def test_an_unchanged_partition_with_tombstones_is_not_written(tmp_path: Path) -> None:
    world = shop(tmp_path, YAML)
    world.export(tables=("orders",))
    world.sql("delete from orders where id = 1")
    world.export(tables=("orders",))
    files = tree(world.exports, published=True)
    world.sql(ELSEWHERE)

    report = world.export(tables=("orders",))

    assert set(statuses(report).values()) == {"unchanged"}
    assert tree(world.exports, published=True) == files


def test_overwriting_neither_forgets_nor_invents_tombstones(tmp_path: Path) -> None:
    world = shop(tmp_path, YAML)
    world.export(tables=("orders",))
    world.sql("delete from orders where id = 1")
    world.export(tables=("orders",))

    world.export(tables=("orders",), overwrite=True)

    assert dead(world, "2026-02-08") == [{"id": 1}]
    assert dead(world, "2026-02-09") == []


def test_keys_that_are_anonymised_leave_as_pseudonyms_only(tmp_path: Path) -> None:
    yaml = YAML.replace("tombstones: true", "tombstones: true, anonymize: [id]")
    world = shop(tmp_path, yaml)
    world.environ["EXPORT_ASSETS_ANONYMIZE_KEY"] = "k" * 32
    world.export(tables=("orders",))
    world.sql("delete from orders where id = 1")

    world.export(tables=("orders",))

    (line,) = stones(world, "2026-02-08")
    key = line["key"]
    assert isinstance(key, dict)
    assert len(str(key["id"])) == 32
    assert dead(world, "2026-02-09") == []


def test_composite_keys_of_other_types_are_told_column_by_column(tmp_path: Path) -> None:
    script = """
    create table orders (day date, code blob, at timestamp, primary key (day, code));
    insert into orders values ('2026-02-01', x'00ff', '2026-02-08T10:00:00'),
                              ('2026-02-02', x'aa', '2026-02-08T10:00:00');
    """
    world = shop(tmp_path, YAML.replace("  customers: {}\n", ""), script)
    world.export(tables=("orders",))
    world.sql("delete from orders where code = x'00ff'")

    world.export(tables=("orders",))

    assert dead(world, "2026-02-08") == [{"day": "2026-02-01", "code": "00ff"}]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda yaml, script: (yaml, script.replace(" primary key", "")), "need a primary key"),
        (
            lambda yaml, script: (yaml.replace("tombstones", "redact: [id], tombstones"), script),
            "orders.id: tombstones need the key, and the column does not leave",
        ),
    ],
    ids=["no key", "redacted key"],
)
def test_tombstones_without_a_key_that_leaves_are_refused(
    tmp_path: Path, change: Callable[[str, str], tuple[str, str]], message: str
) -> None:
    world = shop(tmp_path, *change(YAML, CREATE_SHOP))

    with pytest.raises(UsageError, match=message):
        world.export(tables=("orders",))


@pytest.mark.parametrize("point", ["parts_synced", "manifest_synced", "published", "old_removed"])
def test_a_run_that_dies_anywhere_loses_no_tombstone(
    tmp_path: Path, point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = shop(tmp_path, YAML)
    world.export(tables=("orders",))
    world.sql("delete from orders where id = 1")

    class Dying(Filesystem):
        def at(self, name: str) -> None:
            if name == point:
                raise KeyboardInterrupt

    dying = Dying()
    exporter = world.exporter(tables=("orders",), formats=("parquet",))
    store = LocalStore(world.exports, filesystem=dying)
    monkeypatch.setitem(exporter.workspace.__dict__, "store", store)
    with pytest.raises(KeyboardInterrupt):
        exporter.export()

    world.export(tables=("orders",))

    assert REAL is not dying
    assert dead(world, "2026-02-08") == dead(world, "2026-02-08", "csv") == [{"id": 1}]
    findings = verify_source(world.exporter(tables=("orders",)))
    assert {one.verdict for one in findings} == {"equal"}
