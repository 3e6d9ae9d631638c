"""Columns that look personal, and rows that got lost, as checks in Dagster."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from export_assets.defs.held import RunSources
from export_assets.engine.workspace import ConfiguredSource
from export_assets.sources.base import Scan
from export_assets_tests.defs.shop_project import (
    CUSTOMERS,
    ORDERS,
    SHOP,
    Shop,
    failures,
    key,
    keys_of,
)
from export_assets_tests.engine.engine_world import FakeSource, scanning

PRIVACY = dg.AssetCheckKey(key(*CUSTOMERS, "parquet"), "privacy")
ERROR, WARN = dg.AssetCheckSeverity.ERROR, dg.AssetCheckSeverity.WARN


def with_phone(path: Path, rule: str = "") -> Iterator[Shop]:
    with dg.DagsterInstance.ephemeral(tempdir=str(path)) as instance:
        shop = Shop(path / "project", instance=instance, yaml=SHOP + rule)
        shop.sql("alter table customers add column phone text")
        yield shop


@pytest.fixture
def warned(tmp_path: Path) -> Iterator[Shop]:
    yield from with_phone(tmp_path)


@pytest.fixture
def refused(tmp_path: Path) -> Iterator[Shop]:
    yield from with_phone(tmp_path, "unclassified: refuse\n")


def named(result: dg.ExecuteInProcessResult, name: str) -> list[dg.AssetCheckEvaluation]:
    return [one for one in result.get_asset_check_evaluations() if one.check_name == name]


def test_a_personal_looking_column_fails_the_check_and_is_exported(warned: Shop) -> None:
    result = warned.run(keys_of(CUSTOMERS))

    (found,) = named(result, "privacy")
    assert result.success
    assert (found.passed, found.severity) == (False, WARN)
    assert found.description == "1 column personal by name and not classified: phone (phone)"
    assert set(warned.manifests("customers")) == {"all"}


def test_the_check_is_looked_at_once_whatever_formats_run(warned: Shop) -> None:
    csv_only = warned.run(keys_of(CUSTOMERS, ("csv",)))
    alone = warned.run_checks(dg.AssetSelection.checks(PRIVACY))

    assert csv_only.success
    assert [one.passed for one in named(alone, "privacy")] == [False]


def test_refused_columns_fail_the_check_as_an_error_and_nothing_is_exported(refused: Shop) -> None:
    result = refused.run(keys_of(CUSTOMERS))

    (found,) = named(result, "privacy")
    assert not result.success
    assert (found.passed, found.severity, found.blocking) == (False, ERROR, True)
    assert "customers.phone (phone)" in failures(result)[0]
    assert refused.manifests("customers") == {}


def test_a_source_that_allows_everything_has_no_such_check(tmp_path: Path) -> None:
    for shop in with_phone(tmp_path, "unclassified: allow\n"):
        assert PRIVACY not in shop.definitions.resolve_asset_graph().asset_check_keys


def test_a_classified_column_passes(tmp_path: Path) -> None:
    for shop in with_phone(tmp_path, "expose: ['*phone*']\n"):
        assert [one.passed for one in named(shop.run(keys_of(CUSTOMERS)), "privacy")] == [True]


def drop_a_row(scan: Scan, frames: Iterator[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    for frame in frames:
        yield frame.filter(pl.col("id") != 1) if scan.limit is None else frame


@pytest.mark.parametrize(
    ("table", "partition"), [(CUSTOMERS, None), (ORDERS, "2024-01-02"), (ORDERS, None)]
)
def test_a_row_that_gets_lost_fails_the_blocking_check_of_completeness(
    table: tuple[str, str], partition: str | None, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = RunSources.source

    def dropping(self: RunSources, name: str) -> ConfiguredSource:
        found = plain(self, name)
        if not isinstance(found.source, FakeSource):
            found.__dict__["source"] = FakeSource(found.source, scanning(drop_a_row))
        return found

    monkeypatch.setattr(RunSources, "source", dropping)

    result = shop.run(keys_of(table), partition=partition)

    found = named(result, "completeness")
    assert not result.success
    assert {(one.passed, one.severity, one.blocking) for one in found} == {(False, ERROR, True)}
    assert {one.asset_key.path[-1] for one in found} == {"parquet", "csv"}
    assert shop.manifests(table[-1]) == {}


@pytest.mark.suite("security")
@pytest.mark.promise("no-secrets")
def test_no_byte_of_the_event_log_tells_a_hidden_value(tmp_path: Path) -> None:
    secret = "CANARY-7f3a9c"
    yaml = SHOP.replace(
        '"*": {}', "customers: {redact: [name], checks: [{column: name, not_null: true}]}"
    )
    home = tmp_path / "dagster"
    home.mkdir()
    with dg.DagsterInstance.local_temp(str(home)) as instance:
        shop = Shop(tmp_path / "project", instance=instance, yaml=yaml)
        shop.sql(f"update customers set name = '{secret}' || id")
        result = shop.run(keys_of(CUSTOMERS))
        told = "\n".join([*failures(result), repr(result.all_events)])

    assert not result.success
    assert secret not in told
    written = [path for path in tmp_path.rglob("*") if path.is_file() and path.name != "shop.db"]
    assert any(path.suffix == ".db" for path in written)
    assert not [path for path in written if secret.encode() in path.read_bytes()]
