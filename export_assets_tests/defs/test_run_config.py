"""The launchpad: fields with a type and a description, and no way out through any of them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest
from dagster._config import process_config

from export_assets.defs.extract_config import extract_config
from export_assets_tests.defs.shop_project import (
    CUSTOMERS,
    ORDERS,
    QUIET,
    SHOP,
    Shop,
    failures,
    key,
    keys_of,
)

CANARY = "hunter2-canary"
HIDDEN = SHOP.replace('  "*": {}', "  customers: {redact: [name]}")


def configured(ops: dict[str, Any]) -> dict[str, Any]:
    return {**QUIET, "ops": {op: {"config": config} for op, config in ops.items()}}


def extracted(shop: Shop, **config: Any) -> dg.ExecuteInProcessResult:
    return shop.definitions.resolve_job_def("extract_shop").execute_in_process(
        instance=shop.instance,
        run_config=configured({"extract__shop": config}),
        raise_on_error=False,
    )


def exported(
    shop: Shop, config: dict[str, Any], *, partition: str | None = None
) -> dg.ExecuteInProcessResult:
    keys = [key(*ORDERS, "csv")]
    job = shop.definitions.resolve_implicit_job_def_def_for_assets(keys)
    assert job is not None
    return job.execute_in_process(
        instance=shop.instance,
        partition_key=partition,
        run_config=configured({"export__shop__orders": config}),
        raise_on_error=False,
        asset_selection=keys,
    )


def fields(definitions: dg.Definitions) -> Iterator[tuple[str, dg.Field]]:
    """Yield every field that a run of anything can be given, by op and name."""
    for job in definitions.resolve_all_job_defs():
        for node in job.nodes:
            schema = node.definition.config_schema
            kind = schema.config_type if schema is not None else None
            for name, one in getattr(kind, "fields", {}).items():
                yield f"{node.name}.{name}", one


def test_every_field_is_described_and_none_takes_variables_of_the_environment(
    shop: Shop,
) -> None:
    (shop.home / "export_assets.yaml").write_text("notify: [{kind: log}]\n", encoding="utf-8")
    shop.write_yaml(SHOP + "keep: {daily: 3}\nbundles: {customers: {}}\nsets: {all: {}}\n")

    found = dict(fields(shop.reopened().definitions))

    ops = {name.partition(".")[0] for name in found}
    assert {"extract__shop", "extract__leadville", "export__shop__orders"} <= ops
    assert "extract__leadville.match_id" in found
    assert [name for name, one in found.items() if not one.description] == []
    kinds = {name: kinds_below(one.config_type) for name, one in found.items()}
    assert [name for name, kind in kinds.items() if any("Source" in one for one in kind)] == []


def test_no_run_says_which_database_the_catalogue_is(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    @dg.asset(required_resource_keys={"catalog"})
    def looks() -> None:
        """Read the catalogue."""

    monkeypatch.setenv("CANARY", CANARY)
    definitions = dg.Definitions.merge(shop.definitions, dg.Definitions(assets=[looks]))
    job = definitions.resolve_implicit_job_def_def_for_assets([looks.key])
    assert job is not None

    for database in ("/etc/passwd", {"env": "CANARY"}):
        config = {"resources": {"catalog": {"config": {"database": database}}}}
        with pytest.raises(dg.DagsterInvalidConfigError, match="unexpected config entry"):
            job.execute_in_process(instance=shop.instance, run_config=config)


def kinds_below(kind: Any) -> set[str]:
    """Return the names of a configuration type and all it is made of."""
    names = {str(kind.given_name or kind.key)}
    for inner in kind.type_iterator():
        names.add(str(inner.given_name or inner.key))
    return names


def test_what_is_no_value_of_a_field_starts_no_run(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CANARY", CANARY)
    variable = {"env": "CANARY"}
    tried: list[dict[str, Any]] = [
        {"name": variable},
        {"where": {"name": variable}},
        {"tables": [variable]},
        {"columns": [variable]},
        {"limit": variable},
        {"overwrite": variable},
        {"tables": ["sqlite_master"]},
        {"formats": ["exe"]},
        {"profile": "../x"},
        {"limit": "many"},
        {"output_dir": "/"},
        {"url": "sqlite:////etc/passwd"},
        {"query": "select 1"},
        {"delete": True},
        {"match_id": "1"},
    ]

    for config in tried:
        with pytest.raises(dg.DagsterInvalidConfigError) as caught:
            extracted(shop, **config)
        assert CANARY not in str(caught.value)
    with pytest.raises(dg.DagsterInvalidConfigError) as caught:
        exported(shop, {"start_date": variable})

    assert CANARY not in str(caught.value)
    assert not (shop.home / "extracts").exists()


def test_references_are_text_and_what_is_hidden_chooses_nothing(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CANARY", CANARY)
    shop.write_yaml(HIDDEN)
    again = shop.reopened()

    named = extracted(again, name="${CANARY}")
    chosen = extracted(again, tables=["customers"], where={"id": "${CANARY}"})
    hidden = extracted(again, tables=["customers"], where={"name": "customer 1"})

    assert failures(named)[0].startswith("name '${CANARY}': up to 64 letters")
    assert failures(chosen) == ["customers.id: '${CANARY}' is no integer"]
    assert failures(hidden) == [
        "customers.name: cannot choose rows: its values do not leave the source"
    ]
    assert not list((shop.home / "extracts").rglob("*.*"))


def test_an_extract_says_what_it_wrote_and_publishes_nothing(shop: Shop) -> None:
    result = extracted(
        shop, tables=["orders"], formats=["csv"], where={"customer_id": "2"}, limit=3, name="mine"
    )

    [output] = [one for one in result.all_events if one.is_successful_output]
    told = {name: value.value for name, value in output.step_output_data.metadata.items()}
    path = shop.home / "extracts" / "shop" / "mine"
    assert (told["path"], told["files"], told["rows"]) == (str(path), 1, 3)
    assert len(list(path.glob("orders_*.csv"))) == 1
    assert "| orders | csv | orders_" in str(told["contents"])
    assert not (shop.home / "exports" / "shop" / "orders").exists()
    assert not shop.materialized(key(*ORDERS, "csv"))


def test_an_extract_that_finds_its_files_there_has_failed(shop: Shop) -> None:
    there = shop.home / "extracts" / "shop" / "mine"
    there.mkdir(parents=True)
    for seconds in range(120):
        stamp = datetime.now(UTC) + timedelta(seconds=seconds)
        (there / f"customers_{stamp:%Y%m%d_%H%M%S}.csv").touch()

    kept = extracted(shop, tables=["customers"], formats=["csv"], name="mine")
    replaced = extracted(shop, tables=["customers"], formats=["csv"], name="mine", overwrite=True)

    assert failures(kept) == [
        "customers: its csv file is there already; set overwrite, or another name"
    ]
    assert replaced.success


def test_days_of_a_run_without_a_partition_are_whole_partitions(shop: Shop) -> None:
    result = exported(shop, {"start_date": "2024-01-03", "end_date": "2024-01-04"})

    assert result.success
    found = {name: one.rows for name, one in shop.manifests(fmt="csv").items()}
    assert found == {"2024-01-03": 3, "2024-01-04": 3}
    assert shop.materialized(key(*ORDERS, "csv")) == set(found)


def test_days_that_cannot_be_whole_partitions_are_refused(shop: Shop) -> None:
    named = exported(shop, {"start_date": "2024-01-03"}, partition="2024-01-03")
    wrong = exported(shop, {"end_date": "2024-02-31"})
    whole = shop.definitions.resolve_job_def("export_shop").execute_in_process(
        instance=shop.instance,
        run_config=configured({"export__shop__customers": {"start_date": "today"}}),
        asset_selection=keys_of(CUSTOMERS),
        raise_on_error=False,
    )

    assert failures(named) == [
        "shop/orders: the run names its partitions; leave start_date and end_date out"
    ]
    assert failures(wrong) == ["date '2024-02-31': no such day"]
    assert failures(whole) == [
        "shop/customers: is not sliced by time; leave start_date and end_date out"
    ]
    assert not shop.manifests(fmt="csv")


def test_a_full_run_reads_what_seems_unchanged(shop: Shop) -> None:
    exported(shop, {}, partition="2024-01-03")
    first = shop.manifests(fmt="csv")["2024-01-03"].generation

    full = exported(shop, {"full": True}, partition="2024-01-03")
    again = exported(shop, {"overwrite": True}, partition="2024-01-03")

    assert full.success
    assert again.success
    assert shop.manifests(fmt="csv")["2024-01-03"].generation != first


def test_a_source_whose_tables_change_offers_those_it_has_now() -> None:
    for tables in (["customers", "orders"], ["customers", "invoices"]):
        offered = dg.Shape(extract_config("shop", tables, logs=False))  # type: ignore[no-untyped-call]

        assert process_config(offered, {"tables": tables}).success
        assert not process_config(offered, {"tables": ["orders", "invoices"]}).success
