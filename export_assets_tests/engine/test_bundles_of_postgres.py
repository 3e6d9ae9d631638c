"""Bundles of a PostgreSQL server: declared foreign keys, keys of its own types, both directions."""

import json
from pathlib import Path

import pytest

from export_assets_tests.engine.bundle_world import Bundles
from export_assets_tests.postgres_server import Database, postgres, postgres_server

__all__ = ["postgres", "postgres_server"]  # fixtures

TABLES = (
    "create table clients (id uuid primary key, name text)",
    (
        "create table visits (client_id uuid not null references clients (id), at timestamptz, "
        "note jsonb, primary key (client_id, at))"
    ),
    (
        "create table bills (id bigint primary key, client_id uuid, at timestamptz, "
        "amount numeric(10, 2), foreign key (client_id, at) references visits (client_id, at))"
    ),
    (
        "insert into clients select ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, "
        "'client ' || n from generate_series(1, 1200) as n"
    ),
    (
        "insert into visits select id, '2026-01-01 10:00:00.5+02'::timestamptz + hours * "
        "interval '1 hour', '{\"a\": 1}' from clients, generate_series(0, 1) as hours"
    ),
    (
        "insert into bills select row_number() over (order by client_id, at), client_id, at, 12.50 "
        "from visits"
    ),
    "insert into bills values (100000, null, now(), 1)",
)
FIRST = "00000000-0000-4000-8000-000000000001"


@pytest.fixture
def clinic(postgres: Database, tmp_path: Path) -> Bundles:
    postgres.run(*TABLES)
    return Bundles(tmp_path, yaml=f"source: shop\nurl: '{postgres.url}'\n")


def test_children_over_keys_of_several_columns(clinic: Bundles) -> None:
    data = clinic.bundler("clients", FIRST).collect()

    assert [row["name"] for row in data.roots] == ["client 1"]
    assert [len(rows) for rows in data.related.values()] == [2, 2]
    assert {row["id"] for row in data.related["bills"]} == {1, 2}
    assert json.loads(bytes(data.tree))[0]["visits"][0]["note"] == {"a": 1}


def test_parents_of_a_row(clinic: Bundles) -> None:
    report = clinic.bundler("bills", "3", formats=("parquet", "csv"), follow="parents").export()

    assert report.tables == {"bills": 1, "visits": 1, "clients": 1}
    assert not report.warnings


def test_more_keys_than_one_statement_takes(clinic: Bundles) -> None:
    ids = [f"00000000-0000-4000-8000-{number:012}" for number in range(1, 1101)]

    report = clinic.bundler("clients", *ids, formats=("parquet",)).export()

    assert report.tables == {"clients": 1100, "visits": 2200, "bills": 2200}


def test_an_id_of_another_kind_is_a_missing_one(clinic: Bundles) -> None:
    data = clinic.bundler("bills", "no number", "4").collect()

    assert (len(data.roots), data.missing) == (1, ("no number",))
    data = clinic.bundler("clients", "no uuid", f"{{{FIRST}}}").collect()
    assert (len(data.roots), data.missing) == (1, ("no uuid",))
