"""What the catalogue says of every asset, and how assets are found by what they are."""

import os
from collections.abc import Collection, Mapping
from pathlib import Path

import dagster as dg
import pytest

from export_assets.defs.build import build_definitions
from export_assets.systems.labeling.descriptions import TABLES, describe_column
from export_assets.systems.labeling.schema import known_columns
from export_assets.systems.leadville.model import EVENTS, RUNS
from export_assets.systems.leadville.statistics import MATCH_STATISTICS, SESSION_STATISTICS
from export_assets.systems.registry import SYSTEMS, load_workspace
from export_assets.systems.tandem.descriptions import COLUMN_DESCRIPTIONS
from export_assets.systems.weights.tables import TABLES as WEIGHTS
from export_assets_tests.defs.shop_project import ORDERS, SHOP, Shop, key

ABOVE: Mapping[str, Mapping[str, set[str]]] = {
    "tandem": {
        "raw_events": set(),
        "events": {"raw_events"},
        "cgm_readings": {"events"},
        "basal_deliveries": {"events"},
        "cgm_readings/parquet": {"cgm_readings"},
    },
    "leadville": {
        "logs": set(),
        "segments": {"logs"},
        "quarantine": {"logs"},
        "events": {"segments"},
        "runs": {"events"},
        "session_statistics": {"runs"},
        "match_statistics": {"runs"},
        "events/csv": {"events"},
        "match_archives": {"logs", "events", "runs"},
        "offload_archives": {"logs", "events", "runs"},
    },
    "theprogram": {
        "clients": set(),
        "clients/json": {"clients"},
        "bundles/charts": {"charts", "chart_interpretations", "aspect_patterns", "transit_events"},
        "bundles/clients": {
            "clients",
            "birth_data",
            "charts",
            "session_notes",
            "chart_interpretations",
            "aspect_patterns",
            "transit_events",
        },
    },
    "labeling": {
        "images/parquet": {"images"},
        "project_documents/set": {"projects", "datasets", "images", "annotations", "labels"},
    },
    "weights": {"states": set(), "states/parquet": {"states"}, "summary/csv": {"summary"}},
}
"""What assets of each system come from."""

COLUMNS: Mapping[str, Mapping[str, Collection[str]]] = {
    "tandem": COLUMN_DESCRIPTIONS,
    "leadville": {
        one.name: one.names for one in (EVENTS, RUNS, SESSION_STATISTICS, MATCH_STATISTICS)
    },
    "weights": {one.name: one.names for one in WEIGHTS},
}


@pytest.fixture(scope="module")
def definitions(tmp_path_factory: pytest.TempPathFactory) -> dg.Definitions:
    """A project nobody has exported anything of: what is known beforehand."""
    return build_definitions(load_workspace(tmp_path_factory.mktemp("home"), environ={}))


def nodes(definitions: dg.Definitions) -> dict[str, dg.AssetSpec]:
    return {
        spec.key.to_user_string(): spec
        for spec in definitions.resolve_all_asset_specs()
        if not spec.key.to_user_string().startswith("__")
    }


def found(definitions: dg.Definitions, selection: str) -> set[str]:
    graph = definitions.resolve_asset_graph()
    chosen = dg.AssetSelection.from_string(selection, include_sources=True).resolve(graph)
    return {one.to_user_string() for one in chosen}


def test_every_asset_has_a_group_kinds_tags_and_says_what_a_row_is(
    definitions: dg.Definitions,
) -> None:
    whole = ("logs", "catalog", "set", "match_archives", "offload_archives")
    for name, spec in nodes(definitions).items():
        parts = name.split("/")
        assert spec.group_name == parts[0], name
        assert spec.kinds, name
        assert spec.description, name
        if parts[0] in SYSTEMS:
            assert spec.tags["export_assets/source"] == parts[0], name
            assert spec.tags["export_assets/system"] == parts[0], name
            assert "dagster/code_references" in spec.metadata, name
        if parts[-1] not in whole:
            said = spec.description.lower()
            assert "one row" in said, name


def test_every_known_column_says_what_it_holds(definitions: dg.Definitions) -> None:
    silent = {
        f"{name}: {column.name}"
        for name, spec in nodes(definitions).items()
        if (schema := spec.metadata.get("dagster/column_schema")) is not None
        for column in schema.columns
        if not column.description
    }
    described = {
        table: columns
        for table, columns in known_columns().items()
        if any(not describe_column(table, one) for one in columns - {"confidence", "segmentation"})
    }

    assert silent == set()
    assert described == {}
    assert TABLES.keys() <= known_columns().keys()


@pytest.mark.parametrize("system", sorted(SYSTEMS))
def test_lineage_leads_from_the_source_to_what_is_handed_out(
    definitions: dg.Definitions, system: str
) -> None:
    graph = definitions.resolve_asset_graph()

    above = {
        name: {one.to_user_string().partition("/")[2] for one in node.parent_keys}
        for name in ABOVE[system]
        for node in [graph.get(dg.AssetKey([system, *name.split("/")]))]
    }

    assert above == ABOVE[system]


