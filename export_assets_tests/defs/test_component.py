"""`export_assets.ExportSource` in a dg project: what a source is in `sources/`, it is there."""

import importlib
import json
import os
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import indent

import dagster as dg
import pytest
from dagster.components.core.package_entry import discover_package_objects
from dagster.components.list import list_all_components_schema
from dagster_shared.yaml_utils.sample_yaml import generate_sample_yaml

import export_assets
from export_assets.definitions import project_home
from export_assets.defs.component_project import build_with_components, has_components
from export_assets.defs.component_scaffold import SourceParams, SourceScaffolder
from export_assets.systems.registry import load_workspace
from export_assets_tests.defs.shop_project import QUIET, SHOP, Shop, key

PACKAGE = Path(export_assets.__file__).parent
ROOT = "shop_data_of_a_test"
DG = f'[tool.dg]\ndirectory_type = "project"\n[tool.dg.project]\nroot_module = "{ROOT}"\n'


@dataclass
class DgProject:
    """A dg project with the shop's database, and no `sources/`."""

    shop: Shop

    @property
    def home(self) -> Path:
        return self.shop.home

    def describe(self, name: str, yaml: str) -> Path:
        path = self.home / ROOT / "defs" / name / "defs.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        text = f"type: export_assets.ExportSource\nattributes:\n{indent(yaml, '  ')}"
        path.write_text(text, encoding="utf-8")
        return path

    def load(self) -> dg.Definitions:
        return dg.load_from_defs_folder(path_within_project=self.home)


@pytest.fixture
def project(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Iterator[DgProject]:
    (shop.home / "sources" / "shop.yaml").unlink()
    (shop.home / "pyproject.toml").write_text(DG, encoding="utf-8")
    (shop.home / ROOT / "defs").mkdir(parents=True)
    for folder in (ROOT, f"{ROOT}/defs"):
        (shop.home / folder / "__init__.py").touch()
    # What an installation of this very tree registers, whatever is installed.
    metadata = shop.home / "export_assets-0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: export-assets\nVersion: 0\n")
    entry = "[dagster_dg_cli.registry_modules]\nexport_assets = export_assets\n"
    (metadata / "entry_points.txt").write_text(entry)
    monkeypatch.syspath_prepend(str(shop.home))
    for name in [name for name in os.environ if name.startswith("EXPORT_ASSETS")]:
        monkeypatch.delenv(name)
    importlib.invalidate_caches()
    yield DgProject(shop)
    for name in [name for name in sys.modules if name.partition(".")[0] == ROOT]:
        del sys.modules[name]


def names(definitions: dg.Definitions) -> dict[str, set[str]]:
    graph = definitions.resolve_asset_graph()
    return {
        "assets": {one.to_user_string() for one in graph.get_all_asset_keys()},
        "checks": {one.to_user_string() for one in graph.asset_check_keys},
        "jobs": {job.name for job in definitions.resolve_all_job_defs()},
        "schedules": {one.name for one in definitions.schedules or ()},
        "sensors": {one.name for one in definitions.sensors or ()},
    }


def test_a_component_becomes_what_a_file_becomes(project: DgProject, shop: Shop) -> None:
    shop.write_yaml(SHOP + "freshness: 24\n")
    expected = names(shop.definitions)
    (shop.home / "sources" / "shop.yaml").unlink()
    project.describe("shop", SHOP + "freshness: 24\n")

    loaded = project.load()
    found = names(loaded)

    dg.Definitions.validate_loadable(loaded)
    assert "export_assets.ExportSource" in str(loaded.metadata)
    for what, those in found.items():
        own = {name for name in expected[what] if "shop" in name}
        assert own <= those, what
    # `conditions` belongs to the project, and comes with its first component.
    assert found["sensors"] == {"shop_changes", "shop_published_elsewhere", "conditions"}
    assert found["assets"] == {name for name in expected["assets"] if name.startswith("shop")} | {
        "catalog"
    }
    assert {"prune_dagster"} < found["jobs"]


