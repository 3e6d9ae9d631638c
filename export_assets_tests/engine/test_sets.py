"""Sets: files of one moment, whole or absent, wherever a run is killed and whoever reads."""

import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from threading import Event, Thread

import polars as pl
import pytest

from export_assets.engine.bundles.checking import differing_content
from export_assets.engine.repair import repair
from export_assets.engine.repair_plan import Thoroughness
from export_assets.engine.sets.checking import verify_sets
from export_assets.errors import ConfigError, DestConflict, DestLocked, IntegrityError, UsageError
from export_assets.store.local import read_if_there
from export_assets.store.verify import verify_partition
from export_assets_tests.effort import effort
from export_assets_tests.engine.engine_world import CREATE_SHOP, SHOP, World, shop
from export_assets_tests.proof.plugin import Proven

YAML = f"{SHOP}sets:\n  all_of_it: {{formats: [parquet, csv], directory: out}}\n"
FILES = {"orders.parquet", "orders.csv", "customers.parquet", "customers.csv", "_manifest.json"}


def names(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


def place(world: World) -> Path:
    return world.exports / "shop" / "all_of_it" / "set" / "all"


def state(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def test_a_set_is_exported_with_the_tables_and_copied_out(tmp_path: Path) -> None:
    world = shop(tmp_path, YAML)
    report = world.export()
    assert not report.failed
    assert names(place(world)) == names(world.home / "out") == FILES
    assert pl.read_parquet(world.home / "out" / "orders.parquet")["id"].to_list() == [1, 2, 3, 4]
    manifest = read_if_there(place(world))
    assert manifest is not None
    assert manifest.rows == 2 * (4 + 2)
    assert verify_partition(place(world)) == verify_partition(world.home / "out") == []
    again = world.export()
    assert {one.status for one in again.records} == {"unchanged"}


def test_only_a_change_of_its_content_publishes_a_set_again(tmp_path: Path) -> None:
    world = shop(tmp_path, f"{SHOP}sets: {{some: {{tables: [customers]}}}}\n")
    world.export()
    for script, status in (
        ("update orders set total = 9", "unchanged"),
        ("update customers set name = 'Eve' where id = 1", "success"),
        ("vacuum", "unchanged"),
    ):
        world.sql(script)
        (record,) = [one for one in world.export().records if one.format == "set"]
        assert record.status == status, script


def test_what_chooses_tables_or_rows_chooses_no_set(tmp_path: Path) -> None:
    world = shop(tmp_path, YAML)
    for request in (
        {"tables": ("orders",)},
        {"partitions": ("2026-02-08",), "tables": ("orders",)},
        {"exclude": ("all_of_it",)},
        {"output_dir": tmp_path / "flat", "where": {"id": 1}},
    ):
        assert not [one for one in world.export(**request).records if one.format == "set"]
    (record,) = world.export(tables=("all_of_it",)).records
    assert (record.table, record.status) == ("all_of_it", "success")
    with pytest.raises(UsageError, match="use --export-dir"):
        world.export(tables=("all_of_it",), output_dir=tmp_path / "flat")


def test_a_set_that_one_table_cannot_be_in_is_not_published(tmp_path: Path) -> None:
    world = shop(
        tmp_path,
        YAML.replace("customers: {}", "customers: {checks: [{column: email, not_null: true}]}"),
    )
    report = world.export()
    (record,) = [one for one in report.failed if one.format == "set"]
    assert "customers" in (record.error or "")
    assert record.exit_code == 30
    assert not place(world).exists()
    assert not (world.home / "out").exists()
    world.sql("update customers set email = 'x@example.org'")
    assert not world.export().failed
    assert names(world.home / "out") == FILES


@pytest.mark.parametrize(
    ("sets", "fact"),
    [
        ("x: {tables: [nothing]}", "sets.x: source has no table nothing"),
        ("orders: {}", "sets.orders: is called as a table is"),
        ("x: {profile: tidy}", "the files of this set have one layout"),
    ],
)
def test_a_set_that_cannot_be_is_refused(tmp_path: Path, sets: str, fact: str) -> None:
    world = shop(tmp_path, f"{SHOP}sets: {{{sets}}}\n")
    (record,) = [one for one in world.export().failed if one.format == "set"]
    assert fact in (record.error or "")


def test_unknown_keys_of_a_set_are_refused(tmp_path: Path) -> None:
    world = shop(tmp_path, f"{SHOP}sets: {{x: {{tabels: [orders]}}}}\n")
    with pytest.raises(ConfigError, match="tables"):
        world.export()


def test_files_of_others_are_never_replaced(tmp_path: Path) -> None:
    world = shop(tmp_path, YAML)
    (world.home / "out").mkdir()
    (world.home / "out" / "orders.csv").write_text("somebody's")
    (record,) = [one for one in world.export().failed if one.format == "set"]
    assert "no export put there" in (record.error or "")
    assert record.exit_code == DestConflict.exit_code
    assert (world.home / "out" / "orders.csv").read_text() == "somebody's"
    (world.home / "out" / "orders.csv").unlink()
    assert not world.export().failed
    (world.home / "out" / "notes.txt").write_text("mine")
    world.sql("delete from orders where id = 1")
    (record,) = [one for one in world.export().failed if one.format == "set"]
    assert "notes.txt" in (record.error or "")
    assert (world.home / "out" / "notes.txt").read_text() == "mine"


def test_a_damaged_copy_is_made_again(tmp_path: Path) -> None:
    world = shop(tmp_path, YAML)
    world.export()
    for damage in ("cut", "gone"):
        path = world.home / "out" / "orders.csv"
        path.write_bytes(path.read_bytes()[:-3]) if damage == "cut" else path.unlink()
        assert not world.export().failed
        assert state(world.home / "out") | {"_manifest.json": b""} == state(place(world)) | {
            "_manifest.json": b""
        }


def test_an_export_directory_holds_the_set_alone(tmp_path: Path) -> None:
    world = shop(tmp_path, YAML)
    where = tmp_path / "given" / "here"
    report = world.export(export_dir=where)
    assert [(one.table, one.path) for one in report.records] == [("all_of_it", where)]
    assert names(where) == FILES
    assert not world.exports.exists()
    assert not (world.home / "out").exists()


def test_a_reader_never_sees_files_of_two_moments(tmp_path: Path) -> None:
    world = shop(tmp_path, YAML)
    world.export(tables=("all_of_it",))
    done, seen, mixed = Event(), set(), []

    def read() -> None:
        while not done.is_set():
            try:
                fd = os.open(world.home / "out", os.O_RDONLY | os.O_DIRECTORY)
            except FileNotFoundError:
                mixed.append("absent")
                return
            try:
                files = []
                for name in ("orders.csv", "customers.csv"):
                    with open(os.open(name, os.O_RDONLY, dir_fd=fd), "rb") as file:  # noqa: PTH123
                        files.append(file.read())
            except FileNotFoundError:
                continue  # the old directory is being removed; it is opened again
            finally:
                os.close(fd)
            marks = {files[0].count(b"mark-7"), files[1].count(b"mark-7")}
            seen.add(files[0])
            if len(marks) > 1 and b"mark" in files[0]:
                mixed.append(f"{files}")

    reader = Thread(target=read)
    reader.start()
    try:
        for number in range(12):
            text = f"mark-{number}"
            world.sql(f"update orders set note = '{text}'; update customers set name = '{text}'")
            assert not world.export(tables=("all_of_it",)).failed
    finally:
        done.set()
        reader.join()
    assert len(seen) > 1
    assert not [one for one in mixed if one == "absent"]


KILLED = """
import os, signal, sys
from pathlib import Path
from export_assets.store import delivery
from export_assets.store.filesystem import Filesystem
from export_assets.store.local import LocalStore
from export_assets_tests.engine.engine_world import World

class Dying(Filesystem):
    left = int(sys.argv[3])

    def at(self, name):
        if name == sys.argv[2]:
            Dying.left -= 1
            if Dying.left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

delivery.stage_directory.__wrapped__.__kwdefaults__["filesystem"] = Dying()
exporter = World(Path(sys.argv[1])).exporter(tables=("all_of_it",))
exporter.workspace.__dict__["store"] = LocalStore(
    exporter.workspace.project.settings.exports_dir, filesystem=Dying()
)
exporter.export()
"""


@pytest.mark.suite("crash-points")
@pytest.mark.promise("whole-or-absent")
@pytest.mark.parametrize(
    ("point", "times"),
    # The first time in the store, the second time in the copy.
    [
        ("staged", 2),
        ("manifest_synced", 1),
        ("manifest_synced", 2),
        ("published", 1),
        ("published", 2),
        ("old_removed", 2),
    ],
)
def test_a_run_killed_anywhere_leaves_the_old_set_or_the_new_one(
    tmp_path: Path, point: str, times: int, proven: Proven
) -> None:
    world = shop(tmp_path, YAML)
    world.export(tables=("all_of_it",))
    before = state(world.home / "out")
    world.sql("update orders set note = 'new'; update customers set name = 'new'")
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path), point, str(times)],
        cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL, done.stderr
    for directory in (place(world), world.home / "out"):
        assert verify_partition(directory) == []
        assert names(directory) == FILES
    now = state(world.home / "out")
    assert now == before or b"new" in now["customers.csv"]
    assert not world.export(tables=("all_of_it",)).failed
    assert b"new" in (world.home / "out" / "customers.csv").read_bytes()
    assert names(world.home / ".export_assets.out") <= {"lock"}
    proven(1, "kill at a point of a set", f"{'old' if now == before else 'new'} set left")


