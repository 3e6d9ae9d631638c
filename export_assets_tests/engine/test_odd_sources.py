"""Databases and configurations that are not as they should be: one clear line, the rest goes on."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from export_assets.engine.verification import verify_source
from export_assets.errors import ContractViolation
from export_assets.tables.partitions import Window
from export_assets_tests.engine.engine_world import shop, statuses

BY_DAY = "source: shop\nurl: shop.db\ntables: {t: {partition_by: {column: at}}}\n"
CREATE_T = "create table t (at timestamp); insert into t values ('2026-01-01T00:00:00');"

odd_times = pytest.mark.parametrize(
    ("value", "fact"),
    [
        ("'not a date'", "holds text that is no timestamp (1 value)"),
        ("'2026-01-01T00:00:00.1234567'", "holds text that is no timestamp (1 value)"),
        ("1770000000", "holds integer, text values (1 value)"),
        ("x'00'", "holds text, blob values (1 value)"),
    ],
)


@odd_times
def test_a_time_that_is_none_fails_a_table_sliced_by_it(
    value: str, fact: str, tmp_path: Path
) -> None:
    world = shop(tmp_path, BY_DAY, f"{CREATE_T} insert into t values ({value});")

    report = world.export()

    assert report.exit_code == ContractViolation.exit_code
    (record,) = report.records
    assert record.error == f"t.at: {fact}, and partition_by needs every value a timestamp"


def test_a_window_over_a_time_that_is_none_fails_the_table(tmp_path: Path) -> None:
    world = shop(tmp_path, BY_DAY, f"{CREATE_T} insert into t values ('soon');")
    window = Window(start=datetime(2025, 1, 1, tzinfo=UTC))

    report = world.export(output_dir=tmp_path / "out", window=window)

    assert report.exit_code == ContractViolation.exit_code


def test_a_time_that_is_none_leaves_a_table_that_is_not_sliced_alone(tmp_path: Path) -> None:
    world = shop(tmp_path, BY_DAY, f"{CREATE_T} insert into t values ('soon');")

    report = world.export(output_dir=tmp_path / "out")

    assert statuses(report) == {"t/parquet/all": "success"}
    assert report.rows == 2


def test_verifying_against_a_time_that_is_none_says_so(tmp_path: Path) -> None:
    world = shop(tmp_path, BY_DAY, CREATE_T)
    world.export()
    world.sql("insert into t values ('soon')")

    with pytest.raises(ContractViolation, match=r"^t\.at: holds text that is no timestamp"):
        verify_source(world.exporter())
