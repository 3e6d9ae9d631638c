"""What a run would do, said without reading; what is published, compared with the source."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from export_assets.config.urls import parse_url
from export_assets.engine.planning import plan_exports
from export_assets.engine.report import ExportRecord, ExportReport
from export_assets.engine.request import ExportRequest
from export_assets.engine.verification import verify_source
from export_assets.engine.workspace import source_name
from export_assets.errors import UsageError
from export_assets.tables.partitions import Window
from export_assets_tests.engine.engine_world import NOW, SHOP, World, shop, tree


def planned(world: World, **request: Any) -> dict[str, str]:
    return {
        f"{item.table}/{item.format}/{item.partition}": item.action
        for item in plan_exports(world.exporter(**request))
    }


def verdicts(world: World, **request: Any) -> dict[str, str]:
    return {
        f"{item.table}/{item.format}/{item.partition}": item.verdict
        for item in verify_source(world.exporter(**request))
    }


def test_nothing_published_is_everything_to_publish(tmp_path: Path) -> None:
    world = shop(tmp_path)

    assert planned(world) == {"orders/parquet/*": "publish", "customers/parquet/all": "publish"}
    assert not any(world.exports.rglob("part-*"))


def test_a_plan_touches_nothing_and_says_nothing_to_do(tmp_path: Path) -> None:
    world = shop(tmp_path)
    world.export()
    before = tree(tmp_path)

    actions = planned(world)

    assert set(actions.values()) == {"nothing"}
    assert len(actions) == 4
    assert tree(tmp_path) == before


def test_a_changed_source_is_to_be_compared(tmp_path: Path) -> None:
    world = shop(tmp_path)
    world.export()
    world.sql("delete from orders where id = 3")

    actions = planned(world)

    assert actions["orders/parquet/2026-02-09"] == "compare"
    assert actions["orders/parquet/*"] == "publish"
    assert actions["customers/parquet/all"] == "compare"


def test_a_changed_configuration_and_a_damaged_manifest_are_to_be_published(tmp_path: Path) -> None:
    world = shop(tmp_path)
    world.export()
    world.config(SHOP.replace("customers: {}", "customers: {redact: [email]}"))
    (world.partition("orders", "parquet", "day=2026-02-09") / "_manifest.json").write_text("{")

    actions = planned(world)

    assert actions["customers/parquet/all"] == "publish"
    assert actions["orders/parquet/2026-02-09"] == "publish"
    assert actions["orders/parquet/2026-02-08"] == "nothing"


def test_what_a_plan_promises_a_run_does(tmp_path: Path) -> None:
    world = shop(tmp_path)
    world.export()
    os.utime(world.db, ns=(1, 1))

    assert set(planned(world, partitions=("2026-02-08",), tables=("orders",)).values()) == {
        "compare"
    }
    assert planned(world, overwrite=True) == {
        "orders/parquet/*": "publish",
        "customers/parquet/all": "publish",
    }


def test_published_rows_equal_their_source(tmp_path: Path) -> None:
    world = shop(tmp_path)
    world.export(formats=("csv", "parquet"))

    found = verdicts(world, formats=("csv", "parquet"))

    assert set(found.values()) == {"equal"}
    assert len(found) == 8


def test_every_difference_from_the_source_is_found(tmp_path: Path) -> None:
    world = shop(tmp_path)
    world.export()
    world.sql(
        "update orders set total = 9 where id = 1; delete from orders where id = 3;"
        "insert into orders values (9, '2026-05-05', 1, '')"
    )

    assert verdicts(world) == {
        "orders/parquet/2026-02-08": "different",
        "orders/parquet/2026-02-09": "vanished",
        "orders/parquet/2026-02-10": "equal",
        "orders/parquet/2026-05-05": "missing",
        "customers/parquet/all": "equal",
    }


def test_a_damaged_manifest_is_one_finding_among_others(tmp_path: Path) -> None:
    world = shop(tmp_path)
    world.export()
    (world.partition("orders", "parquet", "day=2026-02-09") / "_manifest.json").write_text("{")

    found = verdicts(world)

    assert found["orders/parquet/2026-02-09"] == "different"
    assert found["orders/parquet/2026-02-10"] == "equal"


def test_mixed_values_are_verified_with_the_types_they_were_published_in(tmp_path: Path) -> None:
    world = shop(tmp_path)
    world.sql("update orders set total = 'many' where id = 4")
    world.export()

    assert set(verdicts(world).values()) == {"equal"}


@pytest.mark.parametrize(
    ("options", "fact"),
    [
        ({"limit": 1}, "limit: a published partition is complete"),
        ({"offset": 1}, "offset: a published"),
        ({"where": {"id": 1}}, "where: a published"),
        ({"limit": -1, "output_dir": Path("x")}, "must not be negative"),
        ({"partitions": ("a",), "window": Window(start=NOW)}, "give one of them"),
        ({"window": Window(start=NOW, end=NOW)}, "is not before"),
        ({"window": Window(start=datetime(2026, 1, 1))}, "need a time zone"),  # noqa: DTZ001 - the point
    ],
)
def test_a_request_that_cannot_be_is_refused(options: dict[str, Any], fact: str) -> None:
    with pytest.raises(UsageError, match=fact):
        ExportRequest(**options)


def report_of(*codes: int, status: str = "failed", warnings: tuple[str, ...] = ()) -> ExportReport:
    records = [
        ExportRecord(
            source="s",
            table="t",
            format="csv",
            partition=str(n),
            status=status if code or status != "failed" else "success",  # type: ignore[arg-type]  # a status
            exit_code=code,
        )
        for n, code in enumerate(codes)
    ]
    return ExportReport(
        source="s",
        run_id="r",
        started_at=datetime(2026, 1, 1, tzinfo=UTC),
        seconds=0,
        records=records,
        warnings=warnings,
    )


@pytest.mark.parametrize(
    ("report", "code"),
    [
        (report_of(), 0),
        (report_of(0, 0), 0),
        (report_of(0, warnings=("odd",)), 3),
        (report_of(0, status="skipped"), 3),
        (report_of(0, 24), 4),
        (report_of(24, 24), 24),
        (report_of(24, 21), 4),
        (report_of(30), 30),
        (report_of(30, warnings=("odd",)), 30),
    ],
)
def test_the_exit_code_is_the_verdict_over_all_records(report: ExportReport, code: int) -> None:
    assert report.exit_code == code


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("My Shop.db", "my_shop"),
        ("2026.db", "db_2026"),
        ("sqlite:///x/ORDERS.sqlite3", "orders"),
        ("--.db", "db"),
    ],
)
def test_a_file_gives_its_source_a_name(address: str, name: str, tmp_path: Path) -> None:
    assert source_name(parse_url(address, base=tmp_path)) == name


def test_a_file_is_a_source_of_its_own_unless_its_name_is_taken(tmp_path: Path) -> None:
    world = shop(tmp_path)
    world.sql("create table t (id integer); insert into t values (1)", tmp_path / "other.db")
    workspace = world.workspace()

    assert workspace.source("other.db").name == "other"
    with pytest.raises(UsageError, match="would be published as the configured source 'shop'"):
        workspace.source("shop.db")
    with pytest.raises(UsageError, match="is an address itself"):
        workspace.source("other.db", url="shop.db")
    with pytest.raises(UsageError, match="did you mean 'shop'"):
        workspace.source("shpo")


def test_an_empty_partition_that_was_never_published_is_no_difference(tmp_path: Path) -> None:
    world = shop(tmp_path)
    world.export(formats=("parquet",))
    world.sql("delete from customers")

    found = verdicts(world, formats=("csv",), tables=("customers",))

    assert found == {}


def test_files_without_a_manifest_are_planned_as_they_are_exported(tmp_path: Path) -> None:
    world = shop(tmp_path)
    world.export()
    (world.partition("orders", "parquet", "day=2026-02-09") / "_manifest.json").unlink()

    plans = {item.partition: item for item in plan_exports(world.exporter(tables=("orders",)))}
    again = {
        item.partition: item.action
        for item in plan_exports(world.exporter(tables=("orders",), overwrite=True))
    }
    report = world.export(tables=("orders",))

    assert plans["2026-02-09"].action == "refuse"
    assert plans["2026-02-09"].reason == ("cannot publish: files without a manifest are in the way")
    assert again == {"*": "publish", "2026-02-09": "refuse"}
    assert report.failed
    assert {record.exit_code for record in report.failed} == {23}