def test_two_runs_do_not_write_one_directory_at_once(tmp_path: Path) -> None:
    from export_assets.store.delivery import stage_directory
    from export_assets.store.layout import ExportKey

    key = ExportKey("shop", "all_of_it", "set")
    with stage_directory(tmp_path / "out", key, "one"):  # noqa: SIM117
        with pytest.raises(DestLocked, match="locked by process"):
            with stage_directory(tmp_path / "out", key, "two"):
                pass


@pytest.mark.suite("bit-flips")
@pytest.mark.promise("complete-or-loud")
def test_every_flipped_bit_of_a_set_is_found_and_mended(tmp_path: Path, proven: Proven) -> None:
    world = shop(tmp_path, YAML)
    world.export(tables=("all_of_it",))
    whole = state(place(world))
    chance = random.Random(11)
    flips = effort(60, soak=300)
    found = 0
    for _ in range(flips):
        name = chance.choice(sorted(whole))
        data = bytearray(whole[name])
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        (place(world) / name).write_bytes(data)
        assert verify_partition(place(world)), name
        found += 1
        (place(world) / name).write_bytes(whole[name])
    assert verify_partition(place(world)) == []
    (place(world) / "orders.csv").write_bytes(b"id\n")
    report = repair(world.exporter(), Thoroughness(), agree=lambda _: True)
    assert report.exit_code == 0
    assert verify_partition(place(world)) == []
    proven(flips, "bits of a set", f"{found} found")