def test_loading_opens_a_source_once_and_never_again(project: DgProject) -> None:
    project.describe("shop", SHOP)
    first = names(project.load())
    (project.home / "shop.db").unlink()

    assert names(project.load()) == first
    assert not (project.home / "shop.db").exists()


def test_several_components_share_a_project_and_bring_what_is_common_once(
    project: DgProject,
) -> None:
    project.describe("a", SHOP)
    project.describe("b", SHOP.replace("source: shop", "source: second"))

    loaded = project.load()
    found = names(loaded)

    dg.Definitions.validate_loadable(loaded)
    assert {"shop/orders/csv", "second/orders/csv", "catalog"} <= found["assets"]
    assert found["sensors"] >= {"shop_published_elsewhere", "second_published_elsewhere"}


def test_a_name_may_be_that_of_a_variable(
    project: DgProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.describe("shop", SHOP.replace("source: shop", "source: ${SHOP_NAME}"))
    monkeypatch.setenv("SHOP_NAME", "mine")

    assert {"mine/orders/csv", "catalog"} <= names(project.load())["assets"]


def test_a_run_publishes_below_the_project_and_knows_its_lines(project: DgProject) -> None:
    path = project.describe("shop", SHOP)
    loaded = project.load()
    asset = key("shop", "customers", "csv")

    done = loaded.resolve_implicit_global_asset_job_def().execute_in_process(
        asset_selection=[asset], instance=project.shop.instance, run_config=QUIET
    )

    metadata = loaded.resolve_asset_graph().get(key("shop", "orders", "csv")).metadata
    lines = metadata["dagster/code_references"].code_references
    assert done.success
    assert (project.home / "exports" / "shop" / "customers" / "csv" / "all").is_dir()
    assert (lines[0].file_path, lines[0].line_number) == (str(path), 8)
    assert any(one.file_path == str(path) and one.line_number == 1 for one in lines[1:])


def test_the_home_may_be_elsewhere(
    project: DgProject, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("EXPORT_ASSETS_HOME", str(home))
    project.describe("shop", SHOP.replace("sqlite:///shop.db", str(project.home / "shop.db")))

    names(project.load())

    assert (home / "exports" / ".state" / "shop.tables.json").exists()
    assert not (project.home / "exports").exists()


def test_a_source_that_is_described_twice_is_one_clear_error(
    project: DgProject, shop: Shop
) -> None:
    shop.write_yaml(SHOP)
    project.describe("shop", SHOP)

    with pytest.raises(Exception, match="building definitions for shop") as raised:
        project.load()

    cause = raised.value.__cause__
    described = "source: 'shop' is already described by sources/shop.yaml"
    assert str(cause) == f"{ROOT}/defs/shop/defs.yaml: {described}"


def test_definitions_of_ours_show_sources_and_components_together(
    project: DgProject, shop: Shop
) -> None:
    shop.show_all_systems()
    target = 'code_location_target_module = "export_assets.definitions"\n'
    (project.home / "pyproject.toml").write_text(DG + target, encoding="utf-8")
    assert not has_components(project.home)
    shop.write_yaml(SHOP.replace("source: shop", "source: second"))
    project.describe("shop", SHOP)
    python = "import dagster as dg\n\n@dg.asset\ndef mine() -> None: ...\n"
    (project.home / ROOT / "defs" / "mine.py").write_text(python, encoding="utf-8")

    assert has_components(project.home)
    loaded = build_with_components(load_workspace(project.home, environ={}), project.home)
    found = names(loaded)

    dg.Definitions.validate_loadable(loaded)
    assert {"shop/orders/csv", "second/orders/csv", "tandem/events/csv", "mine"} <= found["assets"]
    assert {"published_elsewhere", "shop_published_elsewhere"} <= found["sensors"]


def test_a_project_of_nothing_but_components_is_found(
    project: DgProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project.home / "sources").rmdir()
    monkeypatch.chdir(project.home)

    assert project_home() is None


def test_a_component_may_be_processed_like_any_other(project: DgProject) -> None:
    path = project.describe("shop", SHOP)
    more = "post_processing: {assets: [{target: 'kind:csv', attributes: {owners: ['team:csv']}}]}\n"
    path.write_text(path.read_text(encoding="utf-8") + more, encoding="utf-8")

    graph = project.load().resolve_asset_graph()

    assert graph.get(key("shop", "orders", "csv")).owners == ["team:csv"]
    assert graph.get(key("shop", "orders", "parquet")).owners == ["team:data"]


def test_editors_get_a_schema_of_the_component() -> None:
    schema = list_all_components_schema(entry_points=False, extra_modules=("export_assets",))

    text = json.dumps(schema)
    sample = generate_sample_yaml(
        "a.B", export_assets.ExportSource.get_model_cls().model_json_schema()
    )
    assert "export_assets.ExportSource" in text
    assert "File formats of every table" in text
    assert "url: sqlite:///shop.db" in sample


def test_a_component_may_be_made_by_python(
    project: DgProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.home)
    made = export_assets.ExportSource.from_attributes_dict(
        attributes={"source": "made", "url": str(project.home / "shop.db")}
    )

    assert made.file.name == "made"
    assert "made/orders/parquet" in names(dg.build_defs_for_component(made))["assets"]


def test_dagster_finds_the_component_in_the_package() -> None:
    found = discover_package_objects(["export_assets"])

    assert [(one.namespace, one.name) for one in found] == [("export_assets", "ExportSource")]


def scaffold(project: DgProject, folder: str, **params: str) -> str:
    path = project.home / ROOT / "defs" / folder
    path.mkdir()
    request = dg.ScaffoldRequest(
        type_name="export_assets.ExportSource",
        target_path=path,
        scaffold_format="yaml",
        project_root=project.home,
        params=SourceParams(**params),
    )
    SourceScaffolder().scaffold(request)
    return (path / "defs.yaml").read_text(encoding="utf-8")


def test_what_is_scaffolded_from_a_database_loads(project: DgProject) -> None:
    text = scaffold(project, "shop", url=str(project.home / "shop.db"))

    found = names(project.load())

    assert "  url: sqlite:///shop.db\n" in text
    assert "tables:\n" in text
    assert "  # relations:  # not declared" in text
    assert {"shop/orders/parquet", "shop/customers/csv"} <= found["assets"]


def test_a_scaffold_without_an_address_is_filled_in_or_is_a_system(project: DgProject) -> None:
    assert scaffold(project, "tandem").endswith("  source: tandem\n")
    assert "  url: ${NEW_URL}" in scaffold(project, "new")
    (project.home / ROOT / "defs" / "new" / "defs.yaml").unlink()
    assert "tandem/events" in names(project.load())["assets"]


def test_a_password_is_not_scaffolded(
    project: DgProject, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(Exception, match="server") as raised:
        scaffold(project, "server", url="postgresql://me:hunter2@127.0.0.1:1/shop")

    said = "".join(capfd.readouterr())
    assert "hunter2" not in str(raised.value) + said
    assert not (project.home / ROOT / "defs" / "server").exists()


def test_a_name_that_is_taken_is_refused_and_leaves_nothing_behind(project: DgProject) -> None:
    project.describe("shop", SHOP)

    with pytest.raises(Exception, match="shop: is already described by"):
        scaffold(project, "again", name="shop", url=str(project.home / "shop.db"))

    assert not (project.home / ROOT / "defs" / "again").exists()


def test_the_package_registers_the_component_with_dg() -> None:
    settings = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text(encoding="utf-8"))

    registered = settings["project"]["entry-points"]["dagster_dg_cli.registry_modules"]
    assert registered == {"export_assets": export_assets.__name__}