@pytest.mark.parametrize("system", sorted(COLUMNS))
def test_column_lineage_names_columns_there_are(system: str) -> None:
    known = COLUMNS[system]

    for table, columns in SYSTEMS[system].lineage().items():
        assert set(columns) <= set(known[table]), table
        for name, origins in columns.items():
            assert origins, f"{table}.{name}"
            assert all(column in known[other] for other, column in origins), f"{table}.{name}"


def test_every_column_of_runs_and_statistics_has_an_origin(definitions: dg.Definitions) -> None:
    for schema in (RUNS, SESSION_STATISTICS, MATCH_STATISTICS):
        spec = nodes(definitions)[f"leadville/{schema.name}"]
        lineage = spec.metadata["dagster/column_lineage"].deps_by_column

        assert set(lineage) == set(schema.names)

    origins = nodes(definitions)["leadville/runs"].metadata["dagster/column_lineage"]
    [session] = origins.deps_by_column["session_id"]
    assert (session.asset_key, session.column_name) == (key("leadville", "events"), "session_id")


def test_columns_of_a_set_are_those_of_its_tables(definitions: dg.Definitions) -> None:
    spec = nodes(definitions)["labeling/database_export/set"]
    lineage = spec.metadata["dagster/column_lineage"].deps_by_column

    made_of = {
        name: [(dep.asset_key.path[-1], dep.column_name) for dep in deps]
        for name, deps in lineage.items()
    }

    assert made_of["images.Filename"] == [("images", "filename")]
    assert made_of["images.Dataset"] == [("datasets", "name")]
    assert made_of["database_export.json.projects.datasets.id"] == [("datasets", "id")]
    assert made_of["database_export.json.projects.datasets.images.id"] == [("images", "id")]


def test_exports_are_found_by_system_table_format_partition_and_owner(shop: Shop) -> None:
    shop.show_all_systems()
    shop.write_yaml(SHOP.replace("formats: [parquet, csv]", "formats: [parquet, csv, json]"))
    definitions = shop.definitions

    csv = found(definitions, 'tag:"export_assets/table"=orders and kind:csv')
    json = found(definitions, 'group:shop and tag:"export_assets/format"=json')
    days = found(definitions, 'tag:"export_assets/every"=day and tag:"export_assets/source"=shop')
    by_time = found(definitions, 'tag:"export_assets/partitioned_by"=ordered_at')
    logs = found(definitions, 'tag:"export_assets/system"=leadville and kind:zip')
    owned = found(definitions, 'owner:"team:data"')

    assert csv == {"shop/orders/csv"}
    assert json == {"shop/orders/json", "shop/customers/json"}
    assert days == by_time == {f"shop/orders/{one}" for one in ("parquet", "csv", "json")}
    assert logs == {"leadville/match_archives", "leadville/offload_archives"}
    assert owned == {name for name in nodes(definitions) if name.startswith("shop")}


def test_a_table_is_found_by_its_columns_and_what_is_made_of_it_with_it(shop: Shop) -> None:
    definitions = shop.definitions

    assert found(definitions, 'tag:"column/total"') == {"shop/orders"}
    assert found(definitions, 'tag:"column/name" and group:shop') == {"shop/customers"}
    assert found(definitions, 'tag:"column/total"+') == {
        "shop/orders",
        "shop/orders/csv",
        "shop/orders/parquet",
    }


def test_columns_of_odd_names_are_tags_as_well(shop: Shop) -> None:
    shop.sql('create table odd ("Größe in cm" integer, "a/b:c" integer, "x" integer)')

    tags = nodes(shop.definitions)["shop/odd"].tags

    dg.Definitions.validate_loadable(shop.definitions)
    assert sum(name.startswith("column/") for name in tags) == 3
    assert tags["column/x"] == ""


def test_an_asset_leads_to_its_lines_in_yaml_and_to_what_writes_it(shop: Shop) -> None:
    shop.show_all_systems()
    specs = nodes(shop.definitions)

    orders = specs["/".join((*ORDERS, "csv"))].metadata["dagster/code_references"].code_references
    events = specs["tandem/events"].metadata["dagster/code_references"].code_references

    yaml = str(shop.home / "sources" / "shop.yaml")
    line = 1 + SHOP.splitlines().index("  orders:")
    assert [(one.file_path, one.line_number) for one in orders[:1]] == [(yaml, line)]
    assert [Path(one.file_path).name for one in orders] == ["shop.yaml", "csv.py"]
    assert [Path(one.file_path).name for one in events] == ["tandem.yaml", "system.py"]
    assert SYSTEMS["tandem"].yaml.read_text().splitlines()[events[0].line_number - 1] == "  events:"
    assert all(Path(one.file_path).is_file() for one in (*orders, *events))


def test_no_path_of_this_machine_is_published(shop: Shop) -> None:
    shop.run([key(*ORDERS, "csv")], partition="2024-01-02")

    published = [path for path in (shop.home / "exports" / "shop").rglob("*") if path.is_file()]
    texts = [path.read_bytes() for path in published]

    assert published
    assert not [text for text in texts if os.fsencode(shop.home) in text or b"csv.py" in text]