def test_what_a_set_holds_is_compared_by_value_and_with_the_source(tmp_path: Path) -> None:
    world = shop(tmp_path, YAML)
    world.export(tables=("all_of_it",))
    manifest = read_if_there(place(world))
    assert manifest is not None
    assert differing_content(place(world), manifest) is None
    assert [one.verdict for one in verify_sets(world.exporter())] == ["equal"]
    world.sql("update customers set name = 'Eve' where id = 1")
    (finding,) = verify_sets(world.exporter())
    assert finding.verdict == "different"
    pl.read_csv(place(world) / "orders.csv").with_columns(total=pl.lit(1.0)).write_csv(
        place(world) / "orders.csv"
    )
    assert "orders.csv" in (differing_content(place(world), manifest) or "")


def test_a_set_of_another_database_is_not_replaced_unasked(tmp_path: Path) -> None:
    world = shop(tmp_path, YAML)
    world.export(tables=("all_of_it",))
    other = tmp_path / "other.db"
    world.sql(CREATE_SHOP, other)
    report = world.export(tables=("all_of_it",), url=str(other))
    assert "was published from another database" in (report.failed[0].error or "")
    assert not world.export(tables=("all_of_it",), url=str(other), overwrite=True).failed


def test_a_damaged_manifest_does_not_keep_a_set_from_being_published(tmp_path: Path) -> None:
    world = shop(tmp_path, YAML)
    world.export(tables=("all_of_it",))
    (place(world) / "_manifest.json").write_bytes(b"{")
    with pytest.raises(IntegrityError):
        read_if_there(place(world))
    report = world.export(tables=("all_of_it",))
    assert not report.failed
    assert verify_partition(place(world)) == []


@pytest.mark.parametrize("fmt", ["sqlite", "duckdb", "xlsx"])
def test_a_whole_source_is_published_as_one_file(tmp_path: Path, fmt: str) -> None:
    sets = f"sets: {{whole: {{one_file: {fmt}}}}}\n"
    relations = "relations: [{from: orders.id, to: customers.id}]\n"
    world = shop(tmp_path, SHOP + sets + relations)
    (record,) = world.export(tables=("whole",)).records
    assert record.status == "success", record.error
    assert record.path is not None
    assert names(record.path) == {f"shop.{fmt}", "_manifest.json"}
    manifest = read_if_there(record.path)
    assert manifest is not None
    assert [(one.name, one.rows) for one in manifest.set.tables] == [  # type: ignore[union-attr]
        ("orders", 4),
        ("customers", 2),
    ]
    assert verify_partition(record.path) == []
    assert differing_content(record.path, manifest) is None
    (again,) = world.export(tables=("whole",), full=True).records
    assert again.status == "unchanged"
    world.sql("update customers set name = 'Eve' where id = 1")
    (changed,) = world.export(tables=("whole",)).records
    assert changed.status == "success"
    other = read_if_there(record.path)
    assert other is not None
    assert differing_content(record.path, other) is None
    assert differing_content(record.path, manifest) is not None  # of the generation before


