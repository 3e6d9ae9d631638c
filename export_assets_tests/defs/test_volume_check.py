"""How many rows a partition has, compared with those before it."""

from dataclasses import replace
from datetime import UTC, datetime

import dagster as dg
import pytest
from msgspec.structs import replace as edited

from export_assets.defs.checks import check_names
from export_assets.defs.findings import Finding
from export_assets.defs.history import History
from export_assets.defs.shapes import TableShape
from export_assets.defs.subject import Subject
from export_assets.defs.table import TableExport
from export_assets.defs.volume import judge_volume
from export_assets.engine.request import ExportRequest
from export_assets.store.manifest import MANIFEST_NAME, Manifest, encode_manifest, seal_manifest
from export_assets_tests.defs.shop_project import ORDERS, SHOP, Shop, failures, key

PER_DAY = 40


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> TableExport:
    """Twenty days of forty orders each, but for one of five and one of two hundred."""
    with dg.DagsterInstance.ephemeral() as instance:
        shop = Shop(tmp_path_factory.mktemp("volume") / "shop", instance=instance)
        shop.sql("delete from orders")
        for day in range(1, 21):
            number = {15: 5, 17: 200}.get(day, PER_DAY)
            shop.insert(
                "orders",
                [(day * 1_000 + n, 1, f"2024-01-{day:02d}T10:00:00Z", 1.0) for n in range(number)],
            )
        shop.command_line(ExportRequest(tables=("orders",)))
        shape = TableShape(name="orders")
        source = shop.workspace.source("shop")
        return TableExport(workspace=shop.workspace, configured=source, shape=shape)


def judged(table: TableExport, day: int, **changes: object) -> Finding:
    manifest = table.manifest("parquet", f"2024-01-{day:02d}")
    assert manifest is not None
    return _judged(table, edited(manifest, **changes))


def _judged(table: TableExport, manifest: Manifest) -> Finding:
    subject = Subject(
        table=table,
        format="parquet",
        key=manifest.partition,
        manifest=manifest,
        history=History(table, "parquet"),
    )
    return judge_volume(subject, manifest)


def ruled(table: TableExport, rules: dict[str, object]) -> TableExport:
    """Return *table* under further rules."""
    source = table.configured.config
    orders = source.table("orders").model_dump(exclude_unset=True)
    config = source.model_validate(
        {"source": "shop", "url": "shop.db", "tables": {"orders": {**orders, **rules}}}
    )
    return replace(table, configured=replace(table.configured, config=config))


def test_too_few_and_too_many_rows_warn_with_what_is_usual(table: TableExport) -> None:
    assert [day for day in range(1, 21) if not judged(table, day).passed] == [15, 17]
    few = judged(table, 15)
    assert few.says == "5 rows, the median of 10 partitions before it is 40"
    assert (few.figures["median"].value, few.figures["ratio"].value) == (40.0, 0.125)


def test_the_first_partitions_have_nothing_to_be_compared_with(table: TableExport) -> None:
    assert judged(table, 5).says == "40 rows, 4 partitions before it: too few to compare with"
    assert judged(table, 6).says == "40 rows, the median of 5 partitions before it is 40"


def test_a_day_that_was_not_over_does_not_warn_and_is_no_measure(table: TableExport) -> None:
    manifest = table.manifest("parquet", "2024-01-15")
    assert manifest is not None
    noon = edited(manifest.snapshot, taken_at=datetime(2024, 1, 15, 12, tzinfo=UTC))
    unfinished = edited(manifest, snapshot=noon)

    assert _judged(table, unfinished).says == "5 rows, and its time was not over"
    history = History(table, "parquet", [unfinished])
    keys = [one.key[-2:] for one in history.before("2024-01-18", 3, finished=True)]
    assert keys == ["14", "16", "17"]


def test_a_day_that_is_over_and_unchanged_is_compared_with_days_read_before_they_were(
    shop: Shop,
) -> None:
    """As where every change is exported at once: nothing comes after the last one of a day."""
    shop.write_yaml(SHOP.replace("    checks:", "    volume: {partitions: 4}\n    checks:"))
    shop.insert("orders", [(n, 1, "2024-01-20T10:00:00Z", 1.0) for n in range(100, 200)])
    shop.command_line(ExportRequest(tables=("orders",)))
    for path, manifest in shop.workspace.store.manifests("shop", "orders", "parquet"):
        late = datetime.fromisoformat(f"{manifest.partition}T23:00:00+00:00")
        early = edited(manifest, snapshot=edited(manifest.snapshot, taken_at=late))
        (path / MANIFEST_NAME).write_bytes(encode_manifest(seal_manifest(early)))
    parquet, day = key(*ORDERS, "parquet"), "2024-01-20"
    selection = dg.AssetSelection.checks(dg.AssetCheckKey(parquet, "volume"))

    [never] = shop.run_checks(selection, partition=day).get_asset_check_evaluations()
    run = shop.run([parquet], partition=day).get_asset_check_evaluations()
    [alone] = shop.run_checks(selection, partition=day).get_asset_check_evaluations()

    [found] = [one for one in run if one.check_name == "volume"]
    assert never.description == "103 rows, and its time was not over"
    assert found.description == "103 rows, the median of 4 partitions before it is 3"
    assert (found.passed, alone.passed) == (False, False)
    assert alone.description == found.description


def test_the_table_says_what_is_usual(table: TableExport) -> None:
    tolerant = ruled(table, {"volume": {"partitions": 2, "tolerance": 10}})

    assert judged(tolerant, 15).says == "5 rows, the median of 2 partitions before it is 40"
    assert judged(tolerant, 15).passed


def test_it_warns_alone_and_reads_each_manifest_once(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.write_yaml(SHOP.replace("    checks:", "    volume: {partitions: 4}\n    checks:"))
    shop.insert("orders", [(n, 1, "2024-01-20T10:00:00Z", 1.0) for n in range(100, 200)])
    shop.command_line(ExportRequest(tables=("orders",)))
    read: list[str] = []
    plain = TableExport.manifest

    def counting(table: TableExport, fmt: str, partition: str) -> Manifest | None:
        read.append(partition)
        return plain(table, fmt, partition)

    monkeypatch.setattr(TableExport, "manifest", counting)
    check = dg.AssetCheckKey(key(*ORDERS, "parquet"), "volume")

    result = shop.run_checks(dg.AssetSelection.checks(check), partition="2024-01-20")

    [found] = result.get_asset_check_evaluations()
    assert result.success, failures(result)
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert sorted(read) == [f"2024-01-{day}" for day in range(16, 21)]


def test_it_can_be_switched_off(table: TableExport) -> None:
    assert "volume" in check_names(table, "parquet")
    assert "volume" not in check_names(table, "csv")
    assert "volume" not in check_names(ruled(table, {"volume": False}), "parquet")
