"""The catalogue in Dagster: made by whoever publishes, told when it changed, there to be read."""

import dagster as dg
from dagster_duckdb import DuckDBResource

from export_assets_tests.defs.shop_project import CUSTOMERS, ORDERS, Shop, key, keys_of

CATALOG = key("catalog")


def told(shop: Shop) -> list[dg.AssetMaterialization]:
    records = shop.instance.fetch_materializations(CATALOG, limit=100).records
    return [one.asset_materialization for one in records if one.asset_materialization is not None]


def test_a_run_that_publishes_tells_of_the_catalogue_once_it_changed(shop: Shop) -> None:
    assert shop.run(keys_of(CUSTOMERS)).success
    first = len(told(shop))
    assert shop.run(keys_of(CUSTOMERS)).success
    unchanged = len(told(shop))
    assert shop.run(keys_of(ORDERS), partition="2024-01-03").success

    assert (first, unchanged, len(told(shop))) == (1, 1, 2)
    assert told(shop)[0].metadata["views"].value == 2
    assert "| shop | orders | parquet | 1 |" in str(told(shop)[0].metadata["tables"].value)


def test_the_asset_looks_at_everything_anew(shop: Shop) -> None:
    shop.run(keys_of(CUSTOMERS))
    (shop.workspace.store.root / "catalog.duckdb").unlink()

    done = shop.run([CATALOG])

    assert done.success
    assert (shop.workspace.store.root / "catalog.duckdb").exists()


def test_assets_of_one_s_own_read_it_through_the_resource(shop: Shop) -> None:
    shop.run(keys_of(CUSTOMERS))
    seen: list[object] = []

    @dg.asset(deps=[CATALOG])
    def report(catalog: DuckDBResource) -> None:
        with catalog.get_connection() as connection:
            seen.extend(connection.execute("SELECT count(*) FROM shop.customers").fetchall())

    done = dg.materialize(
        [report], instance=shop.instance, resources=dict(shop.definitions.resources or {})
    )

    assert done.success
    assert seen == [(5,)]


def test_a_project_without_a_catalogue_has_no_asset_of_it(shop: Shop) -> None:
    (shop.home / "export_assets.yaml").write_text("catalog: false\n", encoding="utf-8")
    again = shop.reopened()

    assert CATALOG not in again.definitions.resolve_asset_graph().get_all_asset_keys()
    assert again.run(keys_of(CUSTOMERS)).success
    assert not (again.workspace.store.root / "catalog.duckdb").exists()
