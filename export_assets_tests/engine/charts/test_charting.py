"""Charts of partitions that were really published."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from export_assets.config.models import SourceConfig
from export_assets.config.showing import ChartConfig
from export_assets.engine.charts.charting import draw_chart
from export_assets.engine.request import ExportRequest
from export_assets.errors import UsageError
from export_assets.store.manifest import Manifest
from export_assets_tests.defs.shop_project import SHOP, Shop
from export_assets_tests.engine.charts.pictures import decoded, lines, texts

TRACE = ChartConfig(kind="trace", x="ordered_at", y="total")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    import dagster as dg

    with dg.DagsterInstance.ephemeral() as instance:
        yaml = SHOP.replace('"*": {}', "customers: {}")
        shop = Shop(tmp_path_factory.mktemp("charts") / "shop", instance=instance, yaml=yaml)
        shop.command_line(ExportRequest())
        return shop


def published(shop: Shop, table: str, fmt: str, key: str) -> tuple[Manifest, Path]:
    [found] = [
        (manifest, path)
        for path, manifest in shop.workspace.store.manifests("shop", table, fmt)
        if manifest.partition == key
    ]
    return found


def chart(shop: Shop, chart: ChartConfig, config: SourceConfig | None = None, **of: str) -> str:
    manifest, path = published(
        shop, of.get("table", "orders"), of.get("fmt", "parquet"), of.get("key", "2024-01-05")
    )
    picture = draw_chart(chart, config or shop.workspace.source("shop").config, manifest, path)
    assert picture is not None
    return picture


def test_a_day_is_drawn_from_midnight_to_midnight(shop: Shop) -> None:
    picture = decoded(chart(shop, TRACE))

    # Three orders at ten o'clock, of 4, 34 and 64.
    [[(x, _), _]] = lines(picture)
    assert x == pytest.approx(30 + 208 * 10 / 24, abs=3)
    assert texts(picture) == ["00:00", "64", "4", "00:00"]


def test_all_formats_give_the_same_picture(shop: Shop) -> None:
    assert chart(shop, TRACE) == chart(shop, TRACE, fmt="csv")


def test_rows_are_counted_by_value(shop: Shop) -> None:
    picture = chart(shop, ChartConfig(kind="bars", by="name"), table="customers", key="all")

    assert "customer 3" in texts(decoded(picture))


@pytest.mark.parametrize(
    ("rules", "column", "fact"),
    [
        ({"redact": ["total"]}, "total", "is redacted"),
        ({"anonymize": ["total"]}, "total", "is anonymized"),
        ({}, "nothing", "does not exist"),
        ({}, "ordered_at", "is no column of numbers"),
    ],
)
def test_what_must_not_or_cannot_be_drawn_is_told(
    shop: Shop, rules: dict[str, object], column: str, fact: str
) -> None:
    config = SourceConfig.model_validate(
        {"source": "shop", "url": "shop.db", "tables": {"orders": rules}}
    )
    wanted = ChartConfig(kind="trace", x="ordered_at", y=column)

    with pytest.raises(UsageError, match=f"^shop/orders: no chart: column {column} {fact}$"):
        chart(shop, wanted, config)


def test_a_column_that_looks_personal_is_not_drawn_before_it_is_exposed(shop: Shop) -> None:
    manifest, path = published(shop, "customers", "parquet", "all")
    columns = tuple(
        replace(one, name=one.name.replace("name", "gender")) for one in manifest.columns
    )
    personal = replace(manifest, columns=columns)
    config = SourceConfig.model_validate({"source": "shop", "url": "shop.db"})

    with pytest.raises(UsageError, match="column gender looks personal and is not exposed"):
        draw_chart(ChartConfig(kind="bars", by="gender"), config, personal, path)


def test_numbers_with_no_width_between_them_are_not_drawn(shop: Shop) -> None:
    manifest, path = published(shop, "orders", "parquet", "2024-01-05")
    columns = tuple(replace(one, min="-1e308", max="1e308") for one in manifest.columns)
    config = SourceConfig.model_validate({"source": "shop", "url": "shop.db"})

    wide = replace(manifest, columns=columns)

    assert draw_chart(ChartConfig(kind="counts", x="total"), config, wide, path) is None
