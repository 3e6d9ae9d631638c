"""What is published, compared with the source once more."""

import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from export_assets.engine.verification import SourceFinding, verify_published, verify_source
from export_assets.errors import UsageError
from export_assets.sources.base import Scan
from export_assets_tests.engine.engine_world import (
    ALL_FORMATS,
    SHOP,
    FakeSource,
    World,
    scanning,
    shop,
    tree,
)


def found(world: World, **request: Any) -> dict[str, SourceFinding]:
    return {
        f"{one.table}/{one.format}/{one.partition}": one
        for one in verify_source(world.exporter(**request))
    }


def test_all_formats_of_a_table_are_compared_after_one_read(tmp_path: Path) -> None:
    world = shop(tmp_path)
    world.export(formats=ALL_FORMATS)
    scans: Counter[str] = Counter()
    before = tree(world.exports)

    def counted(scan: Scan, frames: Iterator[pl.DataFrame]) -> Iterator[pl.DataFrame]:
        scans[scan.table] += 1
        return frames

    source = FakeSource(world.exporter().source.source, scanning(counted))
    verdicts = found(world, source=source, formats=ALL_FORMATS)

    assert {one.verdict for one in verdicts.values()} == {"equal"}
    assert len(verdicts) == 16
    assert scans == {"orders": 1, "customers": 1}
    assert tree(world.exports) == before


def test_a_table_that_cannot_be_read_is_one_finding_and_the_others_go_on(tmp_path: Path) -> None:
    world = shop(tmp_path)
    world.export()
    world.sql("alter table orders rename to old; create view orders as select * from nowhere")

    verdicts = found(world)

    assert verdicts["orders/*/*"].verdict == "unreadable"
    assert verdicts["orders/*/*"].exit_code
    assert verdicts["customers/parquet/all"].verdict == "equal"


def test_a_table_the_source_has_no_more_has_vanished(tmp_path: Path) -> None:
    world = shop(tmp_path, "source: shop\nurl: shop.db\n")
    world.export()
    world.sql("drop table customers")

    everything = found(world)
    named = found(world, tables=("customers",))

    assert everything["customers/parquet/all"] == named["customers/parquet/all"]
    assert named["customers/parquet/all"].verdict == "vanished"
    assert named["customers/parquet/all"].beyond
    assert set(named) == {"customers/parquet/all"}
    assert everything["orders/parquet/all"].verdict == "equal"


def test_what_was_published_under_another_slicing_has_vanished(tmp_path: Path) -> None:
    world = shop(tmp_path)
    world.export()
    world.config(SHOP.replace("every: day", "every: month"))
    world.export()

    verdicts = found(world, tables=("orders",))

    assert verdicts["orders/parquet/2026-02"].verdict == "equal"
    old = verdicts["orders/parquet/day=2026-02-08"]
    assert (old.verdict, old.beyond) == ("vanished", True)


@pytest.mark.parametrize(
    ("yaml", "message"),
    [
        (SHOP.replace("customers: {}", "custmers: {}"), "source has no such table"),
        (SHOP + "relations: [{from: orders.nobody, to: customers.id}]\n", "no column nobody"),
    ],
)
def test_names_the_source_does_not_have_are_refused(
    yaml: str, message: str, tmp_path: Path
) -> None:
    world = shop(tmp_path)
    world.export()
    world.config(yaml)

    with pytest.raises(UsageError, match=message):
        found(world)


def test_an_export_whose_directory_is_gone_is_missing(tmp_path: Path) -> None:
    world = shop(tmp_path)
    world.export(formats=("parquet", "csv"))
    for name in ("customers/parquet", "customers/csv"):
        shutil.rmtree(world.exports / "shop" / name)

    verdicts = {
        f"{one.table}/{one.format}/{one.partition}": one.verdict
        for one in verify_published(world.exporter())
    }

    assert verdicts["customers/parquet/all"] == "missing"
    assert "customers/csv/all" not in verdicts  # nothing is configured to bring it back
    assert verdicts["orders/csv/2026-02-08"] == "equal"


def test_what_differs_because_it_was_configured_otherwise_since_says_so(tmp_path: Path) -> None:
    world = shop(tmp_path)
    world.export(tables=("customers",))
    world.config(SHOP.replace("customers: {}", "customers: {redact: [name]}"))

    (hidden,) = verify_published(world.exporter())
    world.export(tables=("customers",))
    world.sql("update customers set email = 'new'")
    (edited,) = verify_published(world.exporter())

    assert hidden.fact == "columns differ: name; its configuration changed since"
    assert edited.fact == "columns differ: email"


def test_what_was_never_exported_is_not_missing(tmp_path: Path) -> None:
    world = shop(tmp_path)
    world.export(tables=("orders",))

    found = list(verify_published(world.exporter()))

    assert {one.table for one in found} == {"orders"}
    assert {one.verdict for one in found} == {"equal"}
