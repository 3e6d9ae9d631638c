"""What an event shows of a partition: how it changed, a picture, and rows where asked for."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from export_assets.defs import showing
from export_assets.defs.metadata import describe_fidelity
from export_assets.engine.request import ExportRequest
from export_assets.store.contents import ColumnRecord
from export_assets_tests.defs.shop_project import ORDERS, SHOP, Shop, key, keys_of
from export_assets_tests.defs.test_elsewhere_sensor import tick
from export_assets_tests.engine.charts.pictures import decoded

PARQUET, CSV = keys_of(ORDERS)
DAY = "2024-01-05"
ONLY_OF_RUNS = {
    "checks",
    "deleted",
    "duration_seconds",
    "partitions_changed",
    "partitions_unchanged",
    "rows_per_second",
}


@pytest.fixture
def shown(tmp_path: Path) -> Iterator[Shop]:
    yaml = SHOP.replace(
        "    checks:",
        "    chart: {kind: trace, x: ordered_at, y: total}\n"
        "    sample_rows: 2\n    redact: [customer_id]\n    checks:",
    )
    with dg.DagsterInstance.ephemeral(tempdir=str(tmp_path)) as instance:
        yield Shop(tmp_path / "project", instance=instance, yaml=yaml)


def test_a_partition_tells_how_it_changed_whoever_published_it(shown: Shop) -> None:
    shown.run(keys_of(ORDERS), partition=DAY)
    first = shown.events(PARQUET)[0].metadata
    shown.sql("delete from orders where id = 34")
    shown.run(keys_of(ORDERS), partition=DAY)
    second = shown.events(PARQUET)[0].metadata
    shown.sql("insert into orders values (901, 1, '2024-01-05T12:00:00Z', 7.0)")
    shown.command_line(ExportRequest(tables=("orders",), partitions=(DAY,)))
    tick(shown)
    third = shown.events(PARQUET)[0].metadata

    assert not {"rows_change", "bytes_change"} & set(first)
    assert (second["rows_change"].value, third["rows_change"].value) == (-1, 1)
    assert second["rows_change_share"].value == pytest.approx(-1 / 3, abs=1e-5)
    size = first["bytes"].value, second["bytes"].value
    assert second["bytes_change"].value == size[1] - size[0]  # type: ignore[operator]
    assert (first["columns_not_exact"].value, first["values_not_exact"].value) == (1, 0)
    assert set(second) - set(third) == ONLY_OF_RUNS
    assert set(third) <= set(second)


def test_chart_and_rows_are_those_published_in_every_format(shown: Shop) -> None:
    shown.run(keys_of(ORDERS), partition=DAY)

    [parquet] = shown.events(PARQUET)
    [csv] = shown.events(CSV)
    decoded(str(parquet.metadata["chart"].value))
    assert parquet.metadata["chart"] == csv.metadata["chart"]
    sample = parquet.metadata["sample"]
    assert isinstance(sample, dg.TableMetadataValue)
    assert [dict(record.data) for record in sample.records] == [
        {
            "id": number,
            "customer_id": None,
            "ordered_at": "2024-01-05 10:00:00+00:00",
            "total": f"{float(number)}",
        }
        for number in ("4", "34")
    ]


def test_a_chart_that_cannot_be_drawn_fails_nothing(
    shown: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> str:
        msg = "a value 4711"
        raise ZeroDivisionError(msg)

    monkeypatch.setattr(showing, "draw_chart", broken)

    result = shown.run([PARQUET], partition=DAY)

    assert result.success
    assert "chart" not in shown.events(PARQUET)[0].metadata
    assert "4711" not in str(result.all_events)


def test_rows_are_shown_without_columns_that_look_personal_and_are_not_exposed(
    shown: Shop,
) -> None:
    shown.sql(
        "alter table orders add column email text",
        "alter table orders add column phone text",
        "update orders set email = 'ann@example.org', phone = '555'",
    )
    shown.write_yaml(shown.yaml.replace("sample_rows: 2", "sample_rows: 1\n    expose: [phone]"))

    result = shown.run([PARQUET], partition=DAY)

    sample = shown.events(PARQUET)[0].metadata["sample"]
    assert isinstance(sample, dg.TableMetadataValue)
    [row] = [dict(record.data) for record in sample.records]
    assert set(row) == {"id", "customer_id", "ordered_at", "total", "phone"}
    assert "ann@example.org" not in str(result.all_events)


def test_a_name_of_a_column_is_no_markup() -> None:
    column = ColumnRecord(
        name="![x](http://evil/x.png) <b>|\n`a`",
        logical_type="text",
        physical_type="String",
        declared_type="TEXT",
        nullable=True,
        fidelity="lossy",
        fidelity_reason="redacted",
        fidelity_count=1,
        digest="",
    )

    *_, row = describe_fidelity((column,)).splitlines()

    name = r"\!\[x\](http://evil/x.png) \<b\>\| \`a\`"
    assert row == f"| {name} | lossy | redacted | 1 |"


def test_nothing_of_the_rows_is_shown_unasked(shop: Shop) -> None:
    shop.run([key(*ORDERS, "parquet")], partition=DAY)

    [event] = shop.events(PARQUET)
    assert not {"chart", "sample"} & set(event.metadata)


def test_a_whole_run_tells_durations_and_shares_of_its_pass(shown: Shop) -> None:
    shown.sql("delete from orders where ordered_at > '2024-01-04'")

    shown.run([PARQUET])

    events = {event.partition: event.metadata for event in shown.events(PARQUET)}
    assert len(events) == 3
    assert all(found["duration_seconds"].value for found in events.values())
    assert all("chart" in found for found in events.values())
