"""The configuration hash changes with what shapes the bytes, and with nothing else."""

import subprocess
import sys
from typing import Any

import pytest

from export_assets.config.hashing import config_hash
from export_assets.config.models import SourceConfig
from export_assets.config.table import TableConfig

BASE: dict[str, Any] = {
    "source": "shop",
    "url": "shop.db",
    "formats": ["parquet", "csv"],
    "format_options": {"csv": {"delimiter": ";"}},
    "tables": {"orders": {"checks": [{"column": "total", "ge": 0}]}, "*": {}},
    "options": {"zone": "UTC", "api_key": "k"},
}
EXPECTED = "a004fb90150b3145"


def hashed(table: str = "orders", fmt: Any = "csv", **keys: Any) -> str:
    return config_hash(SourceConfig.model_validate(BASE | keys), table, fmt)


def orders(**keys: Any) -> dict[str, Any]:
    return {"tables": {"orders": BASE["tables"]["orders"] | keys, "*": {}}}


def test_the_hash_is_the_same_for_ever() -> None:
    assert hashed() == EXPECTED


def test_the_hash_is_the_same_in_another_process() -> None:
    program = (
        "import json, sys\n"
        "from export_assets.config.hashing import config_hash\n"
        "from export_assets.config.models import SourceConfig\n"
        "config = SourceConfig.model_validate(json.loads(sys.argv[1]))\n"
        "print(config_hash(config, 'orders', 'csv'))\n"
    )
    document = SourceConfig.model_validate(BASE).model_dump_json(by_alias=True)

    answers = {
        subprocess.run(
            [sys.executable, "-c", program, document],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed},
        ).stdout.strip()
        for seed in ("1", "2")
    }

    assert answers == {EXPECTED}


@pytest.mark.parametrize(
    "keys",
    [
        {"url": "other.db"},
        {"description": "x", "owners": ["team:x"]},
        {"formats": ["csv"]},
        {"busy_timeout": 5, "schedule": "@daily", "freshness": 1, "keep": {"daily": 1}},
        {"relations": [{"from": "a.b", "to": "c.d"}]},
        {"format_options": {"csv": {"delimiter": ";"}, "parquet": {"compression": "none"}}},
        {"options": {"api_key": "other", "zone": "UTC"}},
        {"tables": BASE["tables"] | {"other": {"redact": ["a"]}}},
        orders(description="x", column_descriptions={"a": "b"}, formats=["json"], freshness=2),
        orders(cadence={"column": "t", "minutes": 5}, monotone=["n"], keep={"daily": 1}),
        orders(by_default=False, max_rows_per_file=None),
        orders(cursor="updated_at", lag="1h", full_every="7d", tombstones=True, drift="allow"),
        orders(format_options={"csv": {"delimiter": ";"}}),
    ],
)
def test_what_shapes_no_bytes_leaves_the_hash_alone(keys: dict[str, Any]) -> None:
    assert hashed(**keys) == EXPECTED


@pytest.mark.parametrize(
    "keys",
    [
        {"source": "shop2"},
        {"system": "tandem"},
        {"assume_timezone": "Europe/Berlin"},
        {"types": {"a": "text"}},
        {"redact": ["phone"]},
        {"redact_defaults": False},
        {"options": {"zone": "CET"}},
        {"format_options": {"csv": {"delimiter": ","}}},
        {"table": "other"},
        {"fmt": "parquet"},
        orders(types={"a": "text"}),
        orders(redact=["phone"]),
        orders(anonymize=["email"]),
        orders(expose=["token_count"]),
        orders(query="select 1"),
        orders(partition_by={"column": "t"}),
        orders(partition_by={"column": "t", "every": "month"}),
        orders(columns=["a"]),
        orders(exclude_columns=["a"]),
        orders(order_by=["a"]),
        orders(primary_key=["a"]),
        orders(max_rows_per_file=5),
        orders(checks=[{"column": "total", "ge": 1}]),
        orders(format_options={"csv": {"compression": "gzip"}}),
    ],
)
def test_what_shapes_the_bytes_changes_the_hash(keys: dict[str, Any]) -> None:
    assert hashed(**keys) != EXPECTED


def test_the_order_of_keys_does_not_matter() -> None:
    backwards = {key: BASE[key] for key in reversed(BASE)}
    config = SourceConfig.model_validate(backwards)

    assert config_hash(config, "orders", "csv") == EXPECTED


def test_every_key_of_a_table_was_decided_upon() -> None:
    """A new key must be put on one of the two sides here, and tested above."""
    shaping = {
        "anonymize",
        "checks",
        "columns",
        "exclude_columns",
        "expose",
        "format_options",
        "max_rows_per_file",
        "order_by",
        "partition_by",
        "primary_key",
        "query",
        "redact",
        "types",
    }
    silent = {
        "automation",
        "backfill",
        "by_default",
        "cadence",
        "column_descriptions",
        "cursor",
        "chart",
        "description",
        "drift",
        "failing_values",
        "formats",
        "freshness",
        "full_every",
        "keep",
        "lag",
        "monotone",
        "sample_rows",
        "tombstones",
        "volume",
    }

    assert set(TableConfig.model_fields) == shaping | silent


def test_where_the_partitions_of_dagster_begin_does_not_matter() -> None:
    by_day = {"column": "at", "every": "day"}
    from_then = {"orders": {"partition_by": by_day | {"start": "2024-01-01"}}}

    hashes = {
        config_hash(SourceConfig.model_validate(BASE | {"tables": tables}), "orders", "csv")
        for tables in ({"orders": {"partition_by": by_day}}, from_then)
    }

    assert len(hashes) == 1