@pytest.mark.parametrize("fmt", ["sqlite", "duckdb"])
def test_the_one_file_is_a_source_again(tmp_path: Path, fmt: str) -> None:
    world = shop(tmp_path, f"{SHOP}sets: {{whole: {{one_file: {fmt}}}}}\n")
    (record,) = world.export(tables=("whole",)).records
    assert record.path is not None
    world.export(tables=("orders", "customers"))
    other = World(tmp_path / "other")
    other.home.mkdir()
    other.config(
        f"source: shop\nurl: {fmt}:///{record.path}/shop.{fmt}\n"
        "tables: {orders: {}, customers: {}}\n"
    )
    assert not other.export().failed
    again = other.manifest("customers", "parquet", "all")
    assert again.row_digest == world.manifest("customers", "parquet", "all").row_digest
    days = [world.manifest("orders", "parquet", f"day=2026-02-{day}") for day in ("08", "09", "10")]
    total = sum(int(one.row_digest, 16) for one in days) % 2**64
    assert int(other.manifest("orders", "parquet", "all").row_digest, 16) == total


def test_a_copy_of_which_a_bit_flipped_is_mended(tmp_path: Path) -> None:
    world = shop(tmp_path, YAML)
    world.export()
    path = world.home / "out" / "orders.csv"
    for mend in ("repair", "overwrite"):
        data = bytearray(path.read_bytes())
        data[-3] ^= 1
        path.write_bytes(data)
        assert verify_partition(world.home / "out")
        if mend == "repair":
            report = repair(world.exporter(), Thoroughness(), agree=lambda plan: len(plan) == 1)
            assert report.exit_code == 0
        else:
            assert not world.export(tables=("all_of_it",), overwrite=True).failed
        assert verify_partition(world.home / "out") == []
    report = repair(world.exporter(), Thoroughness(), agree=lambda plan: not plan)
    assert report.exit_code == 0


def test_what_is_private_is_so_in_the_copy_too(tmp_path: Path) -> None:
    world = shop(tmp_path, f"private: true\n{YAML}")
    assert world.workspace().store.is_private("shop")
    assert not world.export().failed
    for top in (world.home / "out", place(world)):
        assert top.stat().st_mode & 0o777 == 0o700
        assert {path.stat().st_mode & 0o777 for path in top.iterdir()} == {0o600}


@pytest.mark.parametrize("where", [".", "exports/shop", "exports"])
def test_a_set_is_not_written_over_the_exports(tmp_path: Path, where: str) -> None:
    world = shop(tmp_path, YAML)
    world.export(tables=("orders",))
    before = sorted(tmp_path.rglob("*"))
    (record,) = world.export(tables=("all_of_it",), export_dir=tmp_path / where).records
    assert record.status == "failed"
    assert "lies among the exports" in (record.error or "")
    assert sorted(tmp_path.rglob("*")) == before


def test_what_means_nothing_to_a_set_is_refused(tmp_path: Path) -> None:
    world = shop(tmp_path, YAML)
    for request, fact in (
        ({"formats": ("csv",)}, "format: all_of_it is a set"),
        ({"partitions": ("zzz",)}, "is one partition"),
        ({"exclude": ("all_of_it",)}, "no set is left"),
        ({"profile": "tidy"}, "has no set in such a layout"),
    ):
        with pytest.raises(UsageError, match=fact):
            world.export(tables=("all_of_it",), **request)
    other = tmp_path / "x"
    other.mkdir()
    with pytest.raises(ConfigError, match="give one of them"):
        shop(other, f"{SHOP}sets: {{x: {{one_file: xlsx, formats: [csv]}}}}\n").export()


def test_values_that_are_not_carried_as_they_are_are_told(tmp_path: Path) -> None:
    world = shop(tmp_path, f"{SHOP}sets: {{some: {{tables: [customers], formats: [csv]}}}}\n")
    world.sql("update customers set name = x'fffe' where id = 1")
    (record,) = world.export(tables=("some",)).records
    assert [column.name for column in record.changed] == ["customers.name"]
